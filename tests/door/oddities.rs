//! Requests as no browser makes them: paths that climb, bytes that are no text, heads without end, framing that lies.
//! None of them reads a file, none is answered as if it were another, and none ends the sensor.

use crate::running::Running;
use crate::support::conversation::pcap;
use crate::visit::visit;

/// What stands in a file beside the sensor.
const CANARY: &str = "a file of this machine";

/// Paths to somewhere else.
const PATHS: [&str; 30] = [
    "/../../../../../../etc/passwd",
    "/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/%252e%252e/etc/passwd",
    "/..%c0%af..%c0%afetc/passwd",
    "/..\\..\\canary",
    "//etc/passwd",
    "///canary",
    "/./canary",
    "/canary",
    "/canary%00.css",
    "/style.css/../canary",
    "/style.css%00",
    "/style.css/",
    "/STYLE.CSS",
    "/rules/..%2f..%2fcanary",
    "/rules/%2e%2e",
    "/rules/../canary",
    "/alerts/..",
    "/alerts/%00",
    "/keys/%ff%fe",
    "/keys/../../canary",
    "/principal?id=../../canary",
    "/principal?id=file:canary",
    "/endpoint?method=GET&host=..&route=/canary",
    "/etc/passwd",
    "/proc/self/environ",
    "/metrics/../canary",
    "/%6detrics",
    "/.git/config",
];

/// Requests that are none, or that say two things.
fn odd() -> Vec<Vec<u8>> {
    let long = "a".repeat(64 * 1024);
    let fields: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    let texts = [
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET /?q={long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("{long} / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"),
        "GET /\0canary HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: local\0host\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET /\r\n".to_owned(),
        "GET / HTTP/3.7\r\nHost: localhost\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET file:///etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx".to_owned(),
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\nx".to_owned(),
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n"
            .to_owned(),
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"
            .to_owned(),
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n".to_owned(),
        "\r\n\r\n\r\n\0\0\0".to_owned(),
    ];
    let mut odd: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    odd.push(
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a hello of TLS to a page without\r\n\r\n".to_vec(),
    );
    odd.push(b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec());
    odd.push((0..=255).cycle().take(64 * 1024).collect());
    odd
}

#[test]
fn no_path_leads_to_a_file_and_no_oddity_ends_the_sensor() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("canary"), CANARY).unwrap();
    let capture = pcap(include_str!("../cases/mfa-three-wrong-codes/traffic.txt"));
    let running = Running::start(folder.path(), &[], &capture);
    let climbing = PATHS.map(|path| {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes()
    });
    let mut faults = Vec::new();
    for request in climbing.into_iter().chain(odd()) {
        let answer = visit(running.address, &request);
        let start = String::from_utf8_lossy(request.get(..request.len().min(90)).unwrap()).into_owned();
        if !matches!(answer.status, 0 | 400..=431 | 505) {
            faults.push(format!("{}: {start:?}", answer.status));
        }
        if [CANARY, "root:x:", "XDG_STATE_HOME"].iter().any(|words| answer.body.contains(words)) {
            faults.push(format!("a file: {start:?}"));
        }
        // What the library refuses before a request is whole has no body that could be taken for a page.
        if !answer.body.is_empty() && answer.status != 0 {
            faults.extend(answer.faults().into_iter().map(|fault| format!("{fault}: {start:?}")));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    // It still answers, and knows no other name for what was asked.
    for words in [
        "X-Original-URL: /metrics",
        "X-HTTP-Method-Override: PUT",
        "X-Forwarded-Host: evil.example",
        "Range: bytes=0-1",
        "Expect: 100-continue",
        "Upgrade: h2c",
    ] {
        let request =
            format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\n{words}\r\nConnection: close\r\n\r\n");
        let answer = visit(running.address, request.as_bytes());
        assert_eq!((answer.status, answer.body.as_str()), (200, "alive\n"), "{words}");
    }
    assert!(running.end().success());
}
