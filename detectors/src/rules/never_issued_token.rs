//! # Never-issued token
//!
//! ## What it sees
//!
//! A session or token that the server accepts and that nobody was ever seen to be given, where all others are.
//!
//! ## Why it matters
//!
//! Whoever has the signing key, or found out how session ids are made, needs no login. Such a token is right in every
//! way but one: it was never handed out.
//!
//! ## How it decides
//!
//! It looks at the first accepted use of each session and token, where that was the only credential and the route is
//! known to turn others away, and whether it was seen being issued: in an answer, or in the life of a session that was.
//! It is off until what was seen proves that issuance is visible: for this issuer (of a JWT, else this host) and kind of
//! credential, 200 tokens were issued in sight, over seven days, and of all that were met at most one per cent were not.
//! Each day a seventh of these counts is forgotten, so tokens from before the sensor's time fade away; where they
//! live for months, or where tokens come from elsewhere, it stays off. Every token counts, told or not: where many come
//! that were not seen, it is the sensor that misses something, and the rule is off again. After a pause of the sensor it
//! is off for a day. Severity is high.
//!
//! ## Benign look-alikes
//!
//! A token that was issued over a connection that was not read (then one in a hundred is not seen: off), one from before
//! a pause, one that lay unused for a month.
//!
//! ## Tuning
//!
//! Raise `tokens` where several programs issue tokens and one of them rarely.
//! Facts: `place` (issuer or host), `kind`, `issued_pct`, `tokens`.
//!
//! ## References
//!
//! MITRE ATT&CK T1606, T1550.001; OWASP API2:2023.

use super::acceptance::{Guarded, accepted_alone, is_guarded, note_refusal};
use super::presence;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, tables,
};
use crate::health::Checkup;
use crate::identity::{Credential, Fingerprint, Location};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
/// How long tokens, routes and places are remembered without use.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Check-ups come every ten seconds; so long without one, and the sensor was off.
const PAUSE: Duration = Duration::from_mins(10);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Tokens that must have been seen being issued (200: a few days of a small team).
    pub tokens: u32,
    /// For how long (7 days: each way to get a token is gone once a week).
    pub known_days: u32,
    /// The share of tokens that may not have been seen (1 %: what loss and restarts account for).
    pub unseen_pct: u8,
    /// For how long it is off after the sensor was (24 h: tokens from that time have ended).
    pub pause_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { tokens: 200, known_days: 7, unseen_pct: 1, pause_h: 24 }
    }
}

/// SES-03.
pub static RULE: Rule = Rule {
    id: "SES-03",
    name: "never_issued_token",
    title: "Never-issued token",
    severity: Severity::High,
    scope: Scope::Credential,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Tenant,
    order_free: false,
    mitre: &["T1606", "T1550.001"],
    owasp: &["API2:2023"],
    response: "end the session; look for who can sign tokens, and replace the key if it is not known",
};

/// What was handed out, and what was not.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    guarded: Guarded,
    /// Tokens that were accepted before.
    met: Keyed<Fingerprint, bool>,
    /// By issuer or host, and kind of credential.
    places: Keyed<(Arc<str>, u8), Coverage>,
    /// The last check-up, and when the sensor was last off.
    until: EventTime,
    paused: Option<EventTime>,
}

/// How much of what is issued in one place is seen.
#[derive(Clone, Copy, Debug, Default)]
struct Coverage {
    since: Option<EventTime>,
    day: u64,
    /// Tokens by their first use: those issued in sight, and the others.
    issued: u32,
    unseen: u32,
}

saved!(Coverage { since, day, issued, unseen });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let keys = limits.keys_per_table_max;
        Self {
            thresholds: thresholds.clone(),
            guarded: Keyed::new(keys, KEPT),
            met: Keyed::new(keys, KEPT),
            places: Keyed::new(keys, KEPT),
            until: EventTime::ZERO,
            paused: None,
        }
    }

    fn was_off(&self, now: EventTime) -> bool {
        let off = Duration::from_secs(u64::from(self.thresholds.pause_h) * 3_600);
        self.paused.is_some_and(|paused| now.since(paused) < off)
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::TOKEN_OR_DENIED
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        note_refusal(&mut self.guarded, tx, findings);
        let Some(token) = accepted_alone(tx).filter(|token| is_token(token)) else { return };
        let Some(endpoint) = tx.endpoint() else { return };
        if !is_guarded(&mut self.guarded, &endpoint, tx.end, KEPT) {
            return;
        }
        let is_known = std::mem::replace(self.met.entry(&token.fingerprint, tx.end), true);
        if is_known {
            return;
        }
        let issuer = tx.jwt.as_ref().and_then(|jwt| jwt.iss.as_ref());
        let place = issuer.unwrap_or(&endpoint.host);
        let is_issued = tx.session.is_some_and(|session| session.issued_in_sight);
        let was_off = self.was_off(tx.end);
        let coverage = self.places.entry(&(place.clone(), token.kind as u8), tx.end);
        coverage.forget(tx.end);
        let before = *coverage;
        coverage.note(is_issued, tx.end);
        if is_issued || was_off || !before.is_proven(tx.end, &self.thresholds) {
            return;
        }
        let about = About::Credential { fingerprint: token.fingerprint, part: "" };
        let crossing = Crossing { about, severity: RULE.severity, first: tx.end, fresh: 1, window: None };
        findings.raise(&crossing, || finding(tx, token, place, before));
    }

    fn check_up(&mut self, checkup: &Checkup<'_>, _: &mut Findings<'_>) {
        if self.until != EventTime::ZERO && checkup.now.since(self.until) > PAUSE {
            self.paused = Some(checkup.now);
        }
        self.until = checkup.now;
    }

    tables!(guarded, met, places; until, paused);
}

/// A session or token that speaks for the caller.
fn is_token(credential: &Credential) -> bool {
    presence::is_persons(credential.kind)
        && matches!(credential.location, Location::Header | Location::Metadata | Location::Cookie)
}

impl Coverage {
    /// Forgets a seventh for each day that passed.
    fn forget(&mut self, now: EventTime) {
        let day = now.as_secs() / DAY.as_secs();
        let days = day.saturating_sub(self.day);
        self.day = day.max(self.day);
        // After so many days nothing is left.
        for _ in 0..days.min(200) {
            self.issued -= self.issued.div_ceil(7);
            self.unseen -= self.unseen.div_ceil(7);
        }
    }

    fn note(&mut self, is_issued: bool, now: EventTime) {
        self.since.get_or_insert(now);
        let count = if is_issued { &mut self.issued } else { &mut self.unseen };
        *count = count.saturating_add(1);
    }

    fn is_proven(self, now: EventTime, limits: &Thresholds) -> bool {
        let known = DAY.saturating_mul(limits.known_days);
        let all = u64::from(self.issued) + u64::from(self.unseen);
        self.since.is_some_and(|since| now.since(since) >= known)
            && self.issued >= limits.tokens
            && u64::from(self.unseen) * 100 <= all * u64::from(limits.unseen_pct)
    }
}

fn finding(tx: &Transaction, token: &Credential, place: &str, coverage: Coverage) -> Finding {
    let (issued, unseen) = (u64::from(coverage.issued), u64::from(coverage.unseen));
    let all = issued + unseen;
    let hex = token.fingerprint.to_string();
    let message = format!(
        "{} {} of {} accepted on {}, and nobody was seen to be given it; {issued} of {} of {place} were seen being issued",
        token.class,
        hex.get(..8).unwrap_or(&hex),
        tx.principal.id,
        tx.endpoint().map(|endpoint| endpoint.to_string()).unwrap_or_default(),
        Several(all, "other"),
    );
    Finding {
        credential: Some(token.clone()),
        facts: vec![
            ("place", Fact::Text(place.into())),
            ("kind", Fact::Text(token.kind.name().into())),
            ("issued_pct", Fact::Count(issued * 100 / all.max(1))),
            ("tokens", Fact::Count(all)),
        ],
        ..Finding::of(tx, message, "accepted, never issued")
    }
}

#[cfg(test)]
mod tests {
    use crate::health::Health;
    use crate::runtime::{Runtime, RuntimeConfig};
    use crate::story::{check_confidence, check_rule, transactions};
    use crate::time::EventTime;
    use expect_test::expect;
    use std::time::Duration;

    /// A route that turns people away, and so many tokens a day for eight days, each issued in sight.
    fn covered(a_day: u32) -> String {
        let mut story = "09:00:00 203.0.113.9 -> use GET /me 401\n".to_owned();
        for day in 0..8 {
            let (from, to) = (day * a_day, (day + 1) * a_day - 1);
            story += &format!(
                "{day}d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann bearer=t{{{from}..{to}}} issued every 1s\n"
            );
        }
        story
    }

    #[test]
    fn a_token_out_of_nowhere() {
        let forged = "8d+11:00:00 203.0.113.66 -> use GET /me 200 user=root bearer=forged x3";
        check_rule(
            &super::RULE,
            &(covered(50) + forged),
            expect![[r#"
            11:00:00.000 SES-03 never_issued_token high e58282ff3cbe7a4745dbaded14326e89: opaque e58282ff of root accepted on GET /me, and nobody was seen to be given it; 210 of 210 others of api.example.com were seen being issued
        "#]],
        );
        check_confidence(&(covered(50) + forged + " gap"), expect!["SES-03 medium"]);
    }

    #[test]
    fn what_was_issued_refused_or_is_not_looked_at() {
        check_rule(
            &super::RULE,
            &(covered(50)
                + "8d+11:00:00 203.0.113.7 -> use GET /me 200 user=bob bearer=b1 issued
             8d+11:01:00 203.0.113.7 -> use GET /me 401 bearer=b2
             8d+11:02:00 203.0.113.7 -> use GET /public 200 bearer=b3
             8d+11:03:00 203.0.113.7 -> use GET /me 200 user=ann bearer=t7 issued
             8d+11:04:00 203.0.113.7 -> use GET /me 200 user=cid bearer=b5 key=k1
             8d+11:05:00 203.0.113.7 -> use GET /me 200 user=cid session=s1
             8d+11:06:00 203.0.113.7 -> use GET /me 200 user=cid bearer=b6 host=other.example.com"),
            expect![[""]],
        );
    }

    #[test]
    fn where_others_come_out_of_nowhere_too() {
        let older = "7d+08:00:00 203.0.113.7 -> use GET /me 200 user=old bearer=o{1..9}\n";
        let forged = "8d+11:00:00 203.0.113.66 -> use GET /me 200 user=root bearer=forged";
        check_rule(&super::RULE, &(covered(50) + older + forged), expect![[""]]);
        // And so does the rule end when many come at once.
        let many = "8d+11:00:00 203.0.113.66 -> use GET /me 200 user=root bearer=f{1..40}";
        check_rule(
            &super::RULE,
            &(covered(50) + many),
            expect![[r#"
            11:00:00.000 SES-03 never_issued_token high 9d990eb7fd0ccb9fc2b5692f299c0382: opaque 9d990eb7 of root accepted on GET /me, and nobody was seen to be given it; 210 of 210 others of api.example.com were seen being issued
            11:00:01.000 SES-03 never_issued_token high 6e401c814a8639a22c9747843af68d70: opaque 6e401c81 of root accepted on GET /me, and nobody was seen to be given it; 210 of 211 others of api.example.com were seen being issued
            11:00:02.000 SES-03 never_issued_token high 2a96f395c3ec33f2ac9844614ba117a6: opaque 2a96f395 of root accepted on GET /me, and nobody was seen to be given it; 210 of 212 others of api.example.com were seen being issued
        "#]],
        );
    }

    #[test]
    fn a_day_after_the_sensor_was_off() {
        let told = |section: &str, forged: EventTime| {
            let rules = toml::from_str(&format!("[never_issued_token]\ntokens = 100\n{section}")).unwrap();
            let mut runtime = Runtime::new(RuntimeConfig { rules, ..RuntimeConfig::default() }).unwrap();
            let mut alerts = Vec::new();
            let mut all =
                transactions(&(covered(50) + "10:00:00 203.0.113.66 -> use GET /me 200 user=root bearer=f"))
                    .unwrap();
            let place = all.iter().position(|tx| &*tx.principal.id == "root").unwrap();
            let mut last = all.remove(place);
            for tx in &all {
                runtime.observe(tx, &mut alerts);
            }
            // It runs, is off for eleven minutes, and runs again.
            for end in [EIGHT_DAYS, EIGHT_DAYS.after(Duration::from_mins(11))] {
                runtime.health(&Health { delivered: 1, ..Health::default() }, end, &mut alerts);
            }
            last.end = forged;
            runtime.observe(&last, &mut alerts);
            alerts.iter().filter(|alert| alert.rule == super::RULE.id).count()
        };
        let on = |hours: u64| EIGHT_DAYS.after(Duration::from_mins(11) + Duration::from_hours(hours));
        let early = |hours: u64| on(hours).before(Duration::from_nanos(1));
        assert_eq!((told("", early(24)), told("", on(24))), (0, 1));
        assert_eq!((told("pause_h = 2", early(2)), told("pause_h = 2", on(2))), (0, 1));
    }

    /// 10:00 on the eighth day after the first of stories.
    const EIGHT_DAYS: EventTime = EventTime::from_secs(1_795_255_200 + 8 * 86_400);

    #[test]
    fn a_jwt_by_its_issuer() {
        let story = covered(50).replace("bearer=t", "jwt=RS256 iss=https://idp token=t");
        let forged = |iss: &str| {
            format!("8d+11:00:00 203.0.113.66 -> use GET /me 200 user=root jwt=RS256 iss={iss} token=x")
        };
        check_rule(
            &super::RULE,
            &(story.clone() + &forged("https://idp")),
            expect![[r#"
            11:00:00.000 SES-03 never_issued_token high 4ffef1b00b605568faddf6e85cc886bb: jwt 4ffef1b0 of root accepted on GET /me, and nobody was seen to be given it; 210 of 210 others of https://idp were seen being issued
        "#]],
        );
        check_rule(&super::RULE, &(story + &forged("https://elsewhere")), expect![[""]]);
    }
}
