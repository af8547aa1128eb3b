//! What a report says, as values: the one thing that its page, its Markdown and its JSON are written from.
//! It is filled by whoever reads a source (`ledger`, `database`), and holds no word that is not meant to be shown.
//! It promises that each number on a page stands here, or is a share of two that do.

use crate::ledger::endpoint::{Endpoint, Proofs};
use crate::sinks::record::Shown;
use heelguard_detectors::alert::{Confidence, Severity, Status};
use heelguard_detectors::identity::ProofLevel;
use heelguard_detectors::time::EventTime;
use serde::{Serialize, Serializer};
use std::fmt;

/// The name of the form.
pub const SCHEMA: &str = "heelguard.report/1";

/// A moment, written in RFC 3339.
pub(crate) type Moment = Shown<EventTime>;

/// All of it.
#[derive(Serialize)]
pub struct Report {
    pub(super) schema: &'static str,
    pub(super) tenant: String,
    pub(super) sensor: String,
    pub(super) source: Source,
    pub(super) period: Period,
    pub(super) findings: Findings,
    pub(super) seen: Seen,
    pub(super) visibility: Visibility,
    pub(super) coverage: Coverage,
    pub(super) keys: Keys,
    pub(super) exposures: Exposures,
    pub(super) alerts: Alerts,
    pub(super) not_looked_at: Vec<String>,
}

/// Where it comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    /// Which kind.
    pub kind: Kind,
    /// Which one, in a few words.
    pub name: String,
}

/// What a report is made of; none of them knows everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Captures, each request looked at for whether it is inside the period.
    Capture,
    /// What a sensor kept: sums, and no alerts.
    State,
    /// What sensors wrote into tables, where nothing is of what messages hold.
    Clickhouse,
}

impl Kind {
    /// Whether what was raised is known.
    pub(super) fn has_alerts(self) -> bool {
        self != Self::State
    }

    /// Whether it is known what messages hold.
    pub(super) fn has_contents(self) -> bool {
        self != Self::Clickhouse
    }
}

/// The time that was asked for, and the time that was seen.
#[derive(Serialize)]
pub(super) struct Period {
    pub(super) from: Option<Moment>,
    pub(super) to: Option<Moment>,
    pub(super) first: Option<Moment>,
    pub(super) last: Option<Moment>,
    /// What the period could not be applied to.
    pub(super) not_cut: Vec<&'static str>,
}

/// The report on one screen.
#[derive(Default, Serialize)]
pub(super) struct Findings {
    /// What limits every conclusion, where something does.
    pub(super) care: Option<String>,
    /// What is wrong, in one sentence.
    pub(super) headline: String,
    /// What was seen, and what stood behind it.
    pub(super) summary: String,
    /// At most three, the most pressing first.
    pub(super) first: Vec<Action>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Action {
    /// The part of the report that tells more.
    pub(super) part: Part,
    pub(super) what: String,
    pub(super) why: String,
}

/// The parts of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    Visibility,
    Coverage,
    Keys,
    Exposures,
    Alerts,
}

/// How much there was.
#[derive(Default, Serialize)]
pub(super) struct Seen {
    pub(super) transactions: u64,
    pub(super) hosts: u64,
    pub(super) endpoints: u64,
    /// By what kind of actor.
    pub(super) principals: Counts,
    /// Keys, client secrets and certificates.
    pub(super) keys: u64,
    /// Sessions and tokens.
    pub(super) tokens: u64,
    /// Rows that had to make room for others, by table: they are in no list below.
    pub(super) left_out: Counts,
}

/// How well it was seen.
#[derive(Serialize)]
pub(super) struct Visibility {
    pub(super) verdict: Verdict,
    /// What limits the conclusions, each with what to do about it.
    pub(super) limits: Vec<Limit>,
    /// What was counted, in the order of its way; empty where the source has no counters.
    pub(super) counters: Vec<Loss>,
}

/// Whether conclusions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Good,
    Limited,
    Blind,
    Unknown,
}

#[derive(Serialize)]
pub(super) struct Limit {
    pub(super) what: String,
    pub(super) to_do: &'static str,
}

/// What was lost at one place, of how much.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Loss {
    pub(super) place: &'static str,
    pub(super) unit: &'static str,
    pub(super) lost: u64,
    pub(super) of: u64,
}

/// What stood behind what was granted.
#[derive(Default, Serialize)]
pub(super) struct Coverage {
    pub(super) successes: u64,
    pub(super) proofs: ByProof,
    /// How many hosts had successes; the list has the busiest.
    pub(super) hosts_in_all: u64,
    pub(super) hosts: Vec<Host>,
    /// How many gaps there are; the list has the gravest.
    pub(super) gaps_in_all: u64,
    pub(super) gaps: Vec<Gap>,
}

#[derive(Serialize)]
pub(super) struct Host {
    pub(super) host: String,
    pub(super) successes: u64,
    pub(super) proofs: ByProof,
}

/// Something that is granted with less than others prove for it; named as in the inventory.
#[derive(Serialize)]
pub(super) struct Gap {
    pub(super) endpoint: Place,
    pub(super) labels: Vec<&'static str>,
    pub(super) way: &'static str,
    pub(super) weight: &'static str,
    /// Successes by this way, and those of them for accounts that have a second factor.
    pub(super) granted: u64,
    pub(super) around_mfa: u64,
    /// Credentials or addresses that were granted something by it, and who is behind them.
    pub(super) callers: u64,
    pub(super) owners: u64,
    /// Successes with a second factor, in how many sessions, of how many accounts.
    pub(super) mfa: u64,
    pub(super) mfa_sessions: u64,
    pub(super) mfa_accounts: u64,
    /// The credentials that were granted most.
    pub(super) fingerprints: Vec<String>,
    pub(super) evidence: String,
    pub(super) advice: &'static str,
}

/// A method, host and route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Place {
    pub(super) method: String,
    pub(super) host: String,
    pub(super) route: String,
}

impl Place {
    pub(super) fn of(row: &Endpoint) -> Self {
        Self { method: row.method.to_string(), host: row.host.to_string(), route: row.route.to_string() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.host, self.route)
    }
}

/// Keys that last.
#[derive(Default, Serialize)]
pub(super) struct Keys {
    /// How many there are, and how many of them have a reason for worry; the list has the riskiest.
    pub(super) in_all: u64,
    pub(super) with_reasons: u64,
    /// How many were granted something without the second factor that their owner has.
    pub(super) around_mfa: u64,
    pub(super) passports: Vec<Passport>,
}

/// One key.
#[derive(Serialize)]
pub(super) struct Passport {
    pub(super) fingerprint: String,
    pub(super) kind: &'static str,
    pub(super) class: &'static str,
    pub(super) location: &'static str,
    pub(super) name: String,
    /// As alerts name it: `user:ann`.
    pub(super) owner: Option<String>,
    pub(super) owners: u64,
    pub(super) first_seen: Moment,
    pub(super) last_seen: Moment,
    /// When it was handed out, if that was seen.
    pub(super) issued: Option<Moment>,
    /// At least.
    pub(super) age_days: u64,
    pub(super) is_old: bool,
    /// Since its last use.
    pub(super) idle_days: u64,
    pub(super) calls: u64,
    pub(super) denied: u64,
    pub(super) privileged: u64,
    pub(super) around_mfa: u64,
    /// In all, and the most within one hour.
    pub(super) networks: u64,
    pub(super) networks_at_once: u64,
    pub(super) devices: u64,
    pub(super) devices_at_once: u64,
    pub(super) countries: Vec<String>,
    pub(super) replaced_by: Option<Follower>,
    pub(super) replaces: Option<Follower>,
    /// The sum of the reasons' weights.
    pub(super) risk: u64,
    pub(super) reasons: Vec<String>,
    /// What it was granted, what can do most harm first: all that it needs, as far as was seen.
    pub(super) grants: Vec<Grant>,
    /// Routes that it tried and was never granted.
    pub(super) refused_routes: u64,
    /// How often a route had to make room: where it is not 0, more may be needed than is listed.
    pub(super) forgotten_routes: u64,
}

/// The key before or after another.
#[derive(Clone, Serialize)]
pub(super) struct Follower {
    pub(super) fingerprint: String,
    /// Routes that went over, and of how many.
    pub(super) routes: u64,
    pub(super) of: u64,
    pub(super) is_sure: bool,
}

/// One route of a proposal of least privilege.
#[derive(Serialize)]
pub(super) struct Grant {
    #[serde(flatten)]
    pub(super) place: Place,
    pub(super) success: u64,
    pub(super) last_seen: Moment,
    pub(super) writes: bool,
    pub(super) weight: &'static str,
}

/// What lies open.
#[derive(Default, Serialize)]
pub(super) struct Exposures {
    /// The gravest first.
    pub(super) open: Vec<Exposure>,
    /// Classes of data in answers.
    pub(super) data: Vec<Data>,
    /// How many endpoints have a risk; the list has the riskiest.
    pub(super) endpoints_in_all: u64,
    pub(super) endpoints: Vec<AtRisk>,
}

/// Something that lies open, as the rows of endpoints tell, or else the alerts of one detector.
#[derive(Serialize)]
pub(super) struct Exposure {
    /// The detector's name, or a word of its own.
    pub(super) name: &'static str,
    pub(super) rule: Option<&'static str>,
    pub(super) title: &'static str,
    pub(super) severity: Word<Severity>,
    /// `endpoints` or `alerts`.
    pub(super) told_by: &'static str,
    /// Requests.
    pub(super) events: u64,
    pub(super) places_in_all: u64,
    pub(super) places: Vec<String>,
    pub(super) to_do: &'static str,
}

/// One class of data in answers.
#[derive(Serialize)]
pub(super) struct Data {
    pub(super) class: &'static str,
    /// What people call it.
    pub(super) words: &'static str,
    /// Answers that held it, of those that were looked into.
    pub(super) answers: u64,
    pub(super) endpoints: u64,
    /// Endpoints of them that answered somebody without any credential.
    pub(super) open_endpoints: u64,
    /// The most answers first.
    pub(super) places: Vec<Place>,
}

/// An endpoint to look at first.
#[derive(Serialize)]
pub(super) struct AtRisk {
    pub(super) endpoint: Place,
    pub(super) labels: Vec<&'static str>,
    pub(super) calls: u64,
    /// From 0 to 100.
    pub(super) risk: u64,
    pub(super) reasons: Vec<Danger>,
}

/// One reason.
#[derive(Serialize)]
pub(super) struct Danger {
    pub(super) danger: &'static str,
    pub(super) points: u64,
    pub(super) words: String,
}

/// What was raised.
#[derive(Default, Serialize)]
pub(super) struct Alerts {
    /// Whether the source has them: where it has not, none here is no good news.
    pub(super) is_known: bool,
    pub(super) episodes: u64,
    pub(super) by_severity: Counts,
    pub(super) by_detector: Vec<ByDetector>,
    pub(super) over_time: OverTime,
    /// The gravest.
    pub(super) top: Vec<Top>,
    /// What the sensor raised about itself; not among the others.
    pub(super) of_the_sensor: u64,
}

#[derive(Clone, Serialize)]
pub(super) struct ByDetector {
    pub(super) rule: &'static str,
    pub(super) detector: &'static str,
    pub(super) title: &'static str,
    /// The worst of its episodes.
    pub(super) severity: Word<Severity>,
    pub(super) episodes: u64,
    pub(super) events: u64,
}

/// Episodes by their first event.
#[derive(Default, Serialize)]
pub(super) struct OverTime {
    pub(super) from: Option<Moment>,
    pub(super) span_s: u64,
    /// One a span, each by severity in the order info to critical.
    pub(super) columns: Vec<[u64; Severity::ALL.len()]>,
}

/// One episode.
#[derive(Serialize)]
pub(super) struct Top {
    pub(super) id: String,
    pub(super) rule: String,
    pub(super) detector: String,
    pub(super) title: String,
    pub(super) severity: Word<Severity>,
    pub(super) confidence: Word<Confidence>,
    pub(super) status: Word<Status>,
    /// `succeeded`, `refused` or `unknown`.
    pub(super) outcome: &'static str,
    pub(super) message: String,
    pub(super) subject: String,
    pub(super) first_seen: Moment,
    pub(super) last_seen: Moment,
    pub(super) count: u64,
    pub(super) to_do: String,
}

/// A word of a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Counts by name, in an order of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(pub(super) Vec<(&'static str, u64)>);

impl Counts {
    pub(super) fn of(&self, name: &str) -> u64 {
        self.0.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// Successes by what was proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ByProof(pub(super) Proofs);

impl ByProof {
    pub(super) fn of(&self, level: ProofLevel) -> u64 {
        self.0.get(level as usize).copied().unwrap_or(0)
    }

    pub(super) fn sum(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(super) fn add(&mut self, more: &Proofs) {
        self.0.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
}

impl Serialize for ByProof {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(ProofLevel::ALL.iter().map(|level| level.name()).zip(&self.0))
    }
}
