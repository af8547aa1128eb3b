//! One request on a connection of its own, byte by byte, and what came back.
//! It is given an address and any bytes and gives status, fields and body.
//! It promises to wait for nothing longer than a sensor may take, and judges the fields that every answer has.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Our own style sheet and forms, an icon that is written out, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// What came back; status 0 where the connection was closed without a word.
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

/// Sends these bytes and reads until the far side ends the connection.
pub fn visit(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may refuse before all of it is sent; what it said is there all the same.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let fields = lines.filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, fields, body: body.to_owned() }
}

/// A page of this machine.
pub fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    visit(address, request("GET", path, &format!("Host: localhost\r\n{headers}"), "").as_bytes())
}

/// A whole request; every header ends with its line.
pub fn request(method: &str, path: &str, headers: &str, form: &str) -> String {
    let length = form.len();
    format!(
        "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{form}"
    )
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What is wrong with the fields of an answer that the sensor made itself.
    pub fn faults(&self) -> Vec<String> {
        let wanted = [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ];
        let mut faults = Vec::new();
        for (name, value) in wanted {
            if self.field(name) != Some(value) {
                faults.push(format!("{name}: {:?}", self.field(name)));
            }
        }
        let policy = self.field("content-security-policy").unwrap_or_default();
        if policy != POLICY {
            faults.push(format!("content-security-policy: {policy}"));
        }
        if self
            .field("content-type")
            .is_none_or(|kind| !kind.contains("charset") && kind != "application/json")
        {
            faults.push(format!("content-type: {:?}", self.field("content-type")));
        }
        let telling = |name: &str| {
            ["server", "x-powered-by", "via", "etag", "last-modified"].contains(&name)
                || name.starts_with("access-control-")
        };
        faults.extend(self.fields.iter().filter(|(name, _)| telling(name)).map(|(name, _)| name.clone()));
        faults
    }
}
