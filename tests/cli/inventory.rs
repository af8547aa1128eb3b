//! A home-made API in German: `--inventory` says which of its routes want a label, and the labels do their work.

use super::Bench;
use serde_json::Value;
use std::fmt::Write as _;

/// What one person does: log in, prove a code, add a phone, get a key, use it, leave, and be refused.
fn person(n: u8, text: &mut String) {
    let token = |what: &str| format!("{what}4oYyiLulu{n}mOxrzEkx0l93qZduF8zu9");
    let (pass, ticket, key) = (token("a"), token("t"), token("k"));
    let mut step = |wait: &str, method: &str, path: &str, head: &str, body: &str, answer: &str| {
        let _ = writeln!(text, "@p{n}> +{wait}\n{method} {path} HTTP/1.1\nHost: api.example.com");
        if !head.is_empty() {
            let _ = writeln!(text, "{head}");
        }
        if body.is_empty() {
            let _ = writeln!(text, "\n@p{n}< +20ms\n{answer}");
        } else {
            let _ = writeln!(text, "Content-Type: application/json\n\n{body}\n@p{n}< +20ms\n{answer}");
        }
    };
    let ok = |body: &str| format!("HTTP/1.1 200 OK\nContent-Type: application/json\n\n{body}");
    let login = format!(r#"{{"benutzer":"person{n}@example.com","kennwort":"Hafen-rille99{n}!"}}"#);
    let bearer = format!("Authorization: Bearer {pass}");
    step("1s", "POST", "/api/anmelden", "", r#"{"benutzer":"x","kennwort":"falsch99"}"#, "HTTP/1.1 401 Nein");
    step("1s", "POST", "/api/anmelden", "", &login, &ok(&format!(r#"{{"vorgang":"{ticket}"}}"#)));
    let code = format!(r#"{{"vorgang":"{ticket}","zahl":"12345{n}"}}"#);
    step("30s", "POST", "/api/zahl", "", &code, &ok(&format!(r#"{{"ausweis":"{pass}"}}"#)));
    let phone = r#"{"adresse":"otpauth://totp/Haus:x?secret=JBSWY3DPEHPK3PXPJBSWY3DP"}"#;
    step("5s", "POST", "/api/handy", &bearer, r#"{"art":"app"}"#, &ok(phone));
    step("5s", "POST", "/api/dinge", &bearer, r#"{"nummer":"20261121"}"#, &ok(r#"{"id":7}"#));
    let path = format!("/api/dinge/{n}/zugang");
    step("5s", "POST", &path, &bearer, r#"{"zweck":"bau"}"#, &ok(&format!(r#"{{"neu":"{key}"}}"#)));
    step("5s", "GET", "/api/dinge", &format!("X-API-Key: {key}"), "", &ok("[]"));
    step("5s", "POST", "/api/ende", &bearer, "{}", "HTTP/1.1 204 Gut");
    step("5s", "GET", "/api/dinge", &bearer, "", "HTTP/1.1 401 Nein");
}

fn traffic() -> String {
    let mut text = String::new();
    for n in 1..=3 {
        let _ = writeln!(text, "@open p{n} 203.0.113.{n}:5100{n} -> 10.0.0.5:8080 at 2026-11-21T10:{n}0:00Z");
        person(n, &mut text);
        let _ = writeln!(text, "@close p{n} +1s");
    }
    text
}

fn suggestions(inventory: &str) -> Vec<Value> {
    let records = inventory.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["kind"] == "suggestion").collect()
}

#[test]
fn an_api_of_ones_own_gets_its_labels_proposed() {
    let bench = Bench::new();
    bench.write("a.pcap", super::support::conversation::pcap(&traffic()));
    bench.run(&["replay", "--alerts", "al", "--inventory", "inv", "a.pcap"]).succeeds();
    let inventory = bench.read("inv");
    let told: Vec<String> = suggestions(&inventory)
        .iter()
        .map(|s| format!("{} {} {}: {}\n", s["method"], s["route"], s["labels"], s["reason"]))
        .collect();
    expect_test::expect![[r#"
        "POST" "/api/anmelden" ["login"]: "3 of 3 accepted calls carried a password (`kennwort`) and were answered with a session or token"
        "POST" "/api/dinge/{id}/zugang" ["key_issue"]: "3 things that were handed out here were used as API keys later"
        "POST" "/api/ende" ["logout"]: "after 3 of 3 accepted calls the session was refused"
        "POST" "/api/handy" ["enrolment"]: "3 of 3 accepted calls were answered with a second factor's secret"
        "POST" "/api/zahl" ["attempt"]: "3 of 3 accepted calls carried six to eight digits (`zahl`) within two minutes of a login by the same client, and were answered with a session or token"
    "#]].assert_eq(&told.concat());
    let pasted: String =
        suggestions(&inventory).iter().map(|s| s["toml"].as_str().unwrap().to_owned()).collect();
    assert!(pasted.contains(r#"code_fields = ["zahl"]"#), "{pasted}");
    assert!(!inventory.contains("Hafen-rille") && !inventory.contains("4oYyiLulu"), "{inventory}");
    assert!(pasted.parse::<toml::Table>().is_ok(), "{pasted}");
}

#[test]
fn twice_is_chance() {
    let bench = Bench::new();
    let twice = traffic().split_once("@open p3").unwrap().0.to_owned();
    bench.write("a.pcap", super::support::conversation::pcap(&twice));
    bench.run(&["replay", "--alerts", "al", "--inventory", "inv", "a.pcap"]).succeeds();
    assert_eq!(suggestions(&bench.read("inv")), Vec::<Value>::new());
}

#[test]
fn pasted_labels_do_their_work_and_are_not_proposed_again() {
    let bench = Bench::new();
    bench.write("a.pcap", super::support::conversation::pcap(&traffic()));
    bench.run(&["replay", "--alerts", "al", "--inventory", "inv", "a.pcap"]).succeeds();
    let pasted: String =
        suggestions(&bench.read("inv")).iter().map(|s| s["toml"].as_str().unwrap().to_owned()).collect();
    bench.write("h.toml", format!("[identity]\ncode_fields = [\"zahl\"]\n\n{pasted}"));
    let outputs = ["--alerts", "al", "--inventory", "inv", "--transactions", "tx"];
    bench.run(&[&["replay", "--config", "h.toml"][..], &outputs, &["a.pcap"]].concat()).succeeds();
    assert_eq!(suggestions(&bench.read("inv")), Vec::<Value>::new());
    let steps: Vec<Value> =
        bench.read("tx").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |what: fn(&Value) -> bool| steps.iter().filter(|step| what(step)).count();
    assert_eq!(count(|s| s["mfa"]["event"] == "attempt" && s["mfa"]["outcome"] == "success"), 3);
    assert_eq!(count(|s| s["mfa"]["event"] == "enrolment"), 3);
    assert_eq!(count(|s| s["activity"] == "logout"), 3);
}
