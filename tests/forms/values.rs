//! Texts of a type, and complaints about records.
//! It is given a type by the name that a schema gives it.
//! It promises to stop the test for a type that it does not know.

use std::net::IpAddr;

/// What is wrong with a record: where, and what.
#[derive(Debug, Default)]
pub struct Complaints(Vec<String>);

impl Complaints {
    pub fn add(&mut self, path: &str, what: &str) {
        self.0.push(format!("{path} {what}"));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one begins so.
    pub fn has(&self, beginning: &str) -> bool {
        self.0.iter().any(|complaint| complaint.starts_with(beginning))
    }
}

/// Whether a text is of the type.
pub fn text_is(kind: &str, text: &str) -> bool {
    match kind {
        "keyword" | "match_only_text" | "wildcard" | "string" | "string_t" | "username_t" | "hostname_t"
        | "resource_uid_t" | "url_t" => true,
        "ip" | "ip_t" => text.parse::<IpAddr>().is_ok(),
        "date" => humantime::parse_rfc3339(text).is_ok(),
        // Suricata's own pattern: an offset without a colon.
        "suricata_time" => {
            text.split_at_checked(text.len().saturating_sub(5)).is_some_and(|(time, offset)| {
                offset == "+0000" && humantime::parse_rfc3339(&format!("{time}Z")).is_ok()
            })
        }
        _ => panic!("no check for the type {kind}"),
    }
}
