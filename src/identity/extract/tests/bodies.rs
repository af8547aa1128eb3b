//! Bodies that a client writes so that a login is read otherwise than its server reads it.

use super::*;

const PASSWORD: &str = "Harbor-rill9925!";

/// A login with this body, which goes on beyond what was kept by so many bytes.
fn log_in_cut(content_type: &str, body: &str, beyond: u64) -> Sighting {
    let request = format!("POST /login HTTP/1.1\nContent-Type: {content_type}\n\n{body}");
    let mut exchange = exchange(&request, "401\nContent-Type: application/json\n\n{}");
    exchange.request.as_mut().unwrap().body.bytes += beyond;
    extractor().extract(exchange)
}

fn name(sighting: &Sighting) -> &str {
    sighting.transaction.login.as_ref().and_then(|login| login.name.as_deref()).unwrap_or("-")
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn a_name_that_the_limit_cuts_is_nobodys() {
    let json = format!(r#"{{"password":"{PASSWORD}","pad":"xxx","username":"admin"#);
    let form = format!("password={PASSWORD}&pad=xxx&username=admin");
    let number = format!(r#"{{"password":"{PASSWORD}","user_id":100"#);
    let argument = r#"{"query":"mutation{login(password:\"x\",username:\"admin"#;
    assert_eq!(name(&log_in_cut(JSON, &json, 99)), "-");
    assert_eq!(name(&log_in_cut(FORM, &form, 99)), "-");
    assert_eq!(name(&log_in_cut(JSON, &number, 99)), "-");
    assert_eq!(name(&log_in_cut(JSON, argument, 99)), "-");
    assert_eq!(name(&log_in_cut(FORM, "username=admin", 99)), "-");
    // What is whole counts, whatever comes behind it.
    assert_eq!(name(&log_in_cut(JSON, &format!("{json}\",\"pad\":\"xxx"), 99)), "admin");
    assert_eq!(name(&log_in_cut(FORM, &format!("{form}&pad=xxx"), 99)), "admin");
    assert_eq!(name(&log_in_cut(FORM, &form, 0)), "admin");
    assert_eq!(name(&log_in_cut(JSON, &format!("{number}}}"), 0)), "100");
}

#[test]
fn a_secret_that_the_limit_cuts_is_hidden_and_ties_nothing() {
    let token = "4oyyilulumoxrzekx0l93qz";
    for (content_type, body) in [
        (JSON, format!(r#"{{"username":"al","session_token":"{token}"#)),
        (FORM, format!("username=al&session_token={token}")),
        (JSON, format!(r#"{{"username":"al","password":"{token}"#)),
        (FORM, format!("username=al&password={token}")),
    ] {
        let request = format!(
            "POST /login/{token} HTTP/1.1\nUser-Agent: app/1 {token}\nContent-Type: {content_type}\n\n{body}"
        );
        let mut cut = exchange(&request, "401");
        cut.request.as_mut().unwrap().body.bytes += 99;
        let seen = extractor().extract(cut);
        assert!(!format!("{:?}", seen.transaction).contains(token), "{body}");
        assert!(!line(&seen).contains("Session"), "{body}");
        let is_login = body.contains("password");
        assert_eq!(name(&seen), if is_login { "al" } else { "-" }, "{body}");
    }
}

#[test]
fn of_two_names_the_one_that_the_server_checks_counts() {
    let named = |content_type: &str, body: &str| name(&log_in_cut(content_type, body, 0)).to_owned();
    for (content_type, body) in [
        (JSON, r#"{"username":"decoy","password":"x7Harbor","username":"victim"}"#),
        (JSON, r#"{"user":{"email":"decoy","password":"x7Harbor","email":"victim"}}"#),
        (JSON, r#"{"username":"victim","password":"x7Harbor","email":"decoy@x.example"}"#),
        (JSON, r#"{"email":"decoy@x.example","password":"x7Harbor","login":"victim"}"#),
        (FORM, "username=decoy&password=x7Harbor&username=victim"),
        (FORM, "email=decoy%40x.example&password=x7Harbor&username=victim"),
        // Others are named elsewhere in the body.
        (JSON, r#"{"username":"victim","password":"x7Harbor","referrer":{"username":"other"}}"#),
        (JSON, r#"{"a":{"username":"victim","password":"x7Harbor"},"b":{"username":"other"}}"#),
        (JSON, r#"[{"username":"victim","password":"x7Harbor"},{"username":"other"}]"#),
        (JSON, r#"{"username":["victim","other"],"password":"x7Harbor"}"#),
        // An empty field names nobody.
        (FORM, "username=&email=victim&password=x7Harbor"),
    ] {
        assert_eq!(named(content_type, body), "victim", "{body}");
    }
    // A button is no name.
    let button = "email=al%40x.example&password=x7Harbor&login=Anmelden";
    assert_eq!(named(FORM, button), "al@x.example");
    assert_eq!(named(JSON, r#"{"phone":"123","password":"x","email":"al@x.example"}"#), "al@x.example");
}

#[test]
fn a_password_that_comes_twice_is_hidden_twice() {
    for body in [
        r#"{"username":"al","password":"first-Harbor99","password":"other-Harbor99"}"#,
        r#"{"username":"al","password":"other-Harbor99","password":"first-Harbor99"}"#,
    ] {
        let request =
            format!("POST /login/first-Harbor99/other-Harbor99 HTTP/1.1\nContent-Type: {JSON}\n\n{body}");
        assert!(!format!("{:?}", see(&request, "401").transaction).contains("Harbor99"), "{body}");
    }
}

const LOGIN: &str = r#"{"username":"victim","password":"Harbor-rill9925!"}"#;

#[test]
fn json_is_read_whatever_it_is_called() {
    let named = |content_type: &str, body: &str| name(&log_in_cut(content_type, body, 0)).to_owned();
    for content_type in
        [JSON, FORM, "application/grpc", "image/png", "text/xml", "multipart/form-data; boundary=x"]
    {
        assert_eq!(named(content_type, LOGIN), "victim", "{content_type}");
        assert_eq!(named(content_type, &format!("\u{feff}\n{LOGIN}")), "victim", "{content_type}");
    }
    // A form that begins like it is one.
    assert_eq!(named(FORM, "{=1&username=victim&password=x7Harbor"), "victim");
    assert_eq!(named(FORM, "[x]=1&username=victim&password=x7Harbor"), "victim");
    assert_eq!(named("image/png", "username=victim&password=x7Harbor"), "-");
}

#[test]
fn a_file_with_a_password_in_it_is_no_login() {
    let upload = |path: &str, content_type: &str| {
        let request = format!("POST {path} HTTP/1.1\nContent-Type: {content_type}\n\n{LOGIN}");
        see(&request, "201").transaction.login.is_some()
    };
    assert!(!upload("/files/settings", "application/octet-stream"));
    assert!(upload("/login", "application/octet-stream"));
    assert!(upload("/enter", JSON) && upload("/enter", FORM));
}

#[test]
fn an_answer_is_read_whatever_it_is_called() {
    let verify = "POST /mfa/verify HTTP/1.1\nContent-Type: application/json\n\n{\"code\":\"123456\"}";
    let login = format!("POST /login HTTP/1.1\nContent-Type: {JSON}\n\n{LOGIN}");
    let mfa = |kind: &str, body: &str| {
        let answer = format!("200\nContent-Type: {kind}\n\n{body}");
        see(verify, &answer).transaction.mfa.unwrap().outcome.to_string()
    };
    let outcome = |kind: &str, body: &str| {
        let answer = format!("200\nContent-Type: {kind}\n\n{body}");
        see(&login, &answer).transaction.login.unwrap().outcome.to_string()
    };
    for kind in [JSON, "text/html", "text/html; charset=UTF-8"] {
        for mark in ["", "\u{feff}", "\n "] {
            assert_eq!(mfa(kind, &format!("{mark}{{\"success\":false}}")), "fail_code", "{kind}");
            assert_eq!(mfa(kind, &format!("{mark}{{\"success\":true}}")), "success", "{kind}");
            assert_eq!(outcome(kind, &format!("{mark}{{\"success\":false}}")), "refused", "{kind}");
            assert_eq!(outcome(kind, &format!("{mark}{{\"success\":true}}")), "success", "{kind}");
        }
    }
    // Pages are pages.
    assert_eq!(outcome("text/html", "<p>{\"success\":true}"), "refused");
    assert_eq!(mfa("text/html", "<form><input name=\"otp\">"), "fail_code");
}
