//! # Retry storm
//!
//! ## What it sees
//!
//! A client that sends a refused request again and again, word for word, faster than it should.
//!
//! ## Why it matters
//!
//! A server that is in trouble is kept there by those who do not wait. Where the request is a login, retries lock the
//! account of somebody who did nothing wrong. It is a fault of a client, rarely an attack.
//!
//! ## How it decides
//!
//! A request is refused when the answer is 429, a 5xx, or gRPC's `RESOURCE_EXHAUSTED` or `UNAVAILABLE`. A retry is the
//! same method, target, body and credentials by the same caller, refused again. Where the answer before said how long to
//! wait (`Retry-After`), a retry is too early when it is sent before that. Where it did not, the pauses should double
//! from `first_pause_s` on, up to a minute, each shortened by half of the first pause at most: the n-th retry is too
//! early when less time has passed since the first refusal than that takes. A storm is more than `retries` retries of
//! which the last was too early. Who pauses for two minutes beyond what was asked begins anew. Severity is info; a
//! caller's storms are one episode.
//!
//! ## Benign look-alikes
//!
//! A client that polls and does not look at what it gets: it is told, for it should. Wrong codes and passwords are no
//! retries (see `mfa_backoff_missing`).
//!
//! ## Tuning
//!
//! `first_pause_s` is what clients were told to wait. A request that was accepted meanwhile is not looked at: with
//! pauses of seconds between, a few refusals among many accepted requests do not make a storm.
//! Facts: `retries`, `span_s`, `least_s` (without a `Retry-After`), `early_s` (with one).
//!
//! ## References
//!
//! MITRE ATT&CK T1499; OWASP API4:2023; RFC 9110 section 10.2.3; RFC 6585 section 4.

use super::actor::Actor;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Span, tables,
};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Different requests of one caller on one route whose retries are followed; of more, the one longest quiet goes.
const REQUESTS_MAX: usize = 8;
/// Pauses need not double beyond this.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// A pause that is longer by this than what was asked ends a row of retries.
const PATIENCE: Duration = Duration::from_mins(2);
/// A server that asks for a longer wait is taken to ask for this.
const WAIT_MAX: Duration = Duration::from_hours(1);
/// gRPC's status codes for "not now".
const GRPC_NOT_NOW: [u32; 2] = [8, 14];

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Retries that are still allowed, however fast (3: what a careful client tries before it gives up).
    pub retries: u32,
    /// The pause before the first retry, which then doubles (1 s: a fault may be over by then; half of it is jitter).
    pub first_pause_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { retries: 3, first_pause_s: 1 }
    }
}

/// ABU-05.
pub static RULE: Rule = Rule {
    id: "ABU-05",
    name: "retry_storm",
    title: "Retry storm",
    severity: Severity::Info,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1499"],
    owasp: &["API4:2023"],
    response: "fix the client: three retries, after 1 s, 2 s and 4 s, each 500 ms more or less, and never before Retry-After",
};

/// The refused requests of each caller, by route.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    callers: Keyed<(Actor, Arc<str>), Vec<Row>>,
}

/// One request and its retries. Its mark means nothing to another process: a restart ends the row.
#[derive(Debug)]
struct Row {
    mark: u64,
    first: EventTime,
    last: EventTime,
    /// When the latest answer allows the next try.
    allowed: Option<EventTime>,
    retries: u32,
    samples: Samples,
}

saved!(Row { first, last, allowed, retries, samples } fresh { mark });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        Self {
            callers: Keyed::new(limits.keys_per_table_max, WAIT_MAX + PATIENCE),
            thresholds: thresholds.clone(),
        }
    }

    /// The least time that so many retries take when the pauses double.
    fn least(&self, retries: u32) -> Duration {
        let first = Duration::from_secs(u64::from(self.thresholds.first_pause_s)).min(PAUSE_MAX);
        let jitter = first / 2;
        let (mut least, mut pause, mut left) = (Duration::ZERO, first, retries);
        while left > 0 && pause > Duration::ZERO && pause < PAUSE_MAX {
            least += pause.saturating_sub(jitter);
            pause = (pause * 2).min(PAUSE_MAX);
            left -= 1;
        }
        least.saturating_add(pause.saturating_sub(jitter).saturating_mul(left))
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::NOT_NOW
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        if !is_refused(tx) {
            return;
        }
        let Some(request) = tx.request.as_ref().filter(|request| request.mark != 0) else { return };
        let actor = Actor::of(tx);
        let key = (actor, request.route.clone());
        let rows = self.callers.entry(&key, tx.end);
        let Some(retry) = note(rows, tx, request.mark) else { return };
        let least = self.least(retry.count);
        let is_early = match retry.allowed {
            Some(allowed) => tx.time < allowed,
            None => retry.after < least,
        };
        if retry.count <= self.thresholds.retries || !is_early {
            return;
        }
        let crossing = Crossing {
            about: key.0.about(),
            severity: RULE.severity,
            first: retry.first,
            fresh: 1,
            window: None,
        };
        let threshold = self.thresholds.retries;
        if let Some(row) = self.callers.get(&key, tx.end).and_then(|rows| rows.last()) {
            findings.raise(&crossing, || finding(tx, &key.0, row, &retry, least, threshold));
        }
    }

    tables!(callers);
}

/// One retry.
struct Retry {
    /// Which one, from 1.
    count: u32,
    /// When the request was refused first.
    first: EventTime,
    /// How long after that this one was sent.
    after: Duration,
    /// When the answer before allowed it, if it said so.
    allowed: Option<EventTime>,
}

/// Notes a refused request, which becomes the last row; nothing if it is the first of its row.
fn note(rows: &mut Vec<Row>, tx: &Transaction, mark: u64) -> Option<Retry> {
    let response = tx.response.as_ref()?;
    let wait = response.retry_after_s.map(|wait| Duration::from_secs(u64::from(wait)).min(WAIT_MAX));
    let allowed = wait.map(|wait| tx.end.after(wait));
    let same = rows.iter().position(|row| row.mark == mark);
    let row = same.map(|place| rows.remove(place));
    let row = row.filter(|row| tx.time.since(row.last.max(row.allowed.unwrap_or(row.last))) <= PATIENCE);
    let Some(mut row) = row else {
        if rows.len() >= REQUESTS_MAX {
            rows.remove(0);
        }
        let mut samples = Samples::default();
        samples.push(tx, "refused first");
        rows.push(Row { mark, first: tx.end, last: tx.end, allowed, retries: 0, samples });
        return None;
    };
    row.retries = row.retries.saturating_add(1);
    row.samples.push(tx, "refused again");
    let retry =
        Retry { count: row.retries, first: row.first, after: tx.time.since(row.first), allowed: row.allowed };
    (row.last, row.allowed) = (tx.end, allowed);
    rows.push(row);
    Some(retry)
}

/// Whether the server could not, or would not now.
pub(crate) fn is_refused(tx: &Transaction) -> bool {
    tx.response.as_ref().is_some_and(|response| {
        matches!(response.status, 429 | 500..=599)
            || response.grpc_status.is_some_and(|status| GRPC_NOT_NOW.contains(&status))
    })
}

fn finding(
    tx: &Transaction,
    actor: &Actor,
    row: &Row,
    retry: &Retry,
    least: Duration,
    threshold: u32,
) -> Finding {
    let place = tx.endpoint().map(|endpoint| format!(" of {endpoint}")).unwrap_or_default();
    let waited = retry.allowed.map(|allowed| allowed.since(tx.time));
    let should = match waited {
        Some(early) => format!("the last {} before the server allowed it", Span(early)),
        None => format!("with doubling pauses they take {} at least", Span(least)),
    };
    let message = format!(
        "{} retries{place} by {actor} in {}, word for word; {should}",
        retry.count,
        Span(retry.after),
    );
    let mut facts = vec![
        ("retries", Fact::Count(u64::from(retry.count))),
        ("span_s", Fact::Number(retry.after.as_secs_f64())),
    ];
    match waited {
        Some(early) => facts.push(("early_s", Fact::Number(early.as_secs_f64()))),
        None => facts.push(("least_s", Fact::Number(least.as_secs_f64()))),
    }
    Finding {
        count: u64::from(retry.count),
        threshold: u64::from(threshold).saturating_add(1),
        evidence: row.samples.evidence(),
        facts,
        doubts: row.samples.doubts(),
        ..Finding::of(tx, message, "refused again")
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check_in_one_run as check;
    use expect_test::expect;

    #[test]
    fn retries_without_a_pause() {
        check(
            "10:00:00 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7 x6 every 200ms",
            expect![[r#"
                10:00:00.800 ABU-05 retry_storm info user:ann: 4 retries of GET /report by ann in 0.8 s, word for word; with doubling pauses they take 13 s at least
            "#]],
        );
    }

    #[test]
    fn pauses_that_double_and_those_that_do_not() {
        // 1, 2, 4 and 8 seconds, each shortened by half a second.
        let polite = "10:00:00 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7
             10:00:00.5 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7
             10:00:02 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7
             10:00:05.5 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7
             10:00:13 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7";
        check(polite, expect![[""]]);
        check(
            &polite.replace("10:00:13 ", "10:00:12.999999999 "),
            expect![[r#"
            10:00:12.999 ABU-05 retry_storm info user:ann: 4 retries of GET /report by ann in 12.9 s, word for word; with doubling pauses they take 13 s at least
        "#]],
        );
        // Every minute is what doubling ends at.
        check(
            "10:00:00 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7 x40 every 60s",
            expect![[""]],
        );
    }

    #[test]
    fn what_the_server_asked_for() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 429 user=ann mark=7 retry_after=30 x5 every 29s
             11:00:00 203.0.113.8 -> login POST /login 429 user=bob mark=8 retry_after=1 x9 every 1s",
            expect![[r#"
                10:01:56.000 ABU-05 retry_storm info user:ann: 4 retries of POST /login by ann in 116 s, word for word; the last 1 s before the server allowed it
            "#]],
        );
    }

    #[test]
    fn three_retries_other_requests_and_other_callers() {
        check(
            "10:00:00 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7 x4 every 200ms
             10:01:00 203.0.113.7 -> login POST /login 429 user=bob mark={1..20} every 200ms
             10:02:00 203.0.113.7 -> use GET /report 503 user=u{1..9} session=s1 mark=9 every 200ms
             10:03:00 203.0.113.7 -> use GET /report 401 user=cid session=s1 mark=9 x9 every 200ms
             10:04:00 203.0.113.7 -> use GET /report 503 user=dan session=s1 x9 every 200ms",
            expect![[r#"
                10:01:01.800 ABU-02 password_brute_force medium user:bob: 10 refused passwords in 1.8 s for bob on POST /login (limit 10 in 600 s)
            "#]],
        );
    }

    #[test]
    fn two_minutes_of_patience() {
        let story = "10:00:00 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7 x4 every 1s
             10:02:03 203.0.113.7 -> use GET /report 503 user=ann session=s1 mark=7 x5 every 1s";
        check(
            story,
            expect![[r#"
            10:02:07.000 ABU-05 retry_storm info user:ann: 8 retries of GET /report by ann in 127 s, word for word; with doubling pauses they take 179 s at least
        "#]],
        );
        check(
            &story.replace("10:02:03", "10:02:03.000000001"),
            expect![[r#"
            10:02:07.000 ABU-05 retry_storm info user:ann: 4 retries of GET /report by ann in 4 s, word for word; with doubling pauses they take 13 s at least
        "#]],
        );
    }
}
