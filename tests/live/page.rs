//! What the sensor's page answers.
//! It is given an address and a request and gives status and body.
//! It promises one connection for each question.

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Status and body of an answer.
pub fn ask(address: SocketAddr, method: &str, path: &str, header: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}");
    write!(stream, "{head}Content-Length: 0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// How the sensor is, in its own words.
pub fn readiness(address: SocketAddr) -> Value {
    let (status, body) = ask(address, "GET", "/health/ready", "");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A counter of the page of metrics, by the middle of its name.
pub fn counter(address: SocketAddr, name: &str) -> u64 {
    let (status, page) = ask(address, "GET", "/metrics", "");
    assert_eq!(status, 200, "{page}");
    let start = format!("heelguard_{name}_total ");
    page.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap()
}
