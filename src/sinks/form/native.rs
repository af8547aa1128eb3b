//! The native records as the forms read them back, borrowed from their JSON.
//! It is given a body as `record` wrote it: the parts that a form renames are typed, the rest stays as it is written.
//! It promises that nothing is copied but text that was escaped.

use super::super::record::moment::micros;
use heelguard_detectors::alert::{Confidence, Severity, Status};
use heelguard_detectors::identity::PrincipalKind;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Deref;

/// A string of the record.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
pub(in crate::sinks) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A part that goes on as it is written.
pub(in crate::sinks) type Raw<'a> = &'a RawValue;

/// `heelguard.alert/1`.
#[derive(Deserialize)]
pub(in crate::sinks) struct Alert<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) schema: Text<'a>,
    pub(in crate::sinks) id: Text<'a>,
    pub(in crate::sinks) rev: u32,
    #[serde(deserialize_with = "status")]
    pub(in crate::sinks) status: Status,
    pub(in crate::sinks) rule: Text<'a>,
    pub(in crate::sinks) detector: Text<'a>,
    pub(in crate::sinks) title: Text<'a>,
    #[serde(deserialize_with = "severity")]
    pub(in crate::sinks) severity: Severity,
    #[serde(deserialize_with = "confidence")]
    pub(in crate::sinks) confidence: Confidence,
    pub(in crate::sinks) message: Text<'a>,
    pub(in crate::sinks) time: Time<'a>,
    pub(in crate::sinks) first_seen: Time<'a>,
    pub(in crate::sinks) last_seen: Time<'a>,
    pub(in crate::sinks) count: u64,
    pub(in crate::sinks) threshold: u64,
    pub(in crate::sinks) window_s: Option<u64>,
    pub(in crate::sinks) subject: Subject<'a>,
    pub(in crate::sinks) principal: Option<Principal<'a>>,
    pub(in crate::sinks) client: Option<Client<'a>>,
    pub(in crate::sinks) credential: Option<Credential<'a>>,
    pub(in crate::sinks) endpoint: Option<Endpoint<'a>>,
    pub(in crate::sinks) evidence: Vec<Evidence<'a>>,
    pub(in crate::sinks) facts: Raw<'a>,
    pub(in crate::sinks) response: Text<'a>,
    pub(in crate::sinks) mitre: Vec<Text<'a>>,
    pub(in crate::sinks) owasp: Vec<Text<'a>>,
    pub(in crate::sinks) visibility: Raw<'a>,
    pub(in crate::sinks) tenant: Text<'a>,
    pub(in crate::sinks) sensor: Text<'a>,
}

#[derive(Deserialize, Serialize)]
pub(in crate::sinks) struct Subject<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) scope: Text<'a>,
    pub(in crate::sinks) value: Text<'a>,
}

#[derive(Deserialize, Serialize)]
pub(in crate::sinks) struct Principal<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) kind: Text<'a>,
    pub(in crate::sinks) id: Text<'a>,
    pub(in crate::sinks) source: Text<'a>,
}

/// Where somebody is; a transaction knows more than an alert.
#[derive(Deserialize)]
pub(in crate::sinks) struct Client<'a> {
    pub(in crate::sinks) ip: IpAddr,
    #[serde(borrow)]
    pub(in crate::sinks) country: Option<Text<'a>>,
    #[serde(default)]
    pub(in crate::sinks) city: Option<Text<'a>>,
    #[serde(default)]
    pub(in crate::sinks) lat: Option<f64>,
    #[serde(default)]
    pub(in crate::sinks) lon: Option<f64>,
    pub(in crate::sinks) asn: Option<u32>,
    #[serde(default)]
    pub(in crate::sinks) device: Option<Text<'a>>,
    #[serde(default)]
    pub(in crate::sinks) class: Option<Text<'a>>,
    #[serde(default)]
    pub(in crate::sinks) claimed_ip: Option<IpAddr>,
}

#[derive(Deserialize, Serialize)]
pub(in crate::sinks) struct Credential<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) kind: Text<'a>,
    pub(in crate::sinks) class: Text<'a>,
    pub(in crate::sinks) location: Text<'a>,
    pub(in crate::sinks) fingerprint: Text<'a>,
}

#[derive(Deserialize)]
pub(in crate::sinks) struct Endpoint<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) method: Text<'a>,
    pub(in crate::sinks) host: Text<'a>,
    pub(in crate::sinks) route: Text<'a>,
}

#[derive(Deserialize, Serialize)]
pub(in crate::sinks) struct Evidence<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) transaction: Text<'a>,
    pub(in crate::sinks) time: Time<'a>,
    pub(in crate::sinks) method: Text<'a>,
    pub(in crate::sinks) path: Text<'a>,
    pub(in crate::sinks) status: Option<u16>,
    pub(in crate::sinks) note: Text<'a>,
}

/// `heelguard.transaction/1`.
#[derive(Deserialize)]
pub(in crate::sinks) struct Transaction<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) schema: Text<'a>,
    pub(in crate::sinks) id: Text<'a>,
    pub(in crate::sinks) time: Time<'a>,
    pub(in crate::sinks) end: Time<'a>,
    pub(in crate::sinks) ttfb_us: Option<u64>,
    pub(in crate::sinks) flow: Flow<'a>,
    pub(in crate::sinks) protocol: Text<'a>,
    pub(in crate::sinks) tls: Option<Raw<'a>>,
    pub(in crate::sinks) request: Option<Request<'a>>,
    pub(in crate::sinks) response: Option<Response<'a>>,
    pub(in crate::sinks) client: Client<'a>,
    pub(in crate::sinks) device: Option<Text<'a>>,
    pub(in crate::sinks) principal: Principal<'a>,
    pub(in crate::sinks) credentials: Vec<Raw<'a>>,
    pub(in crate::sinks) jwt: Option<Raw<'a>>,
    pub(in crate::sinks) mfa: Option<Raw<'a>>,
    pub(in crate::sinks) outcome: Text<'a>,
    pub(in crate::sinks) completeness: Text<'a>,
    pub(in crate::sinks) anomalies: Vec<Text<'a>>,
    pub(in crate::sinks) activity: Text<'a>,
    pub(in crate::sinks) proof: Proof<'a>,
    pub(in crate::sinks) login: Option<Raw<'a>>,
    pub(in crate::sinks) exposed: Vec<Raw<'a>>,
    pub(in crate::sinks) graphql: Option<Raw<'a>>,
    pub(in crate::sinks) repeat_of: Option<Text<'a>>,
    pub(in crate::sinks) session: Option<Session<'a>>,
    pub(in crate::sinks) reuse: Option<Raw<'a>>,
}

#[derive(Deserialize)]
pub(in crate::sinks) struct Flow<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) community_id: Text<'a>,
    pub(in crate::sinks) src_ip: IpAddr,
    pub(in crate::sinks) src_port: u16,
    pub(in crate::sinks) dst_ip: IpAddr,
    pub(in crate::sinks) dst_port: u16,
    pub(in crate::sinks) vlan: Vec<u16>,
}

#[derive(Deserialize)]
pub(in crate::sinks) struct Request<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) method: Text<'a>,
    pub(in crate::sinks) scheme: Text<'a>,
    pub(in crate::sinks) host: Text<'a>,
    pub(in crate::sinks) path: Text<'a>,
    pub(in crate::sinks) route: Text<'a>,
    pub(in crate::sinks) query_keys: Vec<Text<'a>>,
    pub(in crate::sinks) bytes: u64,
    pub(in crate::sinks) content_type: Option<Text<'a>>,
    pub(in crate::sinks) user_agent: Option<Text<'a>>,
    pub(in crate::sinks) agent_kind: Text<'a>,
    pub(in crate::sinks) labels: Vec<Text<'a>>,
    pub(in crate::sinks) identity_headers: Vec<Raw<'a>>,
}

#[derive(Deserialize)]
pub(in crate::sinks) struct Response<'a> {
    pub(in crate::sinks) status: Option<u16>,
    pub(in crate::sinks) grpc_status: Option<u32>,
    pub(in crate::sinks) bytes: u64,
    #[serde(borrow)]
    pub(in crate::sinks) content_type: Option<Text<'a>>,
    pub(in crate::sinks) items: Option<u32>,
    pub(in crate::sinks) retry_after_s: Option<u32>,
}

#[derive(Deserialize, Serialize)]
pub(in crate::sinks) struct Proof<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) level: Text<'a>,
    pub(in crate::sinks) factor: Option<Text<'a>>,
    pub(in crate::sinks) mfa_at: Option<Text<'a>>,
    pub(in crate::sinks) account_has_mfa: bool,
}

#[derive(Deserialize)]
pub(in crate::sinks) struct Session<'a> {
    #[serde(borrow)]
    pub(in crate::sinks) id: Text<'a>,
    pub(in crate::sinks) since: Time<'a>,
}

impl Principal<'_> {
    /// Its kind; `None` for a kind of a later version.
    pub(in crate::sinks) fn kind(&self) -> Option<PrincipalKind> {
        PrincipalKind::parse(&self.kind)
    }
}

impl<'a> Alert<'a> {
    /// The alert in `body`.
    pub(in crate::sinks) fn parse(body: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_str(text(body)?)
    }
}

impl<'a> Transaction<'a> {
    /// The transaction in `body`.
    pub(in crate::sinks) fn parse(body: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_str(text(body)?)
    }
}

/// The body as text: looked at once, and not again for each of its strings.
fn text(body: &[u8]) -> serde_json::Result<&str> {
    std::str::from_utf8(body).map_err(serde::de::Error::custom)
}

/// A host as it was sent, without its port, and the port.
pub(in crate::sinks) fn host_and_port(host: &str) -> (&str, Option<u16>) {
    let split = host.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
    match split {
        // A bare address of version 6 has colons and no port.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// A moment as it is written: RFC 3339 in UTC with microseconds.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
pub(in crate::sinks) struct Time<'a>(#[serde(borrow)] Text<'a>);

impl Time<'_> {
    /// The text.
    pub(in crate::sinks) fn text(&self) -> &str {
        &self.0
    }

    /// Milliseconds since 1970.
    pub(in crate::sinks) fn millis(&self) -> u64 {
        self.micros() / 1000
    }

    /// Microseconds since 1970; 0 for what is no time.
    pub(in crate::sinks) fn micros(&self) -> u64 {
        micros(self.0.as_bytes()).and_then(|micros| u64::try_from(micros).ok()).unwrap_or_default()
    }
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Status, D::Error> {
    named(deserializer, Status::parse)
}

fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
    named(deserializer, Severity::parse)
}

fn confidence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Confidence, D::Error> {
    named(deserializer, Confidence::parse)
}

fn named<'de, D: Deserializer<'de>, T>(deserializer: D, parse: fn(&str) -> Option<T>) -> Result<T, D::Error> {
    let name = Cow::<str>::deserialize(deserializer)?;
    parse(&name).ok_or_else(|| serde::de::Error::custom(format_args!("unknown name {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> u64 {
        serde_json::from_str::<Time<'_>>(&format!("\"{text}\"")).unwrap().micros()
    }

    #[test]
    fn moments_are_read_back_as_they_were_written() {
        use heelguard_detectors::time::EventTime;
        for moment in [0, 1, 951_782_399_999_999, 951_782_400_000_000, 4_107_542_400_000_000] {
            let text = EventTime::from_micros(moment).to_string();
            assert_eq!(micros(&text), moment, "{text}");
        }
        // Every day of a leap century and the next.
        for day in (0..80_000).map(|day| day * 86_400_000_000) {
            assert_eq!(micros(&EventTime::from_micros(day).to_string()), day);
        }
    }

    #[test]
    fn what_is_no_time_is_the_beginning_and_no_panic() {
        for text in ["", "yesterday", "0000-00-00T00:00:00.000000Z", "2026-11-21", "ああああああああああ"]
        {
            assert_eq!(micros(text), 0, "{text}");
        }
    }

    #[test]
    fn ports_are_told_from_addresses() {
        let cases = [
            ("api.example.com", ("api.example.com", None)),
            ("api.example.com:8443", ("api.example.com", Some(8443))),
            ("[2001:db8::1]:80", ("[2001:db8::1]", Some(80))),
            ("[2001:db8::1]", ("[2001:db8::1]", None)),
            ("2001:db8::1", ("2001:db8::1", None)),
            ("api:99999", ("api:99999", None)),
            ("", ("", None)),
        ];
        for (host, expected) in cases {
            assert_eq!(host_and_port(host), expected, "{host}");
        }
    }
}
