//! What the tables answer to a report's questions, a row each.
//! They are what the queries next door select, names and order alike.
//! They promise nothing of their own: words are as the sensor wrote them, or another version of it.

use clickhouse::Row;
use serde::Deserialize;

/// How much there is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Row)]
pub struct Totals {
    /// Exchanges.
    pub transactions: u64,
    /// Of them, those that were not seen whole.
    pub not_whole: u64,
    /// Names of servers.
    pub hosts: u64,
    /// Methods of routes.
    pub endpoints: u64,
    /// The first request's first byte, in microseconds since 1970.
    pub first_us: i64,
    /// The last answer's last byte.
    pub last_us: i64,
    /// Credentials that last.
    pub keys: u64,
    /// Sessions and tokens.
    pub tokens: u64,
    /// Episodes.
    pub episodes: u64,
}

/// Actors of one kind.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Actors {
    /// Which kind.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// The sums of one endpoint.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Called {
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The route.
    pub route: String,
    /// What it is for.
    pub labels: Vec<String>,
    /// All calls.
    pub calls: u64,
    /// Those that were refused.
    pub denied: u64,
    /// Calls without any credential.
    pub without_credential: u64,
    /// Calls with one in the address.
    pub credential_in_url: u64,
    /// Calls in plain HTTP from outside.
    pub plain_from_outside: u64,
    /// Successes without a second factor, for an account that has one.
    pub around_mfa: u64,
    /// The kinds of credential that were taken.
    pub taken: Vec<String>,
    /// Successes by what was proved, in the order of its list.
    pub proofs: Vec<u64>,
}

/// What somebody was granted on one endpoint where others prove a second factor.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Caller {
    /// What kind of actor.
    pub kind: String,
    /// Its name.
    pub id: String,
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The route.
    pub route: String,
    /// Successes.
    pub success: u64,
    /// Those with a proven second factor.
    pub mfa: u64,
}

/// One credential.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Shown {
    /// Its fingerprint.
    pub fingerprint: String,
    /// The scheme.
    pub kind: String,
    /// What it is by its look.
    pub class: String,
    /// Where it is sent.
    pub location: String,
    /// The header, cookie or field.
    pub name: String,
    /// Whose it was last: kind and name; empty: nobody's.
    pub owner: (String, String),
    /// For how many it was used.
    pub owners: u64,
    /// Its first use, in microseconds since 1970.
    pub first_us: i64,
    /// Its last use.
    pub last_us: i64,
    /// Calls with it.
    pub calls: u64,
    /// Those that were refused.
    pub denied: u64,
    /// Successes on privileged routes.
    pub privileged: u64,
    /// Successes without a second factor, for an account that has one.
    pub around_mfa: u64,
    /// Some of the networks that it came from, as IPv6.
    pub networks: Vec<String>,
    /// How many there were.
    pub networks_in_all: u64,
    /// From which countries.
    pub countries: Vec<String>,
    /// On how many devices.
    pub devices: u64,
    /// On how many endpoints.
    pub routes: u64,
    /// Days with a call, since 1970, in order.
    pub days: Vec<u64>,
}

/// What one credential did on one endpoint.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Visit {
    /// The credential.
    pub fingerprint: String,
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The route.
    pub route: String,
    /// What it is for.
    pub labels: Vec<String>,
    /// Calls.
    pub calls: u64,
    /// Those that were granted.
    pub success: u64,
    /// Those with a proven second factor.
    pub mfa: u64,
    /// Those that it was granted for itself, below a second factor.
    pub alone: u64,
    /// Those without a second factor, for an account that has one.
    pub around: u64,
    /// The first of its calls, in microseconds since 1970.
    pub first_us: i64,
    /// The last of them.
    pub last_us: i64,
}

/// When a key was granted something.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Granted {
    /// The key.
    pub fingerprint: String,
    /// Its first success, in microseconds since 1970.
    pub first_us: i64,
    /// Its last one.
    pub last_us: i64,
    /// The longest time between two.
    pub longest_pause_us: i64,
}

/// By how many a key was used within one hour of the clock.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct AtOnce {
    /// The key.
    pub fingerprint: String,
    /// Networks, in the hour that had most.
    pub networks: u64,
    /// Devices, in the hour that had most.
    pub devices: u64,
}

/// One episode.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Episode {
    /// Its id, as text.
    pub id: String,
    /// The rule's id.
    pub rule: String,
    /// The severity's name.
    pub severity: String,
    /// The confidence's name.
    pub confidence: String,
    /// The status' name.
    pub status: String,
    /// One sentence.
    pub message: String,
    /// The first event, in microseconds since 1970.
    pub first_us: i64,
    /// The last event.
    pub last_us: i64,
    /// Events.
    pub count: u64,
    /// The scope's name.
    pub scope: String,
    /// What it is about.
    pub subject: String,
    /// Of the endpoint; empty: none.
    pub method: String,
    /// Of the endpoint.
    pub host: String,
    /// Of the endpoint.
    pub route: String,
    /// The status and the note of each piece of evidence.
    pub evidence: Vec<(u16, String)>,
    /// Whether the detector says that it was accepted; empty: it does not say.
    pub accepted: String,
    /// What the detector counts as hits, as JSON.
    pub hits: String,
}
