//! Every way to ask crossed with every way to be somebody else: methods, hosts, origins, tokens and paths.
//! What each answer must be is computed from the promises of docs/page.md, not from the program.

use crate::running::Running;
use crate::support::conversation::pcap;
use crate::support::figures::figure;
use crate::visit::{Answer, get, request, visit};
use std::net::SocketAddr;

const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"];
/// Names of this machine, and names that are somebody else's.
const HOSTS: [(&str, bool); 8] = [
    ("Host: localhost\r\n", true),
    ("Host: 127.0.0.1:9470\r\n", true),
    ("Host: evil.example\r\n", false),
    ("Host: localhost.evil.example\r\n", false),
    ("Host: evil.example:127.0.0.1\r\n", false),
    ("Host: localhost@evil.example\r\n", false),
    ("Host: localhost\r\nHost: evil.example\r\n", false),
    ("", false),
];
const ORIGINS: [&str; 3] = ["", "Origin: http://evil.example\r\n", "Origin: null\r\n"];
const PROBES: [&str; 2] = ["/health/live", "/metrics"];
const PAGES: [&str; 4] = ["/", "/principals", "/alerts.csv", "/style.css"];
const TOKEN: &str = "5f0c1b7e93a84d26b1e0c7f2a95d3846";

/// A sensor that has raised an alert.
fn sensor(folder: &tempfile::TempDir, options: &[&str]) -> Running {
    let capture = pcap(include_str!("../cases/mfa-three-wrong-codes/traffic.txt"));
    Running::start(folder.path(), options, &capture)
}

/// The path of the first alert.
fn alert(address: SocketAddr, headers: &str) -> Option<String> {
    let page = get(address, "/alerts", headers).body;
    Some(format!("/alerts/{}", page.split_once("href=\"/alerts/")?.1.split(['"', '#']).next()?))
}

/// What somebody who may look gets who sends no form of this page.
fn status(method: &str, path: &str) -> u16 {
    let reads = matches!(method, "GET" | "HEAD");
    match path {
        _ if PROBES.contains(&path) => {
            if reads {
                200
            } else {
                405
            }
        }
        // This run reads its configuration once.
        "/reload" => {
            if reads || method == "POST" {
                404
            } else {
                405
            }
        }
        _ if path.ends_with("/acknowledge") && method == "POST" => 403,
        _ if !reads => 405,
        _ if PAGES.contains(&path) => 200,
        _ => 404,
    }
}

/// What is wrong with an answer, if anything is.
fn grade(asked: &str, answer: &Answer, wanted: u16) -> Vec<String> {
    let mut faults = answer.faults();
    if answer.status != wanted {
        faults.push(format!("status {} instead of {wanted}", answer.status));
    }
    if answer.field("set-cookie").is_some() || answer.field("location").is_some() {
        faults.push("it gives a mark or leads elsewhere".to_owned());
    }
    if !matches!(wanted, 200 | 403..=405) && answer.body.contains("alice") {
        faults.push("it tells of traffic".to_owned());
    }
    faults.into_iter().map(|fault| format!("{fault}: {asked:?}")).collect()
}

#[test]
fn nobody_but_this_machine_is_answered_and_nothing_is_changed_by_asking() {
    let folder = tempfile::tempdir().unwrap();
    let running = sensor(&folder, &["--set", "state.dir=kept"]);
    let acknowledge = format!("{}/acknowledge", alert(running.address, "").unwrap());
    let before = get(running.address, "/alerts.csv", "").body;
    let paths = [&acknowledge, "/reload", "/sign-in", "/nowhere"];
    let (mut asked, mut faults) = (0, Vec::new());
    for (host, is_ours) in HOSTS {
        for method in METHODS {
            for origin in ORIGINS {
                for path in PROBES.iter().chain(&PAGES).copied().chain(paths) {
                    let request = request(method, path, &format!("{host}{origin}"), "note=x&token=0");
                    let wanted = if is_ours { status(method, path) } else { 421 };
                    faults.extend(grade(&request, &visit(running.address, request.as_bytes()), wanted));
                    asked += 1;
                }
            }
        }
    }
    figure(
        "F14",
        "requests of strangers and neighbours, each answer graded",
        &format!("{asked}, {} wrong", faults.len()),
        faults.is_empty(),
    );
    assert!(
        faults.is_empty(),
        "{} of {asked}: {:#?}",
        faults.len(),
        faults.iter().take(20).collect::<Vec<_>>()
    );
    assert_eq!(get(running.address, "/alerts.csv", "").body, before, "nothing was noted");
    assert!(running.end().success());
}

#[test]
fn who_has_not_the_token_is_nobody_however_near_they_come() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    let running = sensor(&folder, &["--set", "web.token_file=token"]);
    let near = [
        String::new(),
        "Authorization: Bearer\r\n".to_owned(),
        "Authorization: Bearer \r\n".to_owned(),
        format!("Authorization: Bearer {}\r\n", &TOKEN[..31]),
        format!("Authorization: Bearer {TOKEN}0\r\n"),
        format!("Authorization: Bearer {}\r\n", TOKEN.to_uppercase()),
        format!("Authorization: Bearer {}7\r\n", &TOKEN[..31]),
        format!("Authorization: Basic {TOKEN}\r\n"),
        format!("Authorization: {TOKEN}\r\n"),
        format!("Cookie: heelguard={TOKEN}\r\n"),
        format!("Cookie: heelguard=9999999999.{}\r\n", "0".repeat(64)),
        format!("X-Heelguard: {TOKEN}\r\n"),
    ];
    let mut faults = Vec::new();
    let mut asked = 0;
    for headers in &near {
        let headers = format!("Host: sensor.example\r\n{headers}");
        for method in METHODS {
            for path in
                ["/", "/metrics", "/principals", "/reload", "/alerts.csv", "/health/live", "/health/ready"]
            {
                let path = format!("{path}?token={TOKEN}");
                let request = request(method, &path, &headers, "");
                let answer = visit(running.address, request.as_bytes());
                let is_open = path.starts_with("/health/") && matches!(method, "GET" | "HEAD");
                faults.extend(grade(&request, &answer, if is_open { 200 } else { 401 }));
                if answer.body.contains("heelguard_packets") || answer.body.contains("alice") {
                    faults.push(format!("it tells a stranger: {request}"));
                }
                asked += 1;
            }
        }
    }
    figure(
        "F14",
        "requests without the token, each answer graded",
        &format!("{asked}, {} wrong", faults.len()),
        faults.is_empty(),
    );
    assert!(
        faults.is_empty(),
        "{} of {asked}: {:#?}",
        faults.len(),
        faults.iter().take(20).collect::<Vec<_>>()
    );
    assert_eq!(get(running.address, "/metrics", &right).status, 200);
    a_mark_is_for_this_page_alone(&running);
    assert!(running.end().success());
}

/// What a browser keeps after signing in, and what another site can do with it.
fn a_mark_is_for_this_page_alone(running: &Running) {
    let form = format!("token={TOKEN}&to=/");
    let signed = |origin: &str| {
        let headers = format!("Host: sensor.example\r\n{origin}");
        visit(running.address, request("POST", "/sign-in", &headers, &form).as_bytes())
    };
    for origin in ORIGINS {
        let refused = signed(origin);
        assert_eq!((refused.status, refused.field("set-cookie")), (403, None), "{origin}");
    }
    let came = signed("Origin: http://sensor.example\r\n");
    assert_eq!((came.status, came.field("location")), (303, Some("/")));
    let cookie = came.field("set-cookie").unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|word| word == attribute), "{cookie} lacks {attribute}");
    }
    assert!(!cookie.contains(TOKEN) && !cookie.contains("Domain"), "{cookie}");
    let mark = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(get(running.address, "/", &mark).status, 200);
    let acknowledge = format!("{}/acknowledge", alert(running.address, &mark).unwrap());
    for origin in ORIGINS {
        for path in [acknowledge.as_str(), "/reload"] {
            let headers = format!("Host: sensor.example\r\n{mark}{origin}");
            let answer = visit(running.address, request("POST", path, &headers, "note=x").as_bytes());
            assert!(matches!(answer.status, 403 | 404), "{path} {origin} {}", answer.status);
            let by_get = get(running.address, path, &format!("{mark}{origin}"));
            assert_eq!(by_get.status, 404, "{path} {origin}");
        }
    }
}

#[test]
fn an_address_that_others_reach_takes_tls_and_a_token() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), TOKEN).unwrap();
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9470", "[::ffff:0.0.0.0]:0"] {
        for more in [&[][..], &["--set", "web.token_file=token"]] {
            let listen = format!("web.listen={listen}");
            let mut command = crate::support::replay::heelguard(folder.path());
            let output = command
                .args(["replay", "--serve", "--set", &listen])
                .args(more)
                .arg("-")
                .current_dir(folder.path())
                .stdin(std::process::Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{listen}: {said}");
            assert!(said.contains("can be reached by others") && !said.contains(TOKEN), "{said}");
        }
    }
}
