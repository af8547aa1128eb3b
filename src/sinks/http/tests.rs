//! A client and far sides that behave, and that do not.

use super::*;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread::{JoinHandle, spawn};
use std::time::Instant;

/// A far side that takes one connection, reads the head of one request and its body, and does as told.
fn far_side(act: impl FnOnce(&mut std::net::TcpStream) + Send + 'static) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/secret/path", listener.local_addr().unwrap());
    let thread = spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = String::new();
        let mut buffer = [0; 4096];
        while !seen.ends_with("body") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the request ended early: {seen}");
            seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        act(&mut stream);
        seen
    });
    (url, thread)
}

fn client() -> HttpClient {
    let unset = Path::new("");
    let files = TlsFiles { section: "sinks.pager", ca_file: unset, cert_file: unset, key_file: unset };
    HttpClient::new(&files).unwrap()
}

fn post(url: &str, timeout_ms: u64) -> Result<Answer, String> {
    let headers = [("content-type", "application/json"), ("idempotency-key", "k-1")];
    let answer = client().post(url, &headers, "body", Duration::from_millis(timeout_ms));
    answer.map_err(|error| error.to_string())
}

#[test]
fn an_answer_comes_with_status_body_and_how_long_to_wait() {
    let (url, seen) = far_side(|stream| {
        let answer = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow";
        stream.write_all(answer).unwrap();
    });
    let answer = post(&url, 5000).unwrap();
    assert_eq!((answer.status, answer.retry_after()), (429, Some(Duration::from_secs(7))));
    assert_eq!((answer.header("Content-Length"), &answer.body[..]), (Some("4"), &b"slow"[..]));
    let seen = seen.join().unwrap();
    assert!(seen.starts_with("POST /secret/path HTTP/1.1\r\n"), "{seen}");
    for line in ["idempotency-key: k-1\r\n", "user-agent: heelguard/", "content-length: 4\r\n"] {
        assert!(seen.contains(line), "{line} in {seen}");
    }
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let (url, _) = far_side(|stream| {
        let answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
    });
    assert_eq!(post(&url, 5000).unwrap().status, 302);
}

#[test]
fn an_endless_answer_is_cut() {
    let (url, seen) = far_side(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while stream.write_all(format!("1000\r\n{}\r\n", "x".repeat(4096)).as_bytes()).is_ok() {}
    });
    let answer = post(&url, 5000).unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, ANSWER_BYTES_MAX));
    seen.join().unwrap();
}

#[test]
fn a_silent_far_side_is_given_up_in_time() {
    let (url, seen) = far_side(|stream| {
        let _ = stream.read(&mut [0; 16]);
    });
    let start = Instant::now();
    let error = post(&url, 300).unwrap_err();
    assert!(error.ends_with(": no whole answer within 0.3 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(3));
    seen.join().unwrap();
}

#[test]
fn half_an_answer_is_none() {
    let (url, _) = far_side(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nhalf").unwrap();
    });
    let error = post(&url, 5000).unwrap_err();
    assert!(error.starts_with("127.0.0.1:") && !error.contains("secret"), "{error}");
}

#[test]
fn the_line_says_what_to_mend() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = post(&format!("http://{free}/secret"), 5000).unwrap_err();
    assert_eq!(refused, format!("{free}: connection refused: nothing listens there"));
    let unknown = post("http://no-such-host.invalid/secret", 5000).unwrap_err();
    assert!(unknown.starts_with("no-such-host.invalid:80: the host name is not known ("), "{unknown}");
    let (url, _) = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let thread = spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        });
        (url, thread)
    };
    let plain = post(&url, 5000).unwrap_err();
    assert!(plain.ends_with("the far side does not speak TLS; is it http://?"), "{plain}");
}

#[test]
fn certificates_are_told_apart() {
    let cases = [
        (Certificate::Expired, "its certificate has expired"),
        (Certificate::NotValidForName, "its certificate is for another host name"),
        (
            Certificate::UnknownIssuer,
            "its certificate is signed by an authority that is not known here; set ca_file",
        ),
    ];
    for (fault, wanted) in cases {
        // As the connector gives it: an I/O error around an I/O error around the cause.
        let inner = std::io::Error::new(ErrorKind::InvalidData, rustls::Error::InvalidCertificate(fault));
        let outer = std::io::Error::other(inner);
        assert_eq!(reason(&outer), wanted);
    }
}

#[test]
fn urls_are_checked_before_use() {
    assert_eq!(check_url("sinks.pager.url", "https://hooks.example.com/services/T0"), Ok(()));
    assert_eq!(check_url("sinks.pager.url", "http://[::1]:8123"), Ok(()));
    let userinfo = check_url("sinks.pager.url", "https://u:hunter22@example.com/").unwrap_err();
    assert!(userinfo.starts_with("sinks.pager.url: user and password") && !userinfo.contains("hunter22"));
    for wrong in ["", "example.com", "ftp://example.com", "/path", "http://", "http:// host", "https:///x"] {
        let error = check_url("sinks.pager.url", wrong).unwrap_err();
        assert!(error.starts_with("sinks.pager.url: allowed is http://host"), "{wrong}: {error}");
    }
}
