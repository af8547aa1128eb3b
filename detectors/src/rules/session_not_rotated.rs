//! # Session not rotated at MFA, or alive after its end
//!
//! ## What it sees
//!
//! A host that keeps the same session when its owner proves a second factor, and one that goes on serving sessions and
//! tokens after a logout, a password change, the removal or reset of a factor, or their revocation.
//!
//! ## Why it matters
//!
//! Who plants a session in a browser before the login, or reads it there, has the second factor thrown in when the server
//! keeps it. Who stole a session keeps it when the owner's logout or new password does not end it.
//!
//! ## How it decides
//!
//! *Not rotated.* A code or approval that is the first in its session and was accepted, where the answer hands out neither
//! a new session nor a new token. Answers that were not seen whole do not count.
//!
//! *Alive.* A session or token that was served with 2xx more than 60 s after what should have ended it: on a route that
//! turned a caller away (401 or 403) in the 24 hours before, where it was the only proof; or a refresh token that was
//! redeemed. Each cause is counted by itself. Sessions that were refused after their end, and those that logged out and
//! were not seen again, count as ended.
//!
//! Five of at least 20 sessions of a host within seven days fire, of the latest 256; the host is told once in seven days
//! for each. Severity is high, and low while fewer than five of those that live on are anything but JWTs: a server that
//! keeps no list of them cannot end them, which is how many products are made, and the alert says so.
//!
//! ## Benign look-alikes
//!
//! Public pages, which serve whatever cookie comes (they never turn anybody away), requests that were under way at the
//! end (60 s), a fresh proof in a session that has one, the confirmation of a new factor.
//!
//! ## Tuning
//!
//! Where access tokens outlive the logout on purpose, raise `grace_s` to their lifetime.
//! Facts: `fault` (`not_rotated`, `logout`, `password_change`, `factor_change` or `revocation`), `of` (sessions that
//! were judged), `stateless` (those that are JWTs), `longest_s` (the longest life after the end).
//!
//! ## References
//!
//! MITRE ATT&CK T1550.004, T1539; OWASP API2:2023; OWASP ASVS 7.2.4 and 7.4.1; RFC 7009.

use super::acceptance::{Guarded, is_guarded, note_refusal};
use super::{keys, presence};
use crate::alert::{Fact, Scope, Severity};
use crate::anomaly::Anomaly;
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, tables,
};
use crate::identity::{Credential, CredentialKind, named};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::session::EndCause;
use crate::time::EventTime;
use crate::transaction::{Activity, Completeness, MfaEvent, MfaOutcome, Request, Transaction};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Sessions by which a host is judged, unless more are asked for; of more, those judged first go.
const SESSIONS_KEPT: usize = 256;
/// How long a route that turned somebody away is known to look at who asks.
const GUARDED: Duration = Duration::from_hours(24);
const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Sessions with the same fault that fire (5: one may be a mistake of what was seen).
    pub faulty: u32,
    /// Sessions of the host that must have been judged (20: fewer say little about a server).
    pub sessions: u32,
    /// How long after its end a session may still be served (60 s: what was under way, and caches of a minute).
    pub grace_s: u32,
    /// How long a session speaks for its host (7 d: a working week with its weekend).
    pub window_days: u32,
    /// How soon a host is told again for the same (7 d: a standing weakness is a weekly matter).
    pub again_after_days: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { faulty: 5, sessions: 20, grace_s: 60, window_days: 7, again_after_days: 7 }
    }
}

/// SES-02.
pub static RULE: Rule = Rule {
    id: "SES-02",
    name: "session_not_rotated",
    title: "Session not rotated at MFA, or alive after its end",
    severity: Severity::High,
    scope: Scope::Service,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Sessions,
    order_free: false,
    mitre: &["T1550.004", "T1539"],
    owasp: &["API2:2023"],
    response: "hand out a new session at each proof; end sessions and tokens on the server when their owner does",
};

/// What hosts do with sessions.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    grace: Duration,
    window: Duration,
    again_after: Duration,
    guarded: Guarded,
    hosts: Keyed<(Arc<str>, Fault), Host>,
}

named! {
    /// What a host does wrong.
    Fault {
        /// The session is the same before and after the second factor.
        NotRotated => "not_rotated",
        /// It lives on after a logout.
        Logout => "logout",
        /// It lives on after the password was changed.
        PasswordChange => "password_change",
        /// It lives on after a factor was removed or reset.
        FactorChange => "factor_change",
        /// It lives on after it was revoked.
        Revocation => "revocation",
    }
}

#[derive(Debug, Default)]
struct Host {
    /// The latest sessions that were judged, the latest last.
    sessions: VecDeque<Judged>,
    told: Option<(EventTime, Severity)>,
    samples: Samples,
}

saved!(Host { sessions, told, samples });

/// One session, and whether the host did wrong with it.
#[derive(Clone, Copy, Debug)]
struct Judged {
    id: u64,
    at: EventTime,
    fault: Option<Proof>,
}

saved!(Judged { id, at, fault });

/// What shows that a host did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Proof {
    is_stateless: bool,
    /// Seconds of life after the end.
    lived_s: u64,
}

saved!(Proof { is_stateless, lived_s });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let days = |days: u32| DAY.saturating_mul(days);
        let (window, again_after) = (days(thresholds.window_days), days(thresholds.again_after_days));
        let keys = limits.keys_per_table_max;
        Self {
            grace: Duration::from_secs(u64::from(thresholds.grace_s)),
            window,
            again_after,
            guarded: Keyed::new(keys, GUARDED),
            hosts: Keyed::new(keys, window.max(again_after)),
            thresholds: thresholds.clone(),
        }
    }

    /// What this transaction shows about its session: right, wrong, or nothing.
    fn judge(&mut self, tx: &Transaction) -> Option<(Fault, Option<Proof>)> {
        if let Some(is_rotated) = first_factor(tx) {
            let proof = Proof { is_stateless: false, lived_s: 0 };
            return Some((Fault::NotRotated, (!is_rotated).then_some(proof)));
        }
        if let Some((cause, at)) = tx.session.and_then(|session| session.ended) {
            let fault = Fault::after(cause)?;
            let lived = tx.time.since(at);
            if lived <= self.grace {
                return None;
            }
            if keys::is_refused(tx) {
                return Some((fault, None));
            }
            let credential = self.served(tx)?;
            let is_stateless = credential.kind == CredentialKind::BearerJwt;
            return Some((fault, Some(Proof { is_stateless, lived_s: lived.as_secs() })));
        }
        (tx.activity == Activity::Logout && tx.succeeded()).then_some((Fault::Logout, None))
    }

    /// The session or token that this request was served for, where it alone can have been the reason.
    fn served<'t>(&mut self, tx: &'t Transaction) -> Option<&'t Credential> {
        use CredentialKind::{BearerJwt, BearerOpaque, Dpop, RefreshToken, Session};
        if !keys::is_accepted(tx) {
            return None;
        }
        if tx.activity == Activity::TokenIssue {
            return tx.credentials.iter().find(|credential| credential.kind == RefreshToken);
        }
        let mut proofs = tx.credentials.iter().filter(|credential| credential.kind != Dpop);
        let proof = proofs.next().filter(|_| proofs.next().is_none())?;
        let is_use = keys::is_call(tx) && matches!(proof.kind, Session | BearerJwt | BearerOpaque);
        (is_use && is_guarded(&mut self.guarded, &tx.endpoint()?, tx.end, GUARDED)).then_some(proof)
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::SESSION_LIFE
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        note_refusal(&mut self.guarded, tx, findings);
        let (Some(request), Some(session)) = (&tx.request, presence::session_of(tx)) else { return };
        let Some((fault, proof)) = self.judge(tx) else { return };
        let host = self.hosts.entry(&(request.host.clone(), fault), tx.end);
        let judged = Judged { id: keys::number(session), at: tx.end, fault: proof };
        let kept = (self.thresholds.sessions as usize).max(SESSIONS_KEPT);
        host.note(judged, self.window, kept);
        if proof.is_some() {
            host.samples.push(tx, fault.note());
        }
        let limits = &self.thresholds;
        let Some(severity) = host.severity(limits) else { return };
        let known = |&(at, told): &(EventTime, _)| tx.end.since(at) < self.again_after && told >= severity;
        if host.told.as_ref().is_some_and(known) {
            return;
        }
        host.told = Some((tx.end, severity));
        let crossing = Crossing {
            about: About::Service(&request.host),
            severity,
            first: host.sessions.iter().map(|judged| judged.at).min().unwrap_or(tx.end),
            fresh: host.faulty().count() as u64,
            window: None,
        };
        findings.raise(&crossing, || finding(tx, request, fault, host, limits));
    }

    tables!(guarded, hosts);
}

impl Host {
    /// A session is judged once; what it once did wrong stays.
    fn note(&mut self, judged: Judged, window: Duration, kept: usize) {
        self.sessions.retain(|known| judged.at.since(known.at) <= window);
        let known = self.sessions.iter().position(|known| known.id == judged.id);
        let before = known.and_then(|place| self.sessions.remove(place)).and_then(|known| known.fault);
        if self.sessions.len() >= kept {
            self.sessions.pop_front();
        }
        self.sessions.push_back(Judged { fault: judged.fault.or(before), ..judged });
    }

    fn faulty(&self) -> impl Iterator<Item = Proof> {
        self.sessions.iter().filter_map(|judged| judged.fault)
    }

    /// Sessions that show a fault and are JWTs.
    fn stateless(&self) -> u64 {
        self.faulty().filter(|proof| proof.is_stateless).count() as u64
    }

    /// How bad it is, if enough was seen: what no server could end does not count for much.
    fn severity(&self, limits: &Thresholds) -> Option<Severity> {
        let (faulty, enough) = (self.faulty().count() as u64, u64::from(limits.faulty.max(1)));
        let is_weak = faulty >= enough && self.sessions.len() as u64 >= u64::from(limits.sessions);
        let is_stateful = faulty - self.stateless() >= enough;
        is_weak.then_some(if is_stateful { RULE.severity } else { Severity::Low })
    }
}

impl Fault {
    /// What is replaced lives on for a while in many products, as an old access token does: that is no fault.
    fn after(cause: EndCause) -> Option<Self> {
        match cause {
            EndCause::Logout => Some(Self::Logout),
            EndCause::PasswordChange => Some(Self::PasswordChange),
            EndCause::FactorChange => Some(Self::FactorChange),
            EndCause::Revocation => Some(Self::Revocation),
            EndCause::Rotation => None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::NotRotated => "kept through the second factor",
            Self::Logout => "served after their logout",
            Self::PasswordChange => "served after the password was changed",
            Self::FactorChange => "served after a second factor was removed or reset",
            Self::Revocation => "served after they were revoked",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::NotRotated => "second factor accepted, same session",
            _ => "served after its end",
        }
    }
}

/// Where a session's first second factor was accepted before our eyes: whether the session was replaced.
fn first_factor(tx: &Transaction) -> Option<bool> {
    let (mfa, session) = (tx.mfa?, tx.session?);
    let is_proof = mfa.event == MfaEvent::Attempt && mfa.outcome == MfaOutcome::Success;
    let is_first = session.mfa_since.is_none_or(|since| since >= tx.time);
    let is_seen = tx.completeness == Completeness::Whole && !tx.anomalies.contains(Anomaly::Http2HpackDesync);
    session.rotated.filter(|_| is_proof && is_first && is_seen)
}

fn finding(tx: &Transaction, request: &Request, fault: Fault, host: &Host, limits: &Thresholds) -> Finding {
    let (faulty, all) = (host.faulty().count() as u64, host.sessions.len() as u64);
    let longest_s = host.faulty().map(|proof| proof.lived_s).max().unwrap_or(0);
    let stateless = host.stateless();
    let sealed = match stateless {
        0 => String::new(),
        count => format!(", {count} of them JWTs, which a server that keeps no list cannot end"),
    };
    let longest = if longest_s > 0 { format!(", up to {longest_s} s later") } else { String::new() };
    let message = format!(
        "{faulty} of {} of {} {}{longest}{sealed} (limit {} of {})",
        Several(all, "session"),
        request.host,
        fault.words(),
        limits.faulty,
        limits.sessions,
    );
    Finding {
        count: faulty,
        threshold: u64::from(limits.faulty),
        principal: None,
        client: None,
        credential: None,
        evidence: host.samples.evidence(),
        doubts: host.samples.doubts(),
        facts: vec![
            ("fault", Fact::Text(fault.name().into())),
            ("of", Fact::Count(all)),
            ("stateless", Fact::Count(stateless)),
            ("longest_s", Fact::Count(longest_s)),
        ],
        ..Finding::of(tx, message, "")
    }
}

#[cfg(test)]
mod tests;
