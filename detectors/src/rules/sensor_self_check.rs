//! # Sensor self-check
//!
//! ## What it sees
//!
//! The sensor itself, when it sees less than an operator believes: bytes that the capture lost, packets that the kernel
//! dropped, traffic that is encrypted, second-factor traffic that is no longer there, tables that a flood of identities
//! washes out, more alerts than people can read, alerts that come late, and records that nobody takes.
//!
//! ## Why it matters
//!
//! A sensor that is blind is as quiet as one that has nothing to tell. Lost packets hide failures and successes alike,
//! a mirror port that lost a VLAN hides a whole host, and whoever floods a table may want what was in it forgotten.
//!
//! ## How it decides
//!
//! Every ten seconds of packet time it looks at eight things, and each is one alert about the sensor that stays open
//! while it lasts.
//!
//! - Loss: more than one per cent of the bytes that TCP's numbers account for were never seen in five minutes, and at
//!   least 64 KiB of them; high from ten per cent on.
//! - Kernel drops, where traffic is read while it happens: more than one per cent of the packets that came to the
//!   interfaces in five minutes found no room in a ring, and at least a hundred; high from ten per cent on.
//! - Encrypted: more than half of the bytes in five minutes were in connections that begin with TLS, and at least 1 MiB.
//! - Silence: no second-factor step of any kind for more than twice the longest silence of the last two weeks; only
//!   seconds in which traffic was seen count, and nothing is said in the first week or before a hundred steps.
//! - Identity flood: tables give up keys because they are full, 1,000 a minute or more; the alert names the fastest
//!   table and the setting that bounds it.
//! - Alert limit: more than `limits.alerts_per_minute_max` alerts a minute (half as many of low severity, three quarters
//!   of medium, and an eighth is left to detectors that tell little); the rest is counted and the loudest detectors and
//!   subjects are named.
//! - Alert delay, where traffic is read while it happens: one alert in a hundred of the last minute took more than five
//!   seconds from the packet that completed it to the outputs.
//! - Spool, where traffic is read while it happens: more than half of the room for records that wait for sinks is used;
//!   high from nine tenths on.
//!
//! ## Benign look-alikes
//!
//! A capture with a short snap length has lost most of its bytes, rightly so. A holiday is a longer silence than any
//! before it. A site with more live accounts than a table has room for evicts all the time: raise the limit.
//! A sink that is down for maintenance fills the spool, rightly so. The encrypted share is that of everything the sensor
//! sees: which host a TLS connection was for is not read from it yet, so one encrypted host among many readable ones is
//! not told, and a mirror in front of the load balancer is encrypted by design: raise `encrypted_pct` to 100 there.
//!
//! ## Tuning
//!
//! Raise `lost_pct` for a tap that is known to be oversubscribed, `silence_times` where second factors come in waves.
//! Facts: `lost_pct` and `lost_bytes`; `dropped_pct` and `dropped_packets`; `encrypted_pct` and `encrypted_bytes`;
//! `delay_p99_s`; `silent_s` and `usual_s`; `table`, `limit` and `tables` (each with its keys a
//! minute); `spool_pct` and `sinks` (each with the records that wait for it); `suppressed_by_detector` and
//! `suppressed_most` (counts that are never too high).
//!
//! ## References
//!
//! Zeek `capture-loss`; MITRE ATT&CK T1562 (Impair Defenses); OWASP API8:2023.

use super::silence::Silence;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Span,
};
use crate::health::{Checkup, Seen, Share};
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::{Damaged, Saved};
use crate::slice::Slice;
use crate::time::EventTime;
use crate::transaction::Transaction;
use flood::Flood;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

mod flood;

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
    /// The window they, dropped packets and encrypted bytes are counted in (300 s: a burst of a second is not the capture's state).
    pub lost_window_s: u32,
    /// Packets the kernel must have dropped, beside `lost_pct` of all (100: one hiccup of the machine is no state).
    pub dropped_packets: u64,
    /// Encrypted bytes beyond which it fires (50 %: from there on what is read is not the site).
    pub encrypted_pct: u32,
    /// Encrypted bytes it takes at least (1 MiB: a few connections to elsewhere say nothing of a site).
    pub encrypted_bytes: u64,
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
    /// Time from packet to alert that one alert in a hundred may take (5 s: whoever answers an attack by hand is slower).
    pub alert_delay_s: u32,
    /// Fill of the spool beyond which it fires (50 %: as long again, and records are dropped).
    pub spool_pct: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            lost_pct: 1,
            lost_bytes: 65_536,
            lost_window_s: 300,
            dropped_packets: 100,
            encrypted_pct: 50,
            encrypted_bytes: 1_048_576,
            silence_times: 2,
            silence_min_s: 3_600,
            silence_days: 7,
            silence_steps: 100,
            evicted_per_min: 1_000,
            alert_delay_s: 5,
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
    lane: Lane::Tenant,
    order_free: false,
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
    /// The last look that found too much of it: lost bytes, dropped packets, encrypted bytes.
    told_until: [EventTime; 3],
}

/// A share of what was seen that can be too large, and how it is told.
struct Excess<'a> {
    part: &'a str,
    of: fn(&Seen) -> Share,
    limit_pct: u32,
    /// Less than this is nothing.
    least: u64,
    severity: Severity,
    told_until: &'a mut EventTime,
}

impl Excess<'_> {
    /// Raises it when there is too much of it in the window; `words` are message and facts.
    fn look(
        self,
        now: EventTime,
        window: Duration,
        findings: &mut Findings<'_>,
        words: impl FnOnce(Share) -> (String, Vec<(&'static str, Fact)>),
    ) {
        let share = (self.of)(&findings.losses().since(now.before(window)));
        if share.part < self.least || !share.exceeds_pct(self.limit_pct) {
            return;
        }
        let first = findings.losses().begun_after(now.before(window));
        let fresh = (self.of)(&findings.losses().within(*self.told_until, now)).part;
        *self.told_until = now;
        let high = self.severity == Severity::Medium && share.exceeds_pct(HIGH_LOST_PCT);
        let sensor = findings.sensor();
        let crossing = Crossing {
            about: About::Sensor { name: &sensor, part: self.part },
            severity: if high { Severity::High } else { self.severity },
            first,
            fresh,
            window: Some(window),
        };
        findings.raise(&crossing, || {
            let (message, facts) = words(share);
            finding(message, share.part, self.least, facts)
        });
    }
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, _: &Limits) -> Self {
        Self {
            thresholds: thresholds.clone(),
            silence: Silence::default(),
            flood: Flood::default(),
            told_until: [EventTime::ZERO; 3],
        }
    }

    /// Lost bytes, dropped packets and encrypted bytes.
    fn check_shares(&mut self, now: EventTime, findings: &mut Findings<'_>) {
        let Thresholds { lost_pct, encrypted_pct, .. } = self.thresholds;
        let window = Duration::from_secs(u64::from(self.thresholds.lost_window_s));
        let [lost, dropped, encrypted] = &mut self.told_until;
        let upstream = Excess {
            part: "loss",
            of: Seen::lost,
            limit_pct: lost_pct,
            least: self.thresholds.lost_bytes,
            severity: Severity::Medium,
            told_until: lost,
        };
        upstream.look(now, window, findings, |Share { part, whole }| {
            let pct = Share { part, whole }.pct();
            let message = format!(
                "{pct} % of {whole} bytes were lost in {}: what happened in them is in no count (limit {lost_pct} %)",
                Span(window),
            );
            (message, vec![("lost_pct", Fact::Number(pct)), ("lost_bytes", Fact::Count(part))])
        });
        let drops = Excess {
            part: "kernel drops",
            of: Seen::dropped,
            limit_pct: lost_pct,
            least: self.thresholds.dropped_packets,
            severity: Severity::Medium,
            told_until: dropped,
        };
        drops.look(now, window, findings, |Share { part, whole }| {
            let pct = Share { part, whole }.pct();
            let message = format!(
                "the kernel dropped {pct} % of {whole} packets in {}: the sensor is too slow for this traffic, or its \
                 rings are too small (limit {lost_pct} %)",
                Span(window),
            );
            (message, vec![("dropped_pct", Fact::Number(pct)), ("dropped_packets", Fact::Count(part))])
        });
        let unread = Excess {
            part: "encrypted",
            of: Seen::encrypted,
            limit_pct: encrypted_pct,
            least: self.thresholds.encrypted_bytes,
            severity: Severity::Low,
            told_until: encrypted,
        };
        unread.look(now, window, findings, |Share { part, whole }| {
            let pct = Share { part, whole }.pct();
            let message = format!(
                "{pct} % of {whole} bytes in {} were in connections that begin with TLS, and were not read (limit \
                 {encrypted_pct} %)",
                Span(window),
            );
            (message, vec![("encrypted_pct", Fact::Number(pct)), ("encrypted_bytes", Fact::Count(part))])
        });
    }

    fn check_delay(&self, checkup: &Checkup<'_>, findings: &mut Findings<'_>) {
        let limit = self.thresholds.alert_delay_s;
        let too_slow = |delay: &u64| *delay > u64::from(limit).saturating_mul(1_000);
        let Some(delay_ms) = checkup.alert_p99_ms.filter(too_slow) else { return };
        let sensor = findings.sensor();
        let crossing = Crossing {
            about: About::Sensor { name: &sensor, part: "alert delay" },
            severity: Severity::Medium,
            first: checkup.now,
            fresh: 1,
            window: None,
        };
        findings.raise(&crossing, || {
            let seconds = delay_ms as f64 / 1_000.0;
            let message = format!(
                "one alert in a hundred takes {seconds} s or more from its packet to the outputs: the sensor lags \
                 behind its traffic (limit {limit} s)"
            );
            let facts = vec![("delay_p99_s", Fact::Number(seconds))];
            finding(message, delay_ms, u64::from(limit).saturating_mul(1_000), facts)
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
        self.check_shares(checkup.now, findings);
        self.check_silence(checkup.now, findings);
        self.check_flood(checkup, findings);
        self.check_delay(checkup, findings);
        self.check_spool(checkup, findings);
    }

    fn advance(&mut self, _: EventTime) {}

    fn evicted(&self) -> u64 {
        0
    }

    fn keys(&self) -> usize {
        0
    }

    fn shed(&mut self, _: usize) {}

    fn save(&self, slice: &mut Slice<'_>) {
        slice.whole(|out| {
            self.silence.save(out);
            self.flood.save(out);
            self.told_until.save(out);
        });
    }

    fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        self.silence = Saved::load(from)?;
        self.flood = Saved::load(from)?;
        self.told_until = Saved::load(from)?;
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
