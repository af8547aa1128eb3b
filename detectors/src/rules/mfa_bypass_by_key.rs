//! # API key bypasses MFA
//!
//! ## What it sees
//!
//! A static key, or a password sent with every request (Basic, Digest), that succeeds where people show a second factor,
//! or that manages users, roles, keys, second factors or exports.
//!
//! ## Why it matters
//!
//! A static key is a user name and password in disguise: it does not expire, and nobody asks its bearer for a second
//! factor. Whoever finds one in a repository or a log walks past the factor that the account's owner trusts in.
//!
//! ## How it decides
//!
//! A route asks people for a second factor when at least 90 % of the accounts behind its latest sessions (20 to 64 of
//! them within 7 days) carry one in the last of theirs.
//! A success by key there is medium, low from the internal network or when the key was told for it before, and high when
//! the key has been known for 7 days and never did it before. A success on
//! a privileged route is high, whatever people show there. Both are critical when the key's owner has a second factor
//! enrolled. A key is told once in 7 days for each class of routes: a privileged label, or `asks_mfa`. Of many keys on one
//! class of a host, ten of each severity are told one by one and the rest in one alert about the host; a key that does
//! what it never did, or one whose owner has a second factor on a privileged route, is always told by itself.
//!
//! A key beside somebody's session or token only names the program and does not count; neither do the short-lived tokens
//! of OAuth clients and client certificates, which are what a key should be replaced by.
//!
//! ## Benign look-alikes
//!
//! Programs on routes of their own, where no session is seen (never told, unless privileged), health probes (likewise),
//! deployments without a second factor. A service key that is meant to do this: `[[suppress]]` it with its reason.
//!
//! ## Tuning
//!
//! Acknowledge a key for what it may do by the alert's subject: `[[suppress]]` with `rule = "mfa_bypass_by_key"`,
//! `subject = "<fingerprint> (export)"`, or `"<fingerprint>*"` for all it does, with a reason and an end (`until`).
//! What is privileged is a matter of route labels. `basic_auth_in_use` tells the standing weakness of Basic by host; this
//! rule tells who got past a second factor with it, and where.
//! Facts: `class` (the label, or `asks_mfa`), `mfa_pct` (of accounts), `accounts`, `sessions`, `account_has_mfa`, `new_for_key`, `key_seen_since`;
//! of many keys `class`, `mfa_pct`, `accounts`, `sessions`.
//!
//! ## References
//!
//! MITRE ATT&CK T1078.004, T1550.001, T1556.006; OWASP API2:2023, API5:2023.

use super::keys::{self, Crowd, Telling};
use super::presence;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, tables,
};
use crate::hash::Mark;
use crate::identity::{AddressClass, Credential, Fingerprint, ProofLevel};
use crate::keyed::Keyed;
use crate::label::{Label, Labels};
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Endpoint, Request, Transaction};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Sessions by which a route is judged, unless more are asked for; of more, those longest unused go.
const SESSIONS_KEPT: usize = 64;
/// Routes remembered of one key; a key with more has no habits to speak of.
const ROUTES_MAX: usize = 64;
/// How long a key is remembered without use.
const KEY_KEPT: Duration = Duration::from_hours(90 * 24);
/// The class of routes that are not privileged but ask people for a second factor.
const ASKS_MFA: &str = "asks_mfa";
const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Sessions of a route that must be seen first (20: fewer say little about what the route asks for).
    pub sessions: u32,
    /// The share of their accounts with a second factor from which on the route is known to ask for one (90 %: most people's).
    pub asks_pct: u8,
    /// How long a session speaks for its route (7 d: a working week with its weekend).
    pub window_days: u32,
    /// The age from which on what a key does is known (7 d: a weekly job has run).
    pub known_days: u32,
    /// How soon a key is told again for the same (7 d: a standing weakness is a weekly matter).
    pub again_after_days: u32,
    /// Keys told one by one for the same (10: more are how the product is made, and one alert says so).
    pub keys: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { sessions: 20, asks_pct: 90, window_days: 7, known_days: 7, again_after_days: 7, keys: 10 }
    }
}

/// KEY-01.
pub static RULE: Rule = Rule {
    id: "KEY-01",
    name: "mfa_bypass_by_key",
    title: "API key bypasses MFA",
    severity: Severity::High,
    scope: Scope::Credential,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Keys,
    order_free: false,
    mitre: &["T1078.004", "T1550.001", "T1556.006"],
    owasp: &["API2:2023", "API5:2023"],
    response: "take the right away from the key; give programs short-lived tokens or client certificates, and pin their addresses",
};

/// What routes ask people for, and what keys do.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    window: Duration,
    known: Duration,
    again_after: Duration,
    /// By method, host and route.
    routes: Keyed<Endpoint, Route>,
    keys: Keyed<Fingerprint, Key>,
    /// By host, class and severity.
    crowds: Keyed<u64, Crowd>,
}

/// The latest sessions on one route, the latest last.
#[derive(Debug, Default)]
struct Route(VecDeque<Session>);

saved!(Route { 0 });

/// One session on one route: when it was last seen there, and whether it carried a second factor then.
#[derive(Clone, Copy, Debug)]
struct Session {
    id: u64,
    account: u32,
    last: EventTime,
    has_mfa: bool,
}

saved!(Session { id, account, last, has_mfa });

/// How many sessions a route has, and how many of their accounts carry a second factor.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    sessions: u64,
    accounts: u64,
    with_mfa: u64,
}

/// What a key did so far.
#[derive(Debug, Default)]
struct Key {
    first: Option<EventTime>,
    /// Privileged labels and other routes where it succeeded, by hash.
    done: Vec<u32>,
    /// The classes it was told for, and when.
    told: Vec<(&'static str, EventTime)>,
}

saved!(Key { first, done, told });

/// A success by key that a person would have needed a second factor for.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, none a state")]
struct Bypass<'a> {
    key: &'a Credential,
    class: &'static str,
    /// `None` where only the route's sessions say that it asks for a second factor.
    label: Option<Label>,
    share: Share,
    owner_has_mfa: bool,
    /// A known key that never did this.
    is_new: bool,
    /// Whether the key was told for the same in an earlier week: it still does what is known.
    is_repeat: bool,
    is_internal: bool,
    key_first: EventTime,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let days = |days: u32| DAY.saturating_mul(days);
        let (window, known, again_after) =
            (days(thresholds.window_days), days(thresholds.known_days), days(thresholds.again_after_days));
        let keys = limits.keys_per_table_max;
        Self {
            window,
            known,
            again_after,
            routes: Keyed::new(keys, window),
            keys: Keyed::new(keys, KEY_KEPT.max(known).max(again_after)),
            crowds: Keyed::new(keys, again_after),
            thresholds: thresholds.clone(),
        }
    }

    /// A person's session says what the route asks for; one of unknown history says nothing.
    fn observe_session(&mut self, tx: &Transaction, request: &Request, findings: &Findings<'_>) {
        let has_mfa = match tx.proof.level {
            ProofLevel::Mfa => true,
            ProofLevel::Password => false,
            _ => return,
        };
        if !findings.shows_person() {
            return;
        }
        let Some(session) = presence::session_of(tx) else { return };
        let account = Mark::of([&*tx.principal.id]) as u32;
        let session = Session { id: keys::number(session), account, last: tx.end, has_mfa };
        let kept = (self.thresholds.sessions as usize).max(SESSIONS_KEPT);
        self.routes.entry(findings.endpoint(request), tx.end).note(session, kept);
    }

    fn observe_key(
        &mut self,
        tx: &Transaction,
        request: &Request,
        credential: &Credential,
        findings: &mut Findings<'_>,
    ) {
        let now = tx.end;
        let label = privilege(request.labels);
        let class = label.map_or(ASKS_MFA, Label::name);
        let place = label.map_or_else(|| route_of(request), |_| Mark::of([class]));
        let key = self.keys.entry(&credential.fingerprint, now);
        let is_new = key.does(place as u32, now, self.known);
        let route = self.routes.get(findings.endpoint(request), now);
        let share = route.map_or_else(Share::default, |route| route.share(now, self.window));
        if label.is_none() && !share.asks(&self.thresholds) {
            return;
        }
        let is_repeat = key.was_told(class);
        if !key.is_news(class, now, self.again_after) && !is_new {
            return;
        }
        let is_internal = tx.client.class == Some(AddressClass::Internal);
        let owner_has_mfa = tx.proof.account_has_mfa && tx.principal.is_user();
        let key_first = key.first.unwrap_or(now);
        let bypass = Bypass {
            key: credential,
            class,
            label,
            share,
            owner_has_mfa,
            is_new,
            is_repeat,
            is_internal,
            key_first,
        };
        let telling = if is_new || owner_has_mfa && label.is_some() {
            Telling::Key
        } else {
            let crowd = self.crowds.entry(&Mark::of([&*request.host, class, bypass.severity().name()]), now);
            crowd.joins(now, self.again_after, self.thresholds.keys)
        };
        let about = match telling {
            Telling::Key => About::Credential { fingerprint: credential.fingerprint, part: class },
            Telling::Crowd => About::Service(&request.host),
            Telling::Nothing => return,
        };
        let crossing = Crossing { about, severity: bypass.severity(), first: now, fresh: 1, window: None };
        findings.raise(&crossing, || match telling {
            Telling::Crowd => of_many(tx, request, bypass, self.thresholds.keys),
            _ => of_one(tx, request, bypass),
        });
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::CALL.and(Facts::ACCEPTED)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        if !keys::is_call(tx) || !keys::is_accepted(tx) {
            return;
        }
        let Some(request) = &tx.request else { return };
        match keys::or_password_of(tx) {
            None => self.observe_session(tx, request, findings),
            Some(key) if tx.proof.level != ProofLevel::Mfa => self.observe_key(tx, request, key, findings),
            Some(_) => {}
        }
    }

    tables!(routes, keys, crowds);
}

impl Route {
    fn note(&mut self, session: Session, kept: usize) {
        let sessions = &mut self.0;
        // The session just seen is the one most often seen again.
        if let Some(latest) = sessions.back_mut().filter(|latest| latest.id == session.id) {
            *latest = session;
            return;
        }
        if let Some(place) = sessions.iter().rposition(|known| known.id == session.id) {
            sessions.remove(place);
        } else if sessions.len() >= kept {
            sessions.pop_front();
        }
        sessions.push_back(session);
    }

    /// Each account has one vote, by its latest session: nobody's habit of its own decides for a route.
    fn share(&self, now: EventTime, window: Duration) -> Share {
        let mut share = Share::default();
        let mut counted = Vec::new();
        for session in self.0.iter().rev().filter(|session| now.since(session.last) <= window) {
            share.sessions += 1;
            if !counted.contains(&session.account) {
                counted.push(session.account);
                share.with_mfa += u64::from(session.has_mfa);
            }
        }
        share.accounts = counted.len() as u64;
        share
    }
}

impl Share {
    fn asks(self, limits: &Thresholds) -> bool {
        self.sessions >= u64::from(limits.sessions.max(1))
            && self.with_mfa * 100 >= self.accounts * u64::from(limits.asks_pct)
    }

    fn pct(self) -> u64 {
        self.with_mfa * 100 / self.accounts.max(1)
    }
}

impl Key {
    /// Notes what it does now; whether it is known for so long and never did it.
    fn does(&mut self, place: u32, now: EventTime, known: Duration) -> bool {
        let first = *self.first.get_or_insert(now);
        if self.done.contains(&place) || self.done.len() >= ROUTES_MAX {
            return false;
        }
        self.done.push(place);
        now.since(first) >= known
    }

    fn was_told(&self, class: &'static str) -> bool {
        self.told.iter().any(|(told, _)| *told == class)
    }

    /// Whether it was not told for this class of late, and notes that it is now.
    fn is_news(&mut self, class: &'static str, now: EventTime, again_after: Duration) -> bool {
        let is_news = !self.told.iter().any(|(told, at)| *told == class && now.since(*at) < again_after);
        if is_news {
            self.told.retain(|(told, _)| *told != class);
            self.told.push((class, now));
        }
        is_news
    }
}

impl Bypass<'_> {
    fn severity(&self) -> Severity {
        if self.owner_has_mfa {
            Severity::Critical
        } else if self.label.is_some() || self.is_new {
            Severity::High
        } else if self.is_internal || self.is_repeat {
            Severity::Low
        } else {
            Severity::Medium
        }
    }

    /// What people show there, as far as it was seen.
    fn people(&self) -> Option<String> {
        let Share { sessions, accounts, .. } = self.share;
        let who = || (Several(accounts, "account"), Several(sessions, "session"));
        (sessions > 0).then(who).map(|(accounts, sessions)| {
            format!("{} % of {accounts} in {sessions} show one", self.share.pct())
        })
    }

    fn share_facts(&self) -> Vec<(&'static str, Fact)> {
        vec![
            ("class", Fact::Text(self.class.into())),
            ("mfa_pct", Fact::Count(self.share.pct())),
            ("accounts", Fact::Count(self.share.accounts)),
            ("sessions", Fact::Count(self.share.sessions)),
        ]
    }
}

/// The label that makes a route privileged, the most telling first.
fn privilege(labels: Labels) -> Option<Label> {
    if !labels.any(Labels::PRIVILEGED) {
        return None;
    }
    let order = [Label::Key, Label::Factor, Label::Role, Label::Users, Label::Export];
    Some(order.into_iter().find(|&label| labels.has(label)).unwrap_or(Label::Admin))
}

fn route_of(request: &Request) -> u64 {
    Mark::of([&*request.method, &*request.host, &*request.route])
}

fn of_one(tx: &Transaction, request: &Request, bypass: Bypass<'_>) -> Finding {
    let mut message = format!("{} did {} {}", keys::Named(bypass.key, tx), request.method, request.route);
    if let Some(label) = bypass.label {
        message += &format!(" ({label})");
    }
    message += if bypass.is_new {
        " for the first time, without a second factor"
    } else {
        " without a second factor"
    };
    let enrolled = bypass.owner_has_mfa.then(|| "its owner has one".to_string());
    let because: Vec<String> = enrolled.into_iter().chain(bypass.people()).collect();
    if !because.is_empty() {
        message += &format!(" ({})", because.join("; "));
    }
    let mut facts = bypass.share_facts();
    facts.extend([
        ("account_has_mfa", Fact::Flag(bypass.owner_has_mfa)),
        ("new_for_key", Fact::Flag(bypass.is_new)),
        ("key_seen_since", Fact::Text(bypass.key_first.to_string().into())),
    ]);
    let found = Finding::of(tx, message, "accepted by key alone");
    Finding { credential: Some(bypass.key.clone()), facts, ..found }
}

fn of_many(tx: &Transaction, request: &Request, bypass: Bypass<'_>, keys: u32) -> Finding {
    let people = bypass.people().map(|people| format!(" ({people})")).unwrap_or_default();
    let host = &request.host;
    let what = match bypass.label {
        Some(label) => format!("privileged routes of {host} ({label}) without a second factor"),
        None => format!("routes of {host} that ask people for a second factor"),
    };
    let message = format!(
        "more than {} call {what}, the latest {} {}{people}",
        Several(u64::from(keys), "key"),
        request.method,
        request.route
    );
    Finding {
        count: u64::from(keys) + 1,
        threshold: u64::from(keys) + 1,
        principal: None,
        client: None,
        facts: bypass.share_facts(),
        ..Finding::of(tx, message, "accepted by key alone")
    }
}

#[cfg(test)]
mod tests;
