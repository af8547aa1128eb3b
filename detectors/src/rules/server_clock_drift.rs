//! # Server clock drift
//!
//! ## What it sees
//!
//! A server whose clock is surely wrong, by the `Date` of its answers against the times of the packets; and several
//! servers behind one address whose clocks differ.
//!
//! ## Why it matters
//!
//! One-time codes live in steps of 30 seconds, and tokens begin and end by the clock: a server that is off refuses
//! right codes and fresh tokens, and accepts those that are over.
//!
//! ## How it decides
//!
//! Every whole exchange proves that the server's clock is ahead of the capture's by at least `Date` - (the answer's
//! last byte) and by less than `Date` + 1 s - (the request's first byte). What all exchanges of a window prove
//! together is a span that only grows narrower; nothing is averaged. Answers of caches (`Age`, cache headers, 304)
//! prove nothing. From 30 exchanges in 5 minutes on, a span that lies wholly 15 s or more away is told with low
//! severity, 30 s with medium, 90 s with high. Exchanges that no one clock can have answered are of several clocks;
//! each that a third of 30 agree on counts, and how far they surely lie apart counts like an error of one. An alert
//! is about an address and port. It is told again after 6 hours, or when it gets worse, and ends when the clock is
//! within 10 s again.
//!
//! ## Benign look-alikes
//!
//! The capture's clock is taken for true: when every server is off by the same span, it is the sensor's. Behind a
//! proxy that writes its own `Date` it is the proxy's clock that is seen. A clock that is set right looks like two
//! clocks until the window ends. A cache that hides that it is one answers with old dates; they rarely agree with
//! each other.
//!
//! ## Tuning
//!
//! Raise `low_s` where clocks are loose on purpose; lower `exchanges` for servers with little traffic.
//! Facts: `ahead_at_least_s`, `ahead_less_than_s` (for several clocks: of the fastest and of the slowest),
//! `split_clocks`, `spread_s` (how far several clocks surely lie apart).
//!
//! ## References
//!
//! OWASP API8:2023; RFC 9110 section 6.6.1; RFC 6238 section 6.

use super::clock::Skew;
use crate::alert::{Evidence, Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Finding, Findings, Grouping, Maturity, Rule, Sample, Several, Span,
    tables,
};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// Clocks told apart behind one address; of more, the one with the fewest answers goes.
const CLOCKS_MAX: usize = 4;
/// How long an episode waits for the next window, as every episode does.
const QUIET: Duration = Duration::from_mins(10);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Exchanges of one server that are enough to judge its clock (30: one odd answer must not matter).
    pub exchanges: u32,
    /// The window they are counted in (300 s: a clock drifts by less than a second meanwhile).
    pub window_s: u32,
    /// An error of low severity (15 s: half a step of a one-time code).
    pub low_s: u32,
    /// An error of medium severity (30 s: a whole step).
    pub medium_s: u32,
    /// An error of high severity (90 s: more than a step to either side bears).
    pub high_s: u32,
    /// Below this a clock is right again (10 s: less than what fires, so that it does not come and go).
    pub right_s: u32,
    /// How soon the same server is told again (6 h: twice a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            exchanges: 30,
            window_s: 300,
            low_s: 15,
            medium_s: 30,
            high_s: 90,
            right_s: 10,
            again_after_h: 6,
        }
    }
}

impl Thresholds {
    fn severity(&self, error: Error) -> Option<Severity> {
        [(self.high_s, Severity::High), (self.medium_s, Severity::Medium), (self.low_s, Severity::Low)]
            .into_iter()
            .find(|&(limit_s, _)| error.reaches(limit_s))
            .map(|(_, severity)| severity)
    }
}

/// MFA-16.
pub static RULE: Rule = Rule {
    id: "MFA-16",
    name: "server_clock_drift",
    title: "Server clock drift",
    severity: Severity::Medium,
    scope: Scope::Service,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Services,
    order_free: false,
    mitre: &[],
    owasp: &["API8:2023"],
    response: "set the server's clock by NTP; accept one-time codes of one step to either side",
};

/// The clocks of each server.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    window: Duration,
    again_after: Duration,
    servers: Keyed<(IpAddr, u16), Server>,
}

#[derive(Debug, Default)]
struct Server {
    /// The exchanges of the window, from its first one on.
    since: Option<EventTime>,
    exchanges: u32,
    clocks: Vec<Clock>,
    /// Whether this window has kept the episode open.
    kept: bool,
    /// The last time that something was said, and the last time that the episode was kept open.
    told: Option<(EventTime, Severity)>,
    kept_at: Option<EventTime>,
}

saved!(Server { since, exchanges, clocks, kept, told, kept_at });

/// One clock, as far as the answers it wrote prove.
#[derive(Debug)]
struct Clock {
    skew: Skew,
    answers: u32,
    /// The last exchange that narrowed it.
    sample: Sample,
}

saved!(Clock { skew, answers, sample });

/// What the clocks of one server say together: the fastest is ahead by at least `least`, the slowest by less than
/// `most`. Of one clock `least` is below `most`; where it is not, there are several.
#[derive(Clone, Copy, Debug)]
struct Error {
    least: i64,
    most: i64,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        let window = Duration::from_secs(u64::from(thresholds.window_s));
        Self {
            thresholds: thresholds.clone(),
            window,
            again_after,
            servers: Keyed::new(limits.keys_per_table_max, again_after.max(window)),
        }
    }
}

impl Detector for State {
    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(skew) = Skew::of(tx) else { return };
        let address = (tx.flow.dst.ip(), tx.flow.dst.port());
        let server = self.servers.entry_again(&address, tx.end);
        server.note(tx, skew, self.window);
        let needed = self.thresholds.exchanges.max(1);
        if server.exchanges < needed {
            return;
        }
        let Some(error) = server.error(needed) else { return };
        if !error.reaches(self.thresholds.right_s) {
            server.kept_at = None;
            return;
        }
        let severity = self.thresholds.severity(error);
        let is_due = severity.is_some_and(|severity| {
            let is_old = |told: EventTime| tx.end.since(told) >= self.again_after;
            server.told.is_none_or(|(told, worst)| severity > worst || is_old(told))
        });
        let is_open = server.kept_at.is_some_and(|kept| tx.end.since(kept) <= self.window.max(QUIET));
        if !is_due && (server.kept || !is_open) {
            return;
        }
        (server.kept, server.kept_at) = (true, Some(tx.end));
        if let (true, Some(severity)) = (is_due, severity) {
            server.told = Some((tx.end, severity));
        }
        let subject = tx.flow.dst.to_string();
        let crossing = Crossing {
            about: About::Service(&subject),
            severity: severity.unwrap_or(Severity::Low),
            first: server.since.unwrap_or(tx.end),
            // What is not due only keeps the episode open.
            fresh: if is_due { u64::from(server.exchanges) } else { 0 },
            window: Some(self.window),
        };
        findings.raise(&crossing, || finding(tx, &subject, server, error, needed));
    }

    tables!(servers);
}

impl Server {
    /// Takes one exchange; the first one after a window begins the next.
    fn note(&mut self, tx: &Transaction, skew: Skew, window: Duration) {
        if self.since.is_none_or(|since| tx.end.since(since) > window) {
            self.since = Some(tx.end);
            self.exchanges = 0;
            self.clocks.clear();
            self.kept = false;
        }
        self.exchanges = self.exchanges.saturating_add(1);
        let both = |clock: &Clock| clock.skew.and(skew);
        if let Some((clock, both)) = self.clocks.iter_mut().find_map(|clock| both(clock).map(|b| (clock, b)))
        {
            clock.answers = clock.answers.saturating_add(1);
            if clock.skew != both {
                (clock.skew, clock.sample) = (both, Sample::of(tx));
            }
            return;
        }
        if self.clocks.len() >= CLOCKS_MAX
            && let Some(least) = (0..self.clocks.len()).min_by_key(|&place| self.clocks[place].answers)
        {
            self.clocks.remove(least);
        }
        self.clocks.push(Clock { skew, answers: 1, sample: Sample::of(tx) });
    }

    /// The clocks that enough answers agree on.
    fn believed(&self, needed: u32) -> impl Iterator<Item = &Clock> {
        self.clocks.iter().filter(move |clock| clock.answers >= needed.div_ceil(3))
    }

    fn error(&self, needed: u32) -> Option<Error> {
        let least = self.believed(needed).map(|clock| clock.skew.least).max()?;
        let most = self.believed(needed).map(|clock| clock.skew.most).min()?;
        Some(Error { least, most })
    }
}

impl Error {
    /// Whether a clock is surely off by so much, or two of them differ by so much.
    fn reaches(self, limit_s: u32) -> bool {
        let limit = i64::from(limit_s) * 1_000_000_000;
        self.least >= limit || self.most <= -limit || self.spread().is_some_and(|spread| spread >= limit)
    }

    /// How far the fastest and the slowest clock surely lie apart, where there are several.
    fn spread(self) -> Option<i64> {
        (self.least >= self.most).then(|| self.least.saturating_sub(self.most))
    }
}

fn finding(tx: &Transaction, server: &str, known: &Server, error: Error, needed: u32) -> Finding {
    let span = Span(tx.end.since(known.since.unwrap_or(tx.end)));
    let exchanges = Several(u64::from(known.exchanges), "exchange");
    let told = match error.spread() {
        Some(spread) => {
            format!("clocks behind {server} differ by at least {} s", seconds(spread))
        }
        None if error.least >= 0 => format!(
            "the clock of {server} is {} to {} s ahead of the capture's",
            seconds(error.least),
            seconds(error.most)
        ),
        None => format!(
            "the clock of {server} is {} to {} s behind the capture's",
            seconds(error.most.saturating_neg()),
            seconds(error.least.saturating_neg())
        ),
    };
    let samples = known.believed(needed);
    let evidence: Vec<Evidence> = samples.map(Clock::evidence).collect();
    Finding {
        message: format!("{told}, by {exchanges} in {span}"),
        count: u64::from(known.exchanges),
        threshold: u64::from(needed),
        principal: None,
        client: None,
        credential: None,
        endpoint: None,
        evidence,
        facts: vec![
            ("ahead_at_least_s", Fact::Number(rounded(error.least))),
            ("ahead_less_than_s", Fact::Number(rounded(error.most))),
            ("split_clocks", Fact::Flag(error.spread().is_some())),
            ("spread_s", Fact::Number(error.spread().map_or(0.0, rounded))),
        ],
        doubts: Doubts::default(),
    }
}

impl Clock {
    fn evidence(&self) -> Evidence {
        let Skew { least, most } = self.skew;
        self.sample.evidence(format!("this clock is {} to {} s ahead", seconds(least), seconds(most)))
    }
}

/// Nanoseconds as seconds with one decimal, cut towards zero.
fn seconds(nanos: i64) -> String {
    format!("{:.1}", rounded(nanos))
}

/// Seconds to the tenth, cut towards zero.
fn rounded(nanos: i64) -> f64 {
    (nanos / 100_000_000) as f64 / 10.0
}

#[cfg(test)]
mod tests;
