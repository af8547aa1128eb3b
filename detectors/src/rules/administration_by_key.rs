//! # Privileged administration by key
//!
//! ## What it sees
//!
//! A static key, or a password sent with every request (Basic, Digest), that changes users, permissions, keys, second
//! factors or the administration itself, where that is not what it does day by day.
//!
//! ## Why it matters
//!
//! Who adds a user, a permission or a key stays in when the stolen key is revoked; who takes a second factor away comes
//! in by the front door. Nobody is asked for a second factor when a key does it.
//!
//! ## How it decides
//!
//! Each success counts that changes something on a route for users, roles, keys, second factors or administration, makes
//! a key, or removes, resets or replaces a factor. What a call does is told by its method, of GraphQL by its operation,
//! of gRPC by its name. An action is a key's habit once it did it on three days and the first of them is seven days ago;
//! each success before that, and each of another action, is told, as high. Successes within an hour of each other are one
//! episode for each key and action. Confidence is low until the sensor has watched keys on the host for seven days. Of
//! many keys that do the same on one host ten are told one by one in seven days and the rest in one alert about the host.
//!
//! ## Benign look-alikes
//!
//! Infrastructure as code, directory synchronisation: told until it is a habit, or acknowledged at once.
//!
//! ## Tuning
//!
//! Acknowledge a key for what it may do by the alert's subject: `[[suppress]]` with `rule = "administration_by_key"`,
//! `subject = "<fingerprint> (user)"`, a reason and an end (`until`). `mfa_bypass_by_key` tells where a key got past a
//! second factor, once in seven days; this rule tells what it changed, each time.
//! Facts: `action` (`user`, `permission`, `key`, `factor` or `administration`), `days_done`, `done_since`; of many keys
//! `action`.
//!
//! ## References
//!
//! MITRE ATT&CK T1098, T1136, T1098.001; OWASP API5:2023.

use super::deed;
use super::keys::{self, Crowd, Telling};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, tables,
};
use crate::hash::Mark;
use crate::identity::{Credential, Fingerprint, named};
use crate::keyed::Keyed;
use crate::label::Label;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Activity, MfaEvent, Request, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long a key is remembered without use.
const KEPT: Duration = Duration::from_hours(90 * 24);
const DAY: Duration = Duration::from_hours(24);
const DAY_S: u64 = 24 * 3600;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long ago an action was first done before it is a habit (7 d: a weekly job has run).
    pub learn_days: u32,
    /// Days on which an action was done before it is a habit (3: a thief is found out sooner).
    pub days: u32,
    /// The pause after which a key's next success is told anew (3600 s: one piece of work).
    pub pause_s: u32,
    /// Keys told one by one for the same in the time of learning (10: more are how the product is made).
    pub keys: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { learn_days: 7, days: 3, pause_s: 3600, keys: 10 }
    }
}

/// KEY-09.
pub static RULE: Rule = Rule {
    id: "KEY-09",
    name: "administration_by_key",
    title: "Privileged administration by key",
    severity: Severity::High,
    scope: Scope::Credential,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Keys,
    order_free: false,
    mitre: &["T1098", "T1136", "T1098.001"],
    owasp: &["API5:2023"],
    response: "undo what was changed unless its owner meant it; let a person approve such changes, with a second factor",
};

/// What each key administers.
#[derive(Debug)]
pub struct State {
    learn: Duration,
    days: u32,
    pause: Duration,
    one_by_one: u32,
    keys: Keyed<Fingerprint, Habits>,
    /// When the first key was accepted on each host.
    hosts: Keyed<Arc<str>, EventTime>,
    /// By host and action.
    crowds: Keyed<u64, Crowd>,
}

/// The actions of one key, each once.
#[derive(Debug, Default)]
struct Habits(Vec<Habit>);

saved!(Habits { 0 });

#[derive(Clone, Copy, Debug)]
struct Habit {
    action: Action,
    first: EventTime,
    /// The last day on which it was done, counted from 1970.
    last_day: u64,
    /// Different days on which it was done.
    days: u32,
    /// Whether it is told by itself until it is a habit, and not in the crowd.
    is_told: bool,
}

saved!(Habit { action, first, last_day, days, is_told });

named! {
    /// What a key changes.
    Action {
        /// A user is added, changed or removed.
        User => "user",
        /// A role, permission or grant is given or taken.
        Permission => "permission",
        /// A key is made, changed or removed.
        Key => "key",
        /// A second factor is added, reset or taken away.
        Factor => "factor",
        /// Anything else that only administrators do.
        Administration => "administration",
    }
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let learn = DAY.saturating_mul(thresholds.learn_days);
        let keys = limits.keys_per_table_max;
        let kept = KEPT.max(learn.saturating_mul(2));
        Self {
            learn,
            days: thresholds.days,
            pause: Duration::from_secs(u64::from(thresholds.pause_s)),
            one_by_one: thresholds.keys,
            keys: Keyed::new(keys, kept),
            hosts: Keyed::new(keys, kept),
            crowds: Keyed::new(keys, learn),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::KEY.and(Facts::ACCEPTED)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let (Some(credential), Some(request)) = (keys::or_password_of(tx), &tx.request) else { return };
        let now = tx.end;
        let watched_since = self.hosts.entry_again(&request.host, now);
        if *watched_since == EventTime::ZERO {
            *watched_since = now;
        }
        let is_learning = now.since(*watched_since) < self.learn;
        let Some(action) = Action::of(tx, request) else { return };
        let habit = self.keys.entry(&credential.fingerprint, now).of(action, now);
        let is_habit = habit.days >= self.days && now.since(habit.first) >= self.learn;
        habit.does(now);
        if is_habit {
            return;
        }
        let telling = if habit.is_told {
            Telling::Key
        } else {
            let place = Mark::of([&*request.host, action.name()]);
            let telling = self.crowds.entry(&place, now).joins(now, self.learn, self.one_by_one);
            habit.is_told = telling == Telling::Key;
            telling
        };
        let about = match telling {
            Telling::Key => About::Credential { fingerprint: credential.fingerprint, part: action.name() },
            Telling::Crowd => About::Service(&request.host),
            Telling::Nothing => return,
        };
        let crossing =
            Crossing { about, severity: RULE.severity, first: now, fresh: 1, window: Some(self.pause) };
        findings.raise(&crossing, || {
            let found = match telling {
                Telling::Crowd => of_many(tx, request, action, self.one_by_one),
                _ => of_one(tx, request, credential, *habit),
            };
            Finding { doubts: Doubts { learning: is_learning, ..found.doubts }, ..found }
        });
    }

    tables!(keys, hosts, crowds);
}

impl Habits {
    fn of(&mut self, action: Action, now: EventTime) -> &mut Habit {
        let place = self.0.iter().position(|habit| habit.action == action).unwrap_or_else(|| {
            self.0.push(Habit { action, first: now, last_day: 0, days: 0, is_told: false });
            self.0.len() - 1
        });
        &mut self.0[place]
    }
}

impl Habit {
    /// Notes that it is done now.
    fn does(&mut self, now: EventTime) {
        let day = now.as_secs() / DAY_S;
        if day > self.last_day {
            (self.last_day, self.days) = (day, self.days.saturating_add(1));
        }
    }
}

impl Action {
    /// What an accepted call changes, if only administrators do that.
    fn of(tx: &Transaction, request: &Request) -> Option<Self> {
        match (tx.activity, tx.mfa) {
            (Activity::KeyIssue, _) => return Some(Self::Key),
            (Activity::Mfa, Some(mfa)) => return changes_factors(mfa.event).then_some(Self::Factor),
            (Activity::Use | Activity::Sensitive, _) => {}
            // A sign-up by the key of an app makes a user, and is no administration.
            _ => return None,
        }
        if !deed::writes(tx, request) {
            return None;
        }
        // The most telling first: the role of a user is no user.
        let labels = [
            (Label::Role, Self::Permission),
            (Label::Key, Self::Key),
            (Label::Factor, Self::Factor),
            (Label::Users, Self::User),
            (Label::Admin, Self::Administration),
        ];
        labels.into_iter().find(|&(label, _)| request.labels.has(label)).map(|(_, action)| action)
    }

    fn words(self) -> &'static str {
        match self {
            Self::User => "changes users",
            Self::Permission => "changes permissions",
            Self::Key => "makes or changes keys",
            Self::Factor => "changes second factors",
            Self::Administration => "administrates",
        }
    }
}

/// Codes are checked by programs, too; what is theirs to check is not theirs to replace.
fn changes_factors(event: MfaEvent) -> bool {
    use MfaEvent::{Confirmation, Enrolment, Regeneration, Removal, Reset};
    matches!(event, Enrolment | Confirmation | Removal | Reset | Regeneration)
}

fn of_one(tx: &Transaction, request: &Request, credential: &Credential, habit: Habit) -> Finding {
    let Request { method, host, route, .. } = request;
    let before = habit.days.saturating_sub(1);
    let known = match before {
        0 => "which it never did before".to_string(),
        days => format!("which it did on {} before", Several(u64::from(days), "day")),
    };
    let message = format!(
        "{} {}, {known}: {method} {route} on {host}",
        keys::Named(credential, tx),
        habit.action.words()
    );
    Finding {
        credential: Some(credential.clone()),
        facts: vec![
            ("action", Fact::Text(habit.action.name().into())),
            ("days_done", Fact::Count(u64::from(habit.days))),
            ("done_since", Fact::Text(habit.first.to_string().into())),
        ],
        ..Finding::of(tx, message, "accepted by key alone")
    }
}

fn of_many(tx: &Transaction, request: &Request, action: Action, keys: u32) -> Finding {
    let Request { method, host, route, .. } = request;
    let message = format!(
        "more than {} on {host} of which each {}, the latest {method} {route}",
        Several(u64::from(keys), "key"),
        action.words(),
    );
    Finding {
        count: u64::from(keys) + 1,
        threshold: u64::from(keys) + 1,
        principal: None,
        client: None,
        facts: vec![("action", Fact::Text(action.name().into()))],
        ..Finding::of(tx, message, "accepted by key alone")
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::runtime::RuntimeConfig;
    use crate::story::{alerts, check_rule};
    use expect_test::{Expect, expect};

    fn tell(story: &str, expected: Expect) {
        check_rule(&RULE, story, expected);
    }

    #[test]
    fn each_kind_of_administration() {
        tell(
            "10:00:00 203.0.113.7 -> use POST /users 201 key=k1 labels=users
             10:00:01 203.0.113.7 -> use PUT /users/7/role 200 key=k1 labels=users,role
             10:00:02 203.0.113.7 -> use DELETE /keys/3 204 key=k1 labels=key
             10:00:03 203.0.113.7 -> removal DELETE /users/7/factors 204 key=k1 labels=users,factor
             10:00:04 203.0.113.7 -> use POST /admin/settings 200 key=k1 labels=admin
             10:00:05 203.0.113.7 -> use POST /users 201 user=ann basic labels=users",
            expect![[r#"
                10:00:00.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (user): api_key 4fe70c2b changes users, which it never did before: POST /users on api.example.com
                10:00:01.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (permission): api_key 4fe70c2b changes permissions, which it never did before: PUT /users/7/role on api.example.com
                10:00:02.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (key): api_key 4fe70c2b makes or changes keys, which it never did before: DELETE /keys/3 on api.example.com
                10:00:03.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (factor): api_key 4fe70c2b changes second factors, which it never did before: DELETE /users/7/factors on api.example.com
                10:00:04.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (administration): api_key 4fe70c2b administrates, which it never did before: POST /admin/settings on api.example.com
                10:00:05.000 KEY-09 administration_by_key high 3add0bde5be145601d1756509331823e (user): basic 3add0bde of ann changes users, which it never did before: POST /users on api.example.com
            "#]],
        );
    }

    #[test]
    fn an_hour_of_it_is_one_matter() {
        tell(
            "10:00:00 203.0.113.7 -> use POST /users 201 key=k1 labels=users x9 every 1m
             11:08:00 203.0.113.7 -> use POST /users 201 key=k1 labels=users
             12:08:00.000000001 203.0.113.7 -> use POST /users 201 key=k1 labels=users",
            expect![[r#"
                10:00:00.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (user): api_key 4fe70c2b changes users, which it never did before: POST /users on api.example.com
                10:05:00.000 KEY-09 administration_by_key high (update) 4fe70c2b12730bbd30c371687045227c (user): api_key 4fe70c2b changes users, which it never did before: POST /users on api.example.com; 6 in all since 2026-11-21T10:00:00Z
                11:08:00.000 KEY-09 administration_by_key high (update) 4fe70c2b12730bbd30c371687045227c (user): api_key 4fe70c2b changes users, which it never did before: POST /users on api.example.com; 10 in all since 2026-11-21T10:00:00Z
                12:08:00.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (user): api_key 4fe70c2b changes users, which it never did before: POST /users on api.example.com
            "#]],
        );
    }

    #[test]
    fn what_is_done_for_a_week_is_a_habit_and_the_rest_is_not() {
        tell(
            "10:00:00 203.0.113.7 -> use POST /users 201 key=k1 labels=users
             1d+10:00:00 203.0.113.7 -> use POST /users 201 key=k1 labels=users
             5d+10:00:00 203.0.113.7 -> use POST /users 201 key=k1 labels=users
             7d+10:00:00 203.0.113.7 -> use POST /users 201 key=k1 labels=users
             40d+10:00:00 203.0.113.7 -> use POST /users 201 key=k1 labels=users
             40d+10:00:01 203.0.113.7 -> use POST /keys 201 key=k1 labels=key",
            expect![[r#"
                10:00:00.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (user): api_key 4fe70c2b changes users, which it never did before: POST /users on api.example.com
                10:00:00.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (user): api_key 4fe70c2b changes users, which it did on 1 day before: POST /users on api.example.com
                10:00:00.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (user): api_key 4fe70c2b changes users, which it did on 2 days before: POST /users on api.example.com
                10:00:01.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (key): api_key 4fe70c2b makes or changes keys, which it never did before: POST /keys on api.example.com
            "#]],
        );
    }

    #[test]
    fn what_is_no_administration() {
        tell(
            "10:00:00 203.0.113.7 -> use GET /users 200 key=k1 labels=users
             10:00:01 203.0.113.7 -> use POST /users/search 200 key=k1 labels=users
             10:00:02 203.0.113.7 -> use POST /users 403 key=k1 labels=users
             10:00:03 203.0.113.7 -> use POST /users 201 user=ann session=s1 key=k1 labels=users
             10:00:04 203.0.113.7 -> signup POST /users 201 user=bob key=k1 labels=users,sign_up
             10:00:05 203.0.113.7 -> mfa POST /factors/verify 200 user=bob key=k1 labels=factor
             10:00:06 203.0.113.7 -> use POST /users 201 user=ann session=s1 labels=users
             10:00:07 203.0.113.7 -> use POST /orders 201 key=k1
             10:00:08 203.0.113.7 -> use POST /users 201 key=k1 labels=users repeat",
            expect![[""]],
        );
    }

    #[test]
    fn many_keys_that_do_the_same_are_one_matter() {
        let story = "10:00:00 203.0.113.7 -> use POST /users 201 key=k{1..40} labels=users every 10s";
        let told = alerts(story, RuntimeConfig::default()).unwrap();
        let opened = told.iter().filter(|alert| alert.rule == RULE.id && alert.rev == 1);
        let messages: Vec<&str> = opened.map(|alert| alert.message.as_str()).collect();
        assert_eq!(messages.len(), 11);
        expect!["more than 10 keys on api.example.com of which each changes users, the latest POST /users"]
            .assert_eq(messages[10]);
    }

    #[test]
    fn confidence_grows_with_what_was_watched() {
        let story = "10:00:00 203.0.113.7 -> use POST /users 201 key=k1 labels=users
                     7d+09:59:59 203.0.113.7 -> use POST /users 201 key=k2 labels=users
                     7d+10:00:00 203.0.113.7 -> use POST /users 201 key=k3 labels=users";
        let told = alerts(story, RuntimeConfig::default()).unwrap();
        let opened = told.iter().filter(|alert| alert.rule == RULE.id && alert.rev == 1);
        let confidence: Vec<&str> = opened.map(|alert| alert.confidence.name()).collect();
        assert_eq!(confidence, ["low", "low", "high"]);
    }
}
