//! # Code accepted past its lifetime
//!
//! ## What it sees
//!
//! A code sent by text message, e-mail or call that the server accepted more than ten minutes after it was sent, or
//! after it had sent a newer one.
//!
//! ## Why it matters
//!
//! A code that travels can be read on its way, on a locked screen, or in a mailbox somebody else has opened. Its short
//! life is what limits the harm; a code that outlives its successor can be collected and used later.
//!
//! ## How it decides
//!
//! It remembers for each account when the server sent a code: a challenge by `sms`, `email` or `voice` that was
//! answered. A right code belongs to the latest one of the same factor, or of the same ticket where both carry one;
//! it is late when the request with it began more than 600 s after that answer. A code is outlived when the same code
//! was presented before the latest one was sent, and was not refused then. Where the sending was not seen, or somebody
//! may have sent another code unseen, nothing is told. Severity is medium, once for a route in 24 hours. Confidence is
//! medium where the code was sent by the answer to a password, or where only the ticket tells which one came back: six
//! digits whose factor nobody named look like those of an app.
//!
//! ## Benign look-alikes
//!
//! A code that is sent over a way that is not seen here, after the one that was; a service that resends the same code
//! while it lives.
//!
//! ## Tuning
//!
//! Set `lifetime_s` to the lifetime your codes should have.
//! Facts: `factor`, `age_s` (since the latest code was sent), `outlived` (whether a newer one had been sent).
//!
//! ## References
//!
//! MITRE ATT&CK T1111; OWASP API2:2023; NIST SP 800-63B section 5.1.3.2.

use super::actor::Actor;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample, Span,
    tables,
};
use crate::identity::{Factor, Fingerprint};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Endpoint, Mfa, MfaEvent, MfaOutcome, Transaction};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a sent code is remembered, and how long a route is told about once.
const DAY: Duration = Duration::from_hours(24);
/// Sent codes remembered of one account; of more, the oldest go.
const SENT_MAX: usize = 4;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long a delivered code may live (600 s: slow mail still arrives in time).
    pub lifetime_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { lifetime_s: 600 }
    }
}

/// MFA-14.
pub static RULE: Rule = Rule {
    id: "MFA-14",
    name: "late_code_acceptance",
    title: "Code accepted past its lifetime",
    severity: Severity::Medium,
    scope: Scope::Endpoint,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Tenant,
    order_free: false,
    mitre: &["T1111"],
    owasp: &["API2:2023"],
    response: "let codes expire after five to ten minutes, and each when a newer one is sent",
};

/// The codes sent to each account, and the routes that were told about.
#[derive(Debug)]
pub struct State {
    lifetime: Duration,
    accounts: Keyed<Actor, Account>,
    routes: Keyed<Endpoint, Told>,
}

/// The codes sent to one account, oldest first, and those it came back with.
#[derive(Debug, Default)]
struct Account {
    sent: Vec<Sent>,
    /// The last delivered code that was presented and not refused.
    presented: Option<u64>,
    /// The last one that was presented before the latest code was sent.
    outlived: Option<u64>,
}

saved!(Account { sent } fresh { presented, outlived });

#[derive(Debug, Default)]
struct Told(Option<EventTime>);

saved!(Told { 0 });

/// One code on its way.
#[derive(Clone, Debug)]
struct Sent {
    at: EventTime,
    /// Unknown where the server was asked to send one and did not say how.
    factor: Factor,
    ticket: Option<Fingerprint>,
    /// Whether it was the answer to a password that sent it.
    by_login: bool,
    sample: Sample,
}

saved!(Sent { at, factor, ticket, by_login, sample });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        Self {
            lifetime: Duration::from_secs(u64::from(thresholds.lifetime_s)),
            accounts: Keyed::new(limits.keys_per_table_max, DAY),
            routes: Keyed::new(limits.keys_per_table_max, DAY),
        }
    }

    fn observe_accepted(&mut self, tx: &Transaction, late: &Late, findings: &mut Findings<'_>) {
        let Some(endpoint) = tx.endpoint() else { return };
        let Told(told) = self.routes.entry(&endpoint, tx.end);
        if told.is_some_and(|told| tx.end.since(told) <= DAY) {
            return;
        }
        *told = Some(tx.end);
        let Endpoint { method, host, route } = &endpoint;
        let crossing = Crossing {
            about: About::Endpoint { method, host, route, part: "" },
            severity: RULE.severity,
            first: late.sent.at,
            fresh: 1,
            window: Some(DAY),
        };
        findings.raise(&crossing, || late.finding(tx, &endpoint, self.lifetime));
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(step) = tx.mfa.and_then(Step::of) else { return };
        let Some(actor) = Actor::known(tx) else { return };
        let account = match step {
            Step::Sent(_) => self.accounts.entry(&actor, tx.end),
            _ => match self.accounts.get(&actor, tx.end) {
                Some(account) => account,
                None => return,
            },
        };
        match step {
            Step::Sent(mfa) => account.send(tx, mfa),
            Step::SentUnseen => account.sent.clear(),
            Step::Presented(mfa) => account.presented = mfa.code.or(account.presented),
            Step::Accepted(mfa) => {
                if let Some(late) = account.accept(tx, mfa, self.lifetime) {
                    self.observe_accepted(tx, &late, findings);
                }
            }
        }
    }

    tables!(accounts, routes);
}

/// What a second-factor step means for codes that are delivered.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The server sent a code, or may have.
    Sent(Mfa),
    /// It was asked for one, and its answer was not seen.
    SentUnseen,
    /// A code came back, and was neither accepted nor found to be wrong.
    Presented(Mfa),
    Accepted(Mfa),
}

impl Step {
    fn of(mfa: Mfa) -> Option<Self> {
        let delivered = is_delivered(mfa.factor);
        // Six digits whose factor nobody named look like those of an app; the ticket tells.
        let unnamed =
            mfa.factor == Factor::Unknown || mfa.factor == Factor::Totp && mfa.event == MfaEvent::Attempt;
        if !delivered && !unnamed {
            return None;
        }
        match (mfa.event, mfa.outcome) {
            (MfaEvent::Challenge, MfaOutcome::Challenge | MfaOutcome::Success | MfaOutcome::Pending) => {
                Some(Self::Sent(mfa))
            }
            (MfaEvent::Challenge, MfaOutcome::Unknown) => Some(Self::SentUnseen),
            (MfaEvent::Attempt, MfaOutcome::Success) => Some(Self::Accepted(mfa)),
            (MfaEvent::Attempt, MfaOutcome::FailCode) => None,
            (MfaEvent::Attempt, _) if delivered => Some(Self::Presented(mfa)),
            _ => None,
        }
    }
}

/// A code that was accepted and should not have been.
#[derive(Debug)]
struct Late {
    sent: Sent,
    /// Since the latest code was sent.
    age: Duration,
    outlived: bool,
    by_ticket_only: bool,
}

impl Account {
    fn send(&mut self, tx: &Transaction, mfa: Mfa) {
        if self.sent.len() >= SENT_MAX {
            self.sent.remove(0);
        }
        self.sent.push(Sent {
            at: tx.end,
            factor: mfa.factor,
            ticket: mfa.ticket,
            by_login: tx.login.is_some(),
            sample: Sample::of(tx),
        });
        self.outlived = self.presented.take().or(self.outlived);
    }

    /// Takes the codes of this factor off the list; says whether the one that was accepted came too late.
    fn accept(&mut self, tx: &Transaction, mfa: Mfa, lifetime: Duration) -> Option<Late> {
        let outlived = self.outlived.zip(mfa.code).is_some_and(|(old, code)| Mfa::same_code(old, code));
        if is_delivered(mfa.factor) {
            self.presented = mfa.code.or(self.presented);
        }
        let latest = self.sent.iter().rposition(|sent| sent.may_be(mfa))?;
        let sent = self.sent.remove(latest);
        self.sent.retain(|other| !other.may_be(mfa));
        // Somebody asked for a code, and it cannot be told which.
        if sent.factor == Factor::Unknown {
            return None;
        }
        let age = tx.time.since(sent.at);
        let by_ticket_only = mfa.factor != sent.factor;
        (age > lifetime || outlived).then_some(Late { sent, age, outlived, by_ticket_only })
    }
}

fn is_delivered(factor: Factor) -> bool {
    matches!(factor, Factor::Sms | Factor::Email | Factor::Voice)
}

impl Sent {
    /// Whether an accepted code may be this one: by its factor, or, where that was not named, by its ticket.
    fn may_be(&self, mfa: Mfa) -> bool {
        let same_ticket = self.ticket.is_some() && self.ticket == mfa.ticket;
        let strange_ticket = self.ticket.is_some() && mfa.ticket.is_some() && !same_ticket;
        let same_factor = self.factor == mfa.factor || self.factor == Factor::Unknown;
        let by_ticket = same_ticket && !is_delivered(mfa.factor);
        !strange_ticket && (same_factor && is_delivered(mfa.factor) || by_ticket)
    }
}

impl Late {
    fn finding(&self, tx: &Transaction, endpoint: &Endpoint, lifetime: Duration) -> Finding {
        let (factor, age) = (self.sent.factor, Span(self.age));
        let message = if self.outlived {
            format!("code sent by {factor} accepted on {endpoint} though a newer one was sent {age} before")
        } else {
            let limit = lifetime.as_secs();
            format!("code sent by {factor} accepted on {endpoint} {age} after it was sent (limit {limit} s)")
        };
        let accepted = Sample::of(tx);
        let mut doubts = Doubts::of([&self.sent.sample, &accepted]);
        doubts.inferred |= self.sent.by_login || self.by_ticket_only;
        Finding {
            evidence: vec![self.sent.sample.evidence("code sent"), accepted.evidence("code accepted")],
            facts: vec![
                ("factor", Fact::Text(factor.name().into())),
                ("age_s", Fact::Number(self.age.as_millis() as f64 / 1e3)),
                ("outlived", Fact::Flag(self.outlived)),
            ],
            doubts,
            ..Finding::of(tx, message, "")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::story::{check, check_confidence, check_in_one_run, check_rule};
    use expect_test::expect;

    #[test]
    fn ten_minutes_to_the_nanosecond() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:10:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms",
            expect![""],
        );
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:10:00.000000001 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms",
            expect![[r#"
                10:10:00.000 MFA-14 late_code_acceptance medium POST api.example.com /mfa/verify: code sent by sms accepted on POST /mfa/verify 600 s after it was sent (limit 600 s)
            "#]],
        );
    }

    #[test]
    fn the_request_counts_and_not_the_answer_to_it() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:10:05 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms took=5s",
            expect![""],
        );
    }

    #[test]
    fn a_code_that_was_sent_again_is_young() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:09:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:15:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms",
            expect![""],
        );
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:09:00 203.0.113.7 -> challenge POST /mfa/sms 429 user=ann factor=sms outcome=throttled
             10:15:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms",
            expect![[r#"
                10:15:00.000 MFA-14 late_code_acceptance medium POST api.example.com /mfa/verify: code sent by sms accepted on POST /mfa/verify 900 s after it was sent (limit 600 s)
            "#]],
        );
    }

    #[test]
    fn what_may_have_been_sent_unseen_is_not_judged() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms
             11:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=bob factor=sms
             11:09:00 203.0.113.7 -> challenge POST /mfa/sms - user=bob factor=sms outcome=unknown
             11:15:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=bob factor=sms
             12:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=eve factor=sms
             12:09:00 203.0.113.7 -> challenge POST /mfa/again 200 user=eve factor=unknown
             12:20:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=eve factor=sms",
            expect![""],
        );
    }

    #[test]
    fn other_factors_and_other_tickets_are_other_codes() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms ticket=a
             10:15:00 203.0.113.7 -> challenge POST /mfa/mail 200 user=ann factor=email
             10:16:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=email
             10:20:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=totp
             10:20:10 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=unknown
             10:20:15 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=backup ticket=a
             10:20:20 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms ticket=b
             10:20:30 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann factor=sms ticket=a",
            expect![[r#"
                10:20:15.000 MFA-08 backup_code_use low user:ann: backup code used by ann from 203.0.113.7
                10:20:20.000 MFA-10 factor_switching medium user:ann: 3 changes of factor in 20 s for ann (limit 3 in 900 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms ticket=a
             10:12:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms ticket=b
             10:15:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms ticket=a",
            expect![[r#"
                10:15:00.000 MFA-14 late_code_acceptance medium POST api.example.com /mfa/verify: code sent by sms accepted on POST /mfa/verify 900 s after it was sent (limit 600 s)
            "#]],
        );
    }

    #[test]
    fn a_code_that_outlives_its_successor() {
        check_in_one_run(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:00:20 203.0.113.7 -> mfa POST /mfa/verify 503 user=ann factor=sms code=111
             10:00:40 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:00:52 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms code=111",
            expect![[r#"
                10:00:52.000 MFA-14 late_code_acceptance medium POST api.example.com /mfa/verify: code sent by sms accepted on POST /mfa/verify though a newer one was sent 12 s before
            "#]],
        );
        check_in_one_run(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:00:20 203.0.113.7 -> mfa POST /mfa/verify 503 user=ann factor=sms code=111
             10:00:30 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann factor=sms code=222
             10:00:40 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:00:52 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms code=222",
            expect![""],
        );
    }

    #[test]
    fn a_route_is_told_about_once_a_day() {
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=u{1..9} factor=sms every 1s
             10:11:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=u{1..3} factor=sms every 1s
             10:12:00 203.0.113.7 -> mfa POST /mfa/other 200 user=u4 factor=sms
             1d+10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=v{1..2} factor=sms every 1ns
             1d+10:11:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=v{1..2} factor=sms every 1ns",
            expect![[r#"
                10:11:00.000 MFA-14 late_code_acceptance medium POST api.example.com /mfa/verify: code sent by sms accepted on POST /mfa/verify 660 s after it was sent (limit 600 s)
                10:12:00.000 MFA-14 late_code_acceptance medium POST api.example.com /mfa/other: code sent by sms accepted on POST /mfa/other 717 s after it was sent (limit 600 s)
                10:11:00.000 MFA-14 late_code_acceptance medium POST api.example.com /mfa/verify: code sent by sms accepted on POST /mfa/verify 660 s after it was sent (limit 600 s)
            "#]],
        );
    }

    #[test]
    fn what_was_sent_by_the_login_itself_is_less_certain() {
        check_confidence(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms
             10:11:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=sms
             12:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=bob factor=sms ticket=a
             12:11:00 203.0.113.7 -> mfa POST /mfa/any 200 user=bob factor=totp ticket=a
             13:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=eve factor=sms
             13:11:00 203.0.113.7 -> mfa POST /mfa/third 200 user=eve factor=sms gap",
            expect![[r#"
                MFA-14 high
                MFA-14 medium
                MFA-14 medium"#]],
        );
    }
}
