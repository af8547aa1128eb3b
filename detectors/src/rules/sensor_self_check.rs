//! # Sensor self-check
//!
//! ## What it sees
//!
//! The sensor itself, when it sees less than an operator believes: bytes that the capture lost, second-factor traffic
//! that is no longer there, tables that a flood of identities washes out, more alerts than people can read, and
//! records that nobody takes.
//!
//! ## Why it matters
//!
//! A sensor that is blind is as quiet as one that has nothing to tell. Lost packets hide failures and successes alike,
//! a mirror port that lost a VLAN hides a whole host, and whoever floods a table may want what was in it forgotten.
//!
//! ## How it decides
//!
//! Every ten seconds of packet time it looks at five things. Loss: more than one per cent of the bytes that TCP's
//! numbers account for were never seen in five minutes, and at least 64 KiB of them; high from ten per cent on.
//! Silence: no second-factor step of any kind for more than twice the longest silence of the last two weeks; only
//! seconds in which traffic was seen count, and nothing is said in the first week or before a hundred steps.
//! Identity flood: tables give up keys because they are full, 1,000 a minute or more; the alert names the fastest table
//! and the setting that bounds it. Alert limit: more than `limits.alerts_per_minute_max` alerts a minute (half as many of low
//! severity, three quarters of medium); the rest is counted and the loudest detectors and subjects are named.
//! Spool, where traffic is read while it happens: more than half of the room for records that wait for sinks is used;
//! high from nine tenths on. Each of the
//! five is one alert about the sensor that stays open while it lasts.
//!
//! ## Benign look-alikes
//!
//! A capture with a short snap length has lost most of its bytes, rightly so. A holiday is a longer silence than any
//! before it. A site with more live accounts than a table has room for evicts all the time: raise the limit.
//! Not looked at yet: the encrypted share of a host, because this build counts TLS by address and cannot tell which
//! host a connection was for; the time from packet to alert, which a capture file does not have. A sink that is down
//! for maintenance fills the spool, rightly so.
//!
//! ## Tuning
//!
//! Raise `lost_pct` for a tap that is known to be oversubscribed, `silence_times` where second factors come in waves.
//! Facts: `lost_pct` and `lost_bytes`; `silent_s` and `usual_s`; `table`, `limit` and `tables` (each with its keys a
//! minute); `spool_pct` and `sinks` (each with the records that wait for it); `suppressed_by_detector` and `suppressed_most` (counts that are never too high).
//!
//! ## References
//!
//! Zeek `capture-loss`; MITRE ATT&CK T1562 (Impair Defenses); OWASP API8:2023.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Span,
};
use crate::health::Checkup;
use crate::runtime::Limits;
use crate::saved::{Damaged, Saved};
use crate::time::EventTime;
use crate::transaction::Transaction;
use flood::Flood;
use serde::{Deserialize, Serialize};
use silence::Silence;
use std::sync::Arc;
use std::time::Duration;

mod flood;
mod silence;

/// The loss from which on it is of high severity.
const HIGH_LOST_PCT: u32 = 10;
/// The fill of the spool from which on it is of high severity: transactions are about to be dropped.
const HIGH_SPOOL_PCT: u32 = 90;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Lost bytes beyond which it fires (1 %: from there on counts of failures are too low to trust).
    pub lost_pct: u32,
    /// Lost bytes it takes at least (64 KiB: one burst of retransmissions on a quiet line is no loss).
    pub lost_bytes: u64,
    /// The window they are counted in (300 s: a burst of a second is not the capture's state).
    pub lost_window_s: u32,
    /// Times the usual silence that are unusual (2: quiet days differ, but not by that much).
    pub silence_times: u32,
    /// Silence that is never told (1 h: on a small site nobody logs in for a while).
    pub silence_min_s: u32,
    /// Days whose silences must be known (7 days: nights and a weekend belong to what is usual).
    pub silence_days: u32,
    /// Second-factor steps that must have been seen (100: else nobody would miss them).
    pub silence_steps: u64,
    /// Keys given up in a minute by one table (1,000: ten times what a site at its limit loses in growth).
    pub evicted_per_min: u64,
    /// Fill of the spool beyond which it fires (50 %: as long again, and records are dropped).
    pub spool_pct: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            lost_pct: 1,
            lost_bytes: 65_536,
            lost_window_s: 300,
            silence_times: 2,
            silence_min_s: 3_600,
            silence_days: 7,
            silence_steps: 100,
            evicted_per_min: 1_000,
            spool_pct: 50,
        }
    }
}

/// POS-06.
pub static RULE: Rule = Rule {
    id: "POS-06",
    name: "sensor_self_check",
    title: "Sensor self-check",
    severity: Severity::Medium,
    scope: Scope::Service,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: true,
    mitre: &["T1562"],
    owasp: &["API8:2023"],
    response: "find out what the sensor misses: mirror port, capture loss, limits; look at the busiest detector first",
};

/// What is usual for the sensor.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    silence: Silence,
    flood: Flood,
    /// The last look at losses that found too many.
    lost_until: EventTime,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, _: &Limits) -> Self {
        Self {
            thresholds: thresholds.clone(),
            silence: Silence::default(),
            flood: Flood::default(),
            lost_until: EventTime::ZERO,
        }
    }

    fn check_losses(&mut self, now: EventTime, findings: &mut Findings<'_>) {
        let limits = &self.thresholds;
        let window = Duration::from_secs(u64::from(limits.lost_window_s));
        let share = findings.losses().since(now.before(window));
        if share.missing < limits.lost_bytes || !share.exceeds_pct(limits.lost_pct) {
            return;
        }
        let high = share.exceeds_pct(HIGH_LOST_PCT);
        let first = findings.losses().begun_after(now.before(window));
        let fresh = findings.losses().within(self.lost_until, now).missing;
        self.lost_until = now;
        let sensor = findings.sensor();
        let crossing = Crossing {
            about: About::Sensor { name: &sensor, part: "loss" },
            severity: if high { Severity::High } else { Severity::Medium },
            first,
            fresh,
            window: Some(window),
        };
        findings.raise(&crossing, || {
            let lost_pct = f64::from(share.lost_bp()) / 100.0;
            let all = share.delivered.saturating_add(share.missing);
            let message = format!(
                "{lost_pct} % of {all} bytes were lost in {}: what happened in them is in no count (limit {} %)",
                Span(window),
                limits.lost_pct
            );
            let facts =
                vec![("lost_pct", Fact::Number(lost_pct)), ("lost_bytes", Fact::Count(share.missing))];
            finding(message, share.missing, limits.lost_bytes, facts)
        });
    }

    fn check_silence(&mut self, now: EventTime, findings: &mut Findings<'_>) {
        let limits = &self.thresholds;
        let (fresh, watched) = self.silence.go_on(findings.losses().watched());
        let Some(usual) = self.silence.usual(limits.silence_days, limits.silence_steps) else { return };
        let limit =
            usual.saturating_mul(u64::from(limits.silence_times)).max(u64::from(limits.silence_min_s));
        if watched <= limit {
            return;
        }
        let sensor = findings.sensor();
        let crossing = Crossing {
            about: About::Sensor { name: &sensor, part: "second factors" },
            severity: Severity::Medium,
            first: now.before(Duration::from_secs(watched)),
            fresh,
            window: None,
        };
        findings.raise(&crossing, || {
            let message = format!(
                "no second-factor step for {watched} s of traffic; the longest silence of the last weeks was {usual} s \
                 (limit {} times that)",
                limits.silence_times
            );
            let facts = vec![("silent_s", Fact::Count(watched)), ("usual_s", Fact::Count(usual))];
            finding(message, watched, limit, facts)
        });
    }

    fn check_flood(&mut self, checkup: &Checkup<'_>, findings: &mut Findings<'_>) {
        let per_minute = self.thresholds.evicted_per_min.max(1);
        let tables = self.flood.note(checkup.now, checkup.evicted);
        let over: Vec<_> = tables.into_iter().filter(|table| table.in_minute >= per_minute).collect();
        let Some(worst) = over.first().cloned() else { return };
        let sensor = findings.sensor();
        let crossing = Crossing {
            about: About::Sensor { name: &sensor, part: "identity flood" },
            severity: Severity::High,
            first: checkup.now.before(flood::MINUTE),
            fresh: worst.fresh,
            window: Some(flood::MINUTE),
        };
        findings.raise(&crossing, || {
            let message = format!(
                "{} keys a minute pushed out of the full table {}: who is in it is forgotten (room by {}; limit \
                 {per_minute} a minute)",
                worst.in_minute, worst.table, worst.limit
            );
            let named = over.iter().map(|table| format!("{}: {}", table.table, table.in_minute).into());
            let facts = vec![
                ("table", Fact::Text(worst.table.clone())),
                ("limit", Fact::Text(worst.limit.into())),
                ("tables", Fact::List(named.collect::<Vec<Arc<str>>>())),
            ];
            finding(message, worst.in_minute, per_minute, facts)
        });
    }

    fn check_spool(&self, checkup: &Checkup<'_>, findings: &mut Findings<'_>) {
        let limit = self.thresholds.spool_pct;
        let Some(spool) = checkup.spool.filter(|spool| spool.fill_pct > limit) else { return };
        let sensor = findings.sensor();
        let crossing = Crossing {
            about: About::Sensor { name: &sensor, part: "spool" },
            severity: if spool.fill_pct >= HIGH_SPOOL_PCT { Severity::High } else { Severity::Medium },
            first: checkup.now,
            fresh: 1,
            window: None,
        };
        findings.raise(&crossing, || {
            let waiting = spool.sinks.iter().map(|(sink, records)| format!("{sink}: {records}"));
            let waiting: Vec<String> = waiting.collect();
            let message = format!(
                "{} % of the spool is full, and records wait for {} (limit {limit} %; room by spool.bytes_max)",
                spool.fill_pct,
                waiting.join(", ")
            );
            let sinks = waiting.into_iter().map(Into::into).collect::<Vec<Arc<str>>>();
            let facts =
                vec![("spool_pct", Fact::Count(spool.fill_pct.into())), ("sinks", Fact::List(sinks))];
            finding(message, spool.fill_pct.into(), limit.into(), facts)
        });
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, _: &mut Findings<'_>) {
        if tx.mfa.is_some() {
            self.silence.end(tx.end);
        }
    }

    fn check_up(&mut self, checkup: &Checkup<'_>, findings: &mut Findings<'_>) {
        self.check_losses(checkup.now, findings);
        self.check_silence(checkup.now, findings);
        self.check_flood(checkup, findings);
        self.check_spool(checkup, findings);
    }

    fn advance(&mut self, _: EventTime) {}

    fn evicted(&self) -> u64 {
        0
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.silence.save(out);
        self.flood.save(out);
        self.lost_until.save(out);
    }

    fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        self.silence = Saved::load(from)?;
        self.flood = Saved::load(from)?;
        self.lost_until = Saved::load(from)?;
        Ok(())
    }
}

fn finding(message: String, count: u64, threshold: u64, facts: Vec<(&'static str, Fact)>) -> Finding {
    Finding {
        message,
        count,
        threshold,
        principal: None,
        client: None,
        credential: None,
        endpoint: None,
        evidence: Vec::new(),
        facts,
        doubts: Doubts::default(),
    }
}

#[cfg(test)]
mod tests;
