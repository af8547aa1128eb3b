//! # MFA service degradation
//!
//! ## What it sees
//!
//! Second factors that work worse than they should: codes that do not get people in, slow checks, prompts that nobody
//! answers, set-ups that fail.
//!
//! ## Why it matters
//!
//! People who cannot get in call for help, or have their second factor switched off. This is about health, not about an
//! attack: what an attacker does is left out where it can be told.
//!
//! ## How it decides
//!
//! It counts for each host and factor in spans of `window_s`, and judges a span when the next one is over, so that what
//! began late in it has had its time. Each measure is a share of something bad, and fires when its lower Wilson bound
//! (95 %) is above the limit:
//!
//! | measure | share of | that | above |
//! |---|---|---|---|
//! | `success` | series of attempts, by everything but pushes | did not succeed within a span's time | 1000 - `success_permille`, in 1000 |
//! | `latency` | attempts with an answer | took longer than `slow_s` to the answer's first byte | 5 % (so that the 95th percentile is above) |
//! | `answer` | pushed prompts | were neither approved nor denied in that time | 100 - `answered_pct` |
//! | `rejection` | WebAuthn assertions | were refused | `rejected_pct` |
//! | `confirmation` | codes that confirm a new factor | were wrong | `confirm_failures_pct` |
//! | `registration` | set-ups begun | were not confirmed in that time | 100 - `registered_pct` |
//!
//! The first four need `attempts` things to be a share of, the last two `enrolments`. A series is what one account tries
//! until it succeeds. One with ten wrong codes is an attack and leaves the count, and of one address three series a
//! span count: sprays and offices behind one address weigh little. Severity is low; a measure is told again after
//! `again_after_h`.
//!
//! ## Benign look-alikes
//!
//! Attacks (see above), and people who give up: lower `success_permille` to what is usual. Where pushes are polled
//! past the sensor, answers are not seen: silence the endpoint.
//!
//! ## Tuning
//!
//! Each limit is a service level; set your own. Quiet services are never judged.
//! Facts: `measure`, `factor`, `bad`, `of`, `share_pct`, `bound_pct`, `limit_pct`, `span_began`.
//!
//! ## References
//!
//! Wilson 1927 (the bound of a share); OWASP API8:2023; MITRE ATT&CK T1499 (where it is an attack after all).

use super::actor::Actor;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample, tables,
};
use crate::identity::Factor;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Mfa, MfaEvent, MfaOutcome, Request, Transaction};
use serde::{Deserialize, Serialize};
use share::{Measure, Share, Span};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

mod share;

/// Wrong codes in one series that are no person's.
const WRONG_CODES_MAX: u8 = 10;
/// Series of one address that count in a span.
const SERIES_OF_ADDRESS_MAX: u8 = 3;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Length of a span, and time for a series to end (900 s: enough attempts, and a person is done by then).
    pub window_s: u32,
    /// Attempts, series, prompts or assertions of a span without which none is judged (200: fewer swing by chance).
    pub attempts: u32,
    /// Set-ups or their codes of a span without which neither is judged (30: they are rarer than logins).
    pub enrolments: u32,
    /// Series in 1000 that should succeed (995: the service level of the guide this follows).
    pub success_permille: u32,
    /// Time to the answer that 95 % of attempts should keep (3 s: people wait that long before they try again).
    pub slow_s: u32,
    /// Prompts that should be answered (95 %: a few phones are off).
    pub answered_pct: u32,
    /// Assertions that may be refused (5 %: a finger slips).
    pub rejected_pct: u32,
    /// Codes confirming a new factor that may be wrong (20 %: it is the first code they ever type).
    pub confirm_failures_pct: u32,
    /// Set-ups that should be confirmed (95 %: who has scanned the picture goes on).
    pub registered_pct: u32,
    /// How soon a measure is told again (1 h: as long as a repair takes).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            window_s: 900,
            attempts: 200,
            enrolments: 30,
            success_permille: 995,
            slow_s: 3,
            answered_pct: 95,
            rejected_pct: 5,
            confirm_failures_pct: 20,
            registered_pct: 95,
            again_after_h: 1,
        }
    }
}

/// MFA-15.
pub static RULE: Rule = Rule {
    id: "MFA-15",
    name: "mfa_service_degradation",
    title: "MFA service degradation",
    severity: Severity::Low,
    scope: Scope::Endpoint,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Tenant,
    order_free: false,
    mitre: &["T1499"],
    owasp: &["API8:2023"],
    response: "look at clock, delivery and load of the service; offer another factor until it is well",
};

/// How each service's factors do.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    window: Duration,
    again_after: Duration,
    /// By host and factor.
    services: Keyed<(Arc<str>, Factor), Service>,
    /// What each account tries at a service.
    series: Keyed<(Actor, Arc<str>, Factor, Measure), Series>,
    /// By address and host.
    addresses: Keyed<(IpAddr, Arc<str>), Starts>,
}

/// One factor of one host: the span that goes on, the one before, and what was told of each measure.
#[derive(Debug, Default)]
struct Service {
    current: Span,
    before: Span,
    told: BTreeMap<Measure, EventTime>,
    /// The latest of what was bad.
    samples: BTreeMap<Measure, Sample>,
}

saved!(Service { current, before, told, samples });

/// What one account tries until it succeeds.
#[derive(Debug, Default)]
struct Series {
    began: EventTime,
    /// The span it is counted in.
    span: u64,
    wrong: u8,
    is_open: bool,
    counts: bool,
}

saved!(Series { began, span, wrong, is_open, counts });

/// Series of one address in one span.
#[derive(Debug, Default)]
struct Starts {
    span: u64,
    series: u8,
}

saved!(Starts { span, series });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let keys = limits.keys_per_table_max;
        let window = Duration::from_secs(u64::from(thresholds.window_s.max(1)));
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        Self {
            window,
            again_after,
            services: Keyed::new(keys, window.saturating_mul(3).max(again_after)),
            series: Keyed::new(keys, window),
            addresses: Keyed::new(keys, window),
            thresholds: thresholds.clone(),
        }
    }

    /// Says what was bad about a span that is over.
    fn judge(
        &mut self,
        tx: &Transaction,
        request: &Request,
        of: &(Arc<str>, Factor),
        span: &Span,
        findings: &mut Findings<'_>,
    ) {
        for measure in Measure::ALL {
            let share = span.share(measure);
            let (needed, limit) = self.thresholds.level(measure);
            if share.of < needed || share.least() <= limit {
                continue;
            }
            let service = self.services.entry(of, tx.end);
            if service.told.get(&measure).is_some_and(|&told| tx.end.since(told) < self.again_after) {
                continue;
            }
            service.told.insert(measure, tx.end);
            let sample = service.samples.get(&measure);
            let began = EventTime::from_secs(span.number.saturating_mul(self.window.as_secs()));
            let part = format!("{} {}", of.1, measure.name());
            let Request { method, host, route, .. } = request;
            let crossing = Crossing {
                about: About::Endpoint { method, host, route, part: &part },
                severity: RULE.severity,
                first: began,
                fresh: u64::from(share.bad),
                window: Some(self.window),
            };
            findings.raise(&crossing, || finding(tx, of.1, measure, share, limit, began, sample));
        }
    }

    /// Counts a step in the span that goes on.
    fn count(&mut self, tx: &Transaction, mfa: Mfa, of: &(Arc<str>, Factor)) {
        let is_bad = mfa.outcome == MfaOutcome::FailCode;
        let is_good = mfa.outcome == MfaOutcome::Success;
        match mfa.event {
            MfaEvent::Challenge if mfa.factor == Factor::Push => self.series(tx, of, Measure::Push, None),
            MfaEvent::Attempt if mfa.factor == Factor::Push => {
                self.series(tx, of, Measure::Push, (is_good || is_bad).then_some(true));
            }
            MfaEvent::Attempt => {
                self.series(tx, of, Measure::Success, (is_good || is_bad).then_some(is_good));
                if let Some(ttfb) = tx.ttfb_us {
                    let is_slow = ttfb > u64::from(self.thresholds.slow_s) * 1_000_000;
                    self.add(tx, of, Measure::Latency, is_slow);
                }
                if mfa.factor == Factor::Webauthn && (is_good || is_bad) {
                    self.add(tx, of, Measure::Rejection, is_bad);
                }
            }
            MfaEvent::Enrolment if !is_bad => self.series(tx, of, Measure::Registration, None),
            MfaEvent::Confirmation if is_good || is_bad => {
                self.add(tx, of, Measure::Confirmation, is_bad);
                if is_good {
                    self.end(tx, of, Measure::Registration);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, tx: &Transaction, of: &(Arc<str>, Factor), measure: Measure, is_bad: bool) {
        let service = self.services.entry(of, tx.end);
        service.current.share_mut(measure).add(is_bad);
        if is_bad {
            service.samples.insert(measure, Sample::of(tx));
        }
    }

    /// Begins a series, or goes on with it; `good` ends it or counts a wrong code.
    fn series(&mut self, tx: &Transaction, of: &(Arc<str>, Factor), measure: Measure, good: Option<bool>) {
        let key = (Actor::of(tx), of.0.clone(), of.1, measure);
        let service = self.services.entry(of, tx.end);
        let series = self.series.entry(&key, tx.end);
        if !series.is_open || tx.end.since(series.began) > self.window {
            let span = service.current.number;
            let starts = self.addresses.entry(&(tx.client.network(), of.0.clone()), tx.end);
            *series = Series { began: tx.end, span, wrong: 0, is_open: true, counts: starts.has_room(span) };
            if series.counts {
                service.current.share_mut(measure).add(true);
            }
        }
        match good {
            Some(true) => self.end(tx, of, measure),
            Some(false) => {
                series.wrong = series.wrong.saturating_add(1);
                service.samples.insert(measure, Sample::of(tx));
                if series.wrong == WRONG_CODES_MAX && std::mem::take(&mut series.counts) {
                    service.share_of(series.span, measure).into_iter().for_each(Share::withdraw);
                }
            }
            None => {}
        }
    }

    /// The end of a series as it should be.
    fn end(&mut self, tx: &Transaction, of: &(Arc<str>, Factor), measure: Measure) {
        let key = (Actor::of(tx), of.0.clone(), of.1, measure);
        let Some(series) = self.series.get(&key, tx.end) else { return };
        let in_time = tx.end.since(series.began) <= self.window;
        let was_open = std::mem::take(&mut series.is_open);
        if was_open && in_time && series.counts {
            let service = self.services.entry(of, tx.end);
            service.share_of(series.span, measure).into_iter().for_each(Share::redeem);
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(mfa) = tx.mfa else { return };
        let Some(request) = tx.request.as_ref().filter(|_| mfa.outcome != MfaOutcome::Unknown) else {
            return;
        };
        let of = (request.host.clone(), mfa.factor);
        let number = tx.end.as_secs() / self.window.as_secs();
        for span in self.services.entry(&of, tx.end).go_on(number).into_iter().flatten() {
            self.judge(tx, request, &of, &span, findings);
        }
        self.count(tx, mfa, &of);
    }

    tables!(services, series, addresses);
}

impl Service {
    /// Begins a new span if it is time; gives those that are over, the older first.
    fn go_on(&mut self, number: u64) -> [Option<Span>; 2] {
        if number <= self.current.number {
            return [None, None];
        }
        let last = std::mem::replace(&mut self.current, Span::of(number));
        if last.number + 1 == number {
            return [Some(std::mem::replace(&mut self.before, last)), None];
        }
        [Some(std::mem::replace(&mut self.before, Span::of(number - 1))), Some(last)]
    }

    /// The measure's share in the span of that number, if it is not judged yet.
    fn share_of(&mut self, number: u64, measure: Measure) -> Option<&mut Share> {
        let spans = [&mut self.current, &mut self.before];
        let span = spans.into_iter().find(|span| span.number == number)?;
        Some(span.share_mut(measure))
    }
}

impl Starts {
    /// Whether one more series of this address counts in the span.
    fn has_room(&mut self, span: u64) -> bool {
        if self.span != span {
            *self = Self { span, series: 0 };
        }
        let has_room = self.series < SERIES_OF_ADDRESS_MAX;
        self.series += u8::from(has_room);
        has_room
    }
}

impl Thresholds {
    /// Things without which a measure is not judged, and the share of bad ones that is too much.
    fn level(&self, measure: Measure) -> (u32, f64) {
        let above = |pct: u32| f64::from(100_u32.saturating_sub(pct)) / 100.0;
        let below = |pct: u32| f64::from(pct) / 100.0;
        let unlucky = f64::from(1000_u32.saturating_sub(self.success_permille)) / 1000.0;
        match measure {
            Measure::Success => (self.attempts, unlucky),
            Measure::Latency => (self.attempts, above(95)),
            Measure::Push => (self.attempts, above(self.answered_pct)),
            Measure::Rejection => (self.attempts, below(self.rejected_pct)),
            Measure::Confirmation => (self.enrolments, below(self.confirm_failures_pct)),
            Measure::Registration => (self.enrolments, above(self.registered_pct)),
        }
    }
}

fn finding(
    tx: &Transaction,
    factor: Factor,
    measure: Measure,
    share: Share,
    limit: f64,
    began: EventTime,
    sample: Option<&Sample>,
) -> Finding {
    let (pct, least) = (share.value() * 100.0, share.least() * 100.0);
    let host = tx.request.as_ref().map_or("", |request| &request.host);
    let message = format!(
        "{} of {} {factor} {} at {host}: {pct:.1} %, surely above {least:.1} % (limit {:.1} %)",
        share.bad,
        share.of,
        measure.words(),
        limit * 100.0,
    );
    #[expect(clippy::cast_sign_loss, reason = "no share of a count is below zero")]
    let allowed = (limit * f64::from(share.of)) as u64;
    Finding {
        message,
        count: u64::from(share.bad),
        threshold: allowed + 1,
        principal: None,
        client: None,
        credential: None,
        endpoint: tx.endpoint(),
        evidence: sample.map(|sample| sample.evidence("the latest of them")).into_iter().collect(),
        facts: vec![
            ("measure", Fact::Text(measure.name().into())),
            ("factor", Fact::Text(factor.name().into())),
            ("bad", Fact::Count(u64::from(share.bad))),
            ("of", Fact::Count(u64::from(share.of))),
            ("share_pct", Fact::Number(pct)),
            ("bound_pct", Fact::Number(least)),
            ("limit_pct", Fact::Number(limit * 100.0)),
            ("span_began", Fact::Text(began.to_string().into())),
        ],
        doubts: Doubts::of(sample),
    }
}

#[cfg(test)]
mod tests;
