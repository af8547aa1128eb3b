//! An alert: one state of an episode, with its evidence, ready to be written by a sink.
//! The runtime builds it from a rule's finding; sinks give it its wire forms.
//! It promises that `id` depends on tenant, detector, subject and first event alone.

use crate::identity::{Country, Credential, Principal, named};
use crate::saved::{Damaged, Saved, saved};
use crate::time::EventTime;
use crate::transaction::{Endpoint, TransactionId};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Deterministic id of an episode, written as a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub u128);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&TransactionId(self.0), f)
    }
}

named! {
    /// How bad it is; the order is the order of severity.
    Severity {
        /// Worth knowing.
        Info => "info",
        /// Worth a look.
        Low => "low",
        /// Worth a look today.
        Medium => "medium",
        /// Worth stopping what you do.
        High => "high",
        /// An attacker is in.
        Critical => "critical",
    }
}

named! {
    /// How sure the sensor is.
    Confidence {
        /// Seen through loss, or inferred.
        Low => "low",
        /// One doubt.
        Medium => "medium",
        /// No doubt known.
        High => "high",
    }
}

named! {
    /// Where an episode is in its life.
    Status {
        /// First crossing.
        Open => "open",
        /// It grew, or became worse.
        Update => "update",
        /// Quiet since, or the capture ended.
        Closed => "closed",
    }
}

named! {
    /// What an alert is about.
    Scope {
        /// A principal.
        Principal => "principal",
        /// A client address.
        Client => "client",
        /// A credential, by fingerprint.
        Credential => "credential",
        /// A session, by fingerprint.
        Session => "session",
        /// A method, host and route.
        Endpoint => "endpoint",
        /// A host.
        Service => "service",
    }
}

/// What an episode is about: the key of its window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// What kind of thing.
    pub scope: Scope,
    /// Its name: `user:alice@example.com`, `203.0.113.7`, a fingerprint, `POST api.example.com /login`.
    pub value: Arc<str>,
}

/// The client's part of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertClient {
    /// The address.
    pub ip: IpAddr,
    /// The country.
    pub country: Option<Country>,
    /// The autonomous system.
    pub asn: Option<u32>,
    /// The device, `d:…`.
    pub device: Option<Arc<str>>,
}

saved!(Subject { scope, value });
saved!(AlertClient { ip, country, asn, device });

/// One transaction that speaks for the alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Which transaction.
    pub transaction: TransactionId,
    /// When it ended.
    pub time: EventTime,
    /// Its method.
    pub method: Arc<str>,
    /// Its path, secrets replaced.
    pub path: Arc<str>,
    /// Its status.
    pub status: Option<u16>,
    /// What it shows.
    pub note: String,
}

saved!(Evidence { transaction, time, method, path, status, note });

/// A fact of the detector's own, documented on its page.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A count.
    Count(u64),
    /// A measure.
    Number(f64),
    /// A yes or no.
    Flag(bool),
    /// A word.
    Text(Arc<str>),
    /// Several words.
    List(Vec<Arc<str>>),
}

impl Saved for Fact {
    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::Count(count) => (0u8, *count).save(out),
            Self::Number(number) => (1u8, *number).save(out),
            Self::Flag(flag) => (2u8, *flag).save(out),
            Self::Text(text) => (3u8, text.clone()).save(out),
            Self::List(list) => (4u8, list.clone()).save(out),
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        Ok(match u8::load(from)? {
            0 => Self::Count(Saved::load(from)?),
            1 => Self::Number(Saved::load(from)?),
            2 => Self::Flag(Saved::load(from)?),
            3 => Self::Text(Saved::load(from)?),
            4 => Self::List(Saved::load(from)?),
            _ => return Err(Damaged),
        })
    }
}

/// What the sensor could not see while the episode formed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Visibility {
    /// Share of bytes lost in the window, in per cent.
    pub loss_pct: f64,
    /// Transactions that were cut.
    pub truncated: u32,
    /// Whether only one direction was seen.
    pub one_way: bool,
}

saved!(Visibility { loss_pct, truncated, one_way });

/// One state of one episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Same for every state of the episode.
    pub id: AlertId,
    /// Counts the states, from 1.
    pub rev: u32,
    /// Open, update or closed.
    pub status: Status,
    /// The rule's id, `MFA-01`.
    pub rule: &'static str,
    /// The detector's name, `mfa_failure_burst`.
    pub detector: &'static str,
    /// A few words.
    pub title: &'static str,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence with the numbers in it.
    pub message: String,
    /// When this state was reached.
    pub time: EventTime,
    /// The first event of the episode.
    pub first_seen: EventTime,
    /// The last event so far.
    pub last_seen: EventTime,
    /// Events so far.
    pub count: u64,
    /// The count that opens an episode.
    pub threshold: u64,
    /// The window the count is taken in, if there is one.
    pub window: Option<Duration>,
    /// What it is about.
    pub subject: Subject,
    /// Who, if one principal is meant.
    pub principal: Option<Principal>,
    /// From where, if one client is meant.
    pub client: Option<AlertClient>,
    /// With what, if one credential is meant.
    pub credential: Option<Credential>,
    /// Where, if one endpoint is meant.
    pub endpoint: Option<Endpoint>,
    /// Up to five transactions.
    pub evidence: Vec<Evidence>,
    /// The detector's own facts, in its order.
    pub facts: Vec<(&'static str, Fact)>,
    /// What to do.
    pub response: &'static str,
    /// ATT&CK techniques.
    pub mitre: &'static [&'static str],
    /// OWASP API Security Top 10 entries.
    pub owasp: &'static [&'static str],
    /// What could not be seen.
    pub visibility: Visibility,
}
