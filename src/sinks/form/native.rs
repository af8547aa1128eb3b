//! The native records as the forms read them back, borrowed from their JSON.
//! It is given a body as `record` wrote it: the parts that a form renames are typed, the rest stays as it is written.
//! It promises that nothing is copied but text that was escaped.

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
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A part that goes on as it is written.
pub(super) type Raw<'a> = &'a RawValue;

/// `heelguard.alert/1`.
#[derive(Deserialize)]
pub(super) struct Alert<'a> {
    #[serde(borrow)]
    pub(super) schema: Text<'a>,
    pub(super) id: Text<'a>,
    pub(super) rev: u32,
    #[serde(deserialize_with = "status")]
    pub(super) status: Status,
    pub(super) rule: Text<'a>,
    pub(super) detector: Text<'a>,
    pub(super) title: Text<'a>,
    #[serde(deserialize_with = "severity")]
    pub(super) severity: Severity,
    #[serde(deserialize_with = "confidence")]
    pub(super) confidence: Confidence,
    pub(super) message: Text<'a>,
    pub(super) time: Time<'a>,
    pub(super) first_seen: Time<'a>,
    pub(super) last_seen: Time<'a>,
    pub(super) count: u64,
    pub(super) threshold: u64,
    pub(super) window_s: Option<u64>,
    pub(super) subject: Subject<'a>,
    pub(super) principal: Option<Principal<'a>>,
    pub(super) client: Option<Client<'a>>,
    pub(super) credential: Option<Credential<'a>>,
    pub(super) endpoint: Option<Endpoint<'a>>,
    pub(super) evidence: Vec<Evidence<'a>>,
    pub(super) facts: Raw<'a>,
    pub(super) response: Text<'a>,
    pub(super) mitre: Vec<Text<'a>>,
    pub(super) owasp: Vec<Text<'a>>,
    pub(super) visibility: Raw<'a>,
    pub(super) tenant: Text<'a>,
    pub(super) sensor: Text<'a>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Subject<'a> {
    #[serde(borrow)]
    pub(super) scope: Text<'a>,
    pub(super) value: Text<'a>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Principal<'a> {
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    pub(super) id: Text<'a>,
    pub(super) source: Text<'a>,
}

/// Where somebody is; a transaction knows more than an alert.
#[derive(Deserialize)]
pub(super) struct Client<'a> {
    pub(super) ip: IpAddr,
    #[serde(borrow)]
    pub(super) country: Option<Text<'a>>,
    #[serde(default)]
    pub(super) city: Option<Text<'a>>,
    #[serde(default)]
    pub(super) lat: Option<f64>,
    #[serde(default)]
    pub(super) lon: Option<f64>,
    pub(super) asn: Option<u32>,
    #[serde(default)]
    pub(super) device: Option<Text<'a>>,
    #[serde(default)]
    pub(super) class: Option<Text<'a>>,
    #[serde(default)]
    pub(super) claimed_ip: Option<IpAddr>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Credential<'a> {
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    pub(super) class: Text<'a>,
    pub(super) location: Text<'a>,
    pub(super) fingerprint: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct Endpoint<'a> {
    #[serde(borrow)]
    pub(super) method: Text<'a>,
    pub(super) host: Text<'a>,
    pub(super) route: Text<'a>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Evidence<'a> {
    #[serde(borrow)]
    pub(super) transaction: Text<'a>,
    pub(super) time: Time<'a>,
    pub(super) method: Text<'a>,
    pub(super) path: Text<'a>,
    pub(super) status: Option<u16>,
    pub(super) note: Text<'a>,
}

/// `heelguard.transaction/1`.
#[derive(Deserialize)]
pub(super) struct Transaction<'a> {
    #[serde(borrow)]
    pub(super) schema: Text<'a>,
    pub(super) id: Text<'a>,
    pub(super) time: Time<'a>,
    pub(super) end: Time<'a>,
    pub(super) ttfb_us: Option<u64>,
    pub(super) flow: Flow<'a>,
    pub(super) protocol: Text<'a>,
    pub(super) tls: Option<Raw<'a>>,
    pub(super) request: Option<Request<'a>>,
    pub(super) response: Option<Response<'a>>,
    pub(super) client: Client<'a>,
    pub(super) device: Option<Text<'a>>,
    pub(super) principal: Principal<'a>,
    pub(super) credentials: Vec<Raw<'a>>,
    pub(super) jwt: Option<Raw<'a>>,
    pub(super) mfa: Option<Raw<'a>>,
    pub(super) outcome: Text<'a>,
    pub(super) completeness: Text<'a>,
    pub(super) anomalies: Vec<Text<'a>>,
    pub(super) activity: Text<'a>,
    pub(super) proof: Proof<'a>,
    pub(super) login: Option<Raw<'a>>,
    pub(super) exposed: Vec<Raw<'a>>,
    pub(super) graphql: Option<Raw<'a>>,
    pub(super) repeat_of: Option<Text<'a>>,
    pub(super) session: Option<Session<'a>>,
    pub(super) reuse: Option<Raw<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Flow<'a> {
    #[serde(borrow)]
    pub(super) community_id: Text<'a>,
    pub(super) src_ip: IpAddr,
    pub(super) src_port: u16,
    pub(super) dst_ip: IpAddr,
    pub(super) dst_port: u16,
    pub(super) vlan: Vec<u16>,
}

#[derive(Deserialize)]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub(super) method: Text<'a>,
    pub(super) scheme: Text<'a>,
    pub(super) host: Text<'a>,
    pub(super) path: Text<'a>,
    pub(super) route: Text<'a>,
    pub(super) query_keys: Vec<Text<'a>>,
    pub(super) bytes: u64,
    pub(super) content_type: Option<Text<'a>>,
    pub(super) user_agent: Option<Text<'a>>,
    pub(super) agent_kind: Text<'a>,
    pub(super) labels: Vec<Text<'a>>,
    pub(super) identity_headers: Vec<Raw<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Response<'a> {
    pub(super) status: Option<u16>,
    pub(super) grpc_status: Option<u32>,
    pub(super) bytes: u64,
    #[serde(borrow)]
    pub(super) content_type: Option<Text<'a>>,
    pub(super) items: Option<u32>,
    pub(super) retry_after_s: Option<u32>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Proof<'a> {
    #[serde(borrow)]
    pub(super) level: Text<'a>,
    pub(super) factor: Option<Text<'a>>,
    pub(super) mfa_at: Option<Text<'a>>,
    pub(super) account_has_mfa: bool,
}

#[derive(Deserialize)]
pub(super) struct Session<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) since: Time<'a>,
}

impl Principal<'_> {
    /// Its kind; `None` for a kind of a later version.
    pub(super) fn kind(&self) -> Option<PrincipalKind> {
        PrincipalKind::parse(&self.kind)
    }
}

impl<'a> Alert<'a> {
    /// The alert in `body`.
    pub(super) fn parse(body: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }
}

impl<'a> Transaction<'a> {
    /// The transaction in `body`.
    pub(super) fn parse(body: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }
}

/// A host as it was sent, without its port, and the port.
pub(super) fn host_and_port(host: &str) -> (&str, Option<u16>) {
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
pub(super) struct Time<'a>(#[serde(borrow)] Text<'a>);

impl Time<'_> {
    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Milliseconds since 1970.
    pub(super) fn millis(&self) -> u64 {
        self.micros() / 1000
    }

    /// Microseconds since 1970; 0 for what is no time.
    pub(super) fn micros(&self) -> u64 {
        let digits = |from: usize, to: usize| self.0.get(from..to).and_then(|text| text.parse::<u64>().ok());
        let micros = || {
            let days = days_since_1970(digits(0, 4)?, digits(5, 7)?, digits(8, 10)?)?;
            let seconds = ((days * 24 + digits(11, 13)?) * 60 + digits(14, 16)?) * 60 + digits(17, 19)?;
            Some(seconds * 1_000_000 + digits(20, 26)?)
        };
        micros().unwrap_or_default()
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    // Years are counted from March, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    days.checked_sub(719_469)
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
