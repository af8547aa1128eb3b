//! # JWT bomb
//!
//! ## What it sees
//!
//! A token that is made to cost its reader dearly: an encrypted one (JWE) that says it is compressed, one whose key
//! is stretched with very many rounds (PBES2 `p2c`), or one that is very long.
//!
//! ## Why it matters
//!
//! A few kilobytes that unpack to gigabytes, or one key that takes seconds to derive, stop a server with a handful of
//! requests, before it knows who sent them.
//!
//! ## How it decides
//!
//! One token fires, by its header, for what is inside is encrypted. A compressed JWE, and more than 1,000,000 rounds,
//! are of medium severity; from 10,000 rounds on, and above 8 KiB of length, it is low. It is one step worse when the
//! answer shows an effect: a fault of the server (5xx), or a wait of more than ten times the usual one for a token at
//! this host (mean over the last ones, from 20 on) and of at least a second. A compressed JWE and 10,000 rounds that
//! the server accepts without such an effect are its own tokens, and such ones stay silent at that host; a long token
//! that it accepts is told once in 24 hours for the host. All tokens of one client are one episode.
//!
//! ## Benign look-alikes
//!
//! Tokens with hundreds of groups in large companies (long, accepted, low). An API that hands out compressed JWE is
//! known by the first one it accepts; an expired one before that is told. A sender can have a public route accept one
//! to that end; what has an effect is told all the same.
//!
//! ## Tuning
//!
//! Raise `long_bytes` where tokens carry groups. Facts: `reasons` (`compressed`, `rounds`, `long`), `bytes`,
//! `rounds`, `effect` (`fault`, `slow` or `none`), `usual_ms`, `accepted`, `variants`. How deep tokens lie in each
//! other cannot be seen from outside.
//!
//! ## References
//!
//! MITRE ATT&CK T1499.004; OWASP API4:2023; RFC 8725 section 3.6; RFC 7518 section 4.8.1.2; CVE-2024-33664.

use super::forgery::{self, Sources, TOGETHER};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{Detector, Facts, Findings, Grouping, Maturity, Rule, tables};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::token::{HeaderTrait, Jwt};
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Waits from which on the usual one is known, and the share of the newest in the mean.
const WAITS_MIN: u32 = 20;
const MEAN_OVER: u64 = 16;
/// A wait below this harms nobody, however short the usual one is.
const SLOW_MIN_US: u64 = 1_000_000;
/// How soon a host that accepts long tokens is told again.
const AGAIN_AFTER: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// A token longer than this is long (8,192 bytes: most servers take no longer header).
    pub long_bytes: u32,
    /// Rounds from which on a token is told (10,000: no token needs them, for its key is random).
    pub rounds: u32,
    /// More rounds than this are of medium severity (1,000,000: a second of work and more).
    pub medium_rounds: u32,
    /// How many times the usual wait is slow (10: no ordinary load does that to one request alone).
    pub slow_factor: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { long_bytes: 8192, rounds: 10_000, medium_rounds: 1_000_000, slow_factor: 10 }
    }
}

/// JWT-06.
pub static RULE: Rule = Rule {
    id: "JWT-06",
    name: "jwt_bomb",
    title: "JWT bomb",
    severity: Severity::Medium,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Services,
    order_free: false,
    mitre: &["T1499.004"],
    owasp: &["API4:2023"],
    response: "cap the length of tokens and the rounds of p2c; refuse zip before anything is unpacked",
};

/// Costly tokens by host and client, and what is usual at each host.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    sources: Sources,
    hosts: Keyed<Arc<str>, Host>,
}

/// What a host does with tokens.
#[derive(Debug, Default)]
struct Host {
    /// It accepted one that was compressed, or stretched with some rounds: it makes such tokens itself.
    makes_compressed: bool,
    makes_stretched: bool,
    /// When it was told that it accepts long ones.
    long_told: Option<EventTime>,
    /// Its usual wait for a request with a token, and how many were seen.
    usual_us: u64,
    waits: u32,
}

saved!(Host { makes_compressed, makes_stretched, long_told, usual_us, waits });

/// What in a token is costly.
#[derive(Clone, Copy, Debug)]
struct Cost {
    compressed: bool,
    rounds: Option<u64>,
    long: bool,
}

/// What a token did to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    Slow,
    Fault,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let keys = limits.keys_per_table_max;
        Self {
            thresholds: thresholds.clone(),
            sources: Keyed::new(keys, TOGETHER.within),
            hosts: Keyed::new(keys, AGAIN_AFTER),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::JWT
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let (Some(jwt), Some(request)) = (&tx.jwt, &tx.request) else { return };
        let cost = Cost::of(jwt, &self.thresholds);
        let host = self.hosts.entry_again(&request.host, tx.end);
        let effect = host.effect(tx, self.thresholds.slow_factor);
        if !cost.is_any() {
            host.take_wait(tx);
            return;
        }
        let usual_us = host.usual_us;
        let cost = host.judge(cost, tx, effect, &self.thresholds);
        let Some(severity) = cost.severity(effect, &self.thresholds) else { return };
        let (place, variant) = (request.host.clone(), cost.words().join(" ").into());
        let attempts = forgery::note(&mut self.sources, tx, place, variant, "costly token", TOGETHER);
        attempts.raise(tx, severity, TOGETHER, findings, |attempts| {
            let (ip, answer, tally) = (tx.client.ip, forgery::answer(tx), attempts.tally());
            let done = match effect {
                Effect::None => String::new(),
                Effect::Slow => format!(" after {} ms (usual: {} ms)", wait_us(tx) / 1000, usual_us / 1000),
                Effect::Fault => ", a fault of the server".to_owned(),
            };
            let facts = vec![
                ("reasons", Fact::List(cost.words().into_iter().map(Arc::from).collect())),
                ("bytes", Fact::Count(u64::from(jwt.bytes))),
                ("rounds", Fact::Count(jwt.p2c.unwrap_or(0))),
                ("effect", Fact::Text(effect.name().into())),
                ("usual_ms", Fact::Count(usual_us / 1000)),
            ];
            (format!("{} from {ip}, {answer}{done}{tally}", cost.sentence(jwt)), facts)
        });
    }

    tables!(sources, hosts);
}

impl Cost {
    fn of(jwt: &Jwt, thresholds: &Thresholds) -> Self {
        Self {
            compressed: jwt.parts == 5 && jwt.header.has(HeaderTrait::Zip),
            rounds: jwt.p2c.filter(|&rounds| rounds >= u64::from(thresholds.rounds)),
            long: jwt.bytes > thresholds.long_bytes,
        }
    }

    fn is_any(self) -> bool {
        self.compressed || self.rounds.is_some() || self.long
    }

    fn severity(self, effect: Effect, thresholds: &Thresholds) -> Option<Severity> {
        let heavy = self.rounds.is_some_and(|rounds| rounds > u64::from(thresholds.medium_rounds));
        let worse = effect != Effect::None;
        match (self.compressed || heavy, self.is_any()) {
            (true, _) => Some(if worse { Severity::High } else { Severity::Medium }),
            (false, true) => Some(if worse { Severity::Medium } else { Severity::Low }),
            (false, false) => None,
        }
    }

    fn words(self) -> Vec<&'static str> {
        let words = [(self.compressed, "compressed"), (self.rounds.is_some(), "rounds"), (self.long, "long")];
        words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect()
    }

    fn sentence(self, jwt: &Jwt) -> String {
        let mut parts = Vec::new();
        if self.compressed {
            parts.push("that is compressed".to_owned());
        }
        if let Some(rounds) = self.rounds {
            parts.push(format!("whose key takes {rounds} rounds"));
        }
        if self.long {
            parts.push(format!("of {} bytes", jwt.bytes));
        }
        format!("token {}", parts.join(" and "))
    }
}

impl Host {
    /// What is left of the cost once the host's own tokens are known.
    fn judge(&mut self, cost: Cost, tx: &Transaction, effect: Effect, thresholds: &Thresholds) -> Cost {
        let is_lawful = tx.succeeded() && effect == Effect::None;
        let heavy = cost.rounds.is_some_and(|rounds| rounds > u64::from(thresholds.medium_rounds));
        self.makes_compressed |= cost.compressed && is_lawful;
        self.makes_stretched |= cost.rounds.is_some() && !heavy && is_lawful;
        let mut left = cost;
        if effect == Effect::None {
            left.compressed &= !self.makes_compressed;
            left.rounds = left.rounds.filter(|_| heavy || !self.makes_stretched);
        }
        if cost.long && is_lawful {
            let told = self.long_told.is_some_and(|told| tx.end.since(told) < AGAIN_AFTER);
            left.long = !told;
            self.long_told = if told { self.long_told } else { Some(tx.end) };
        }
        left
    }

    fn effect(&self, tx: &Transaction, slow_factor: u32) -> Effect {
        let slow_us = self.usual_us.saturating_mul(u64::from(slow_factor));
        if tx.status().is_some_and(|status| (500..600).contains(&status)) {
            Effect::Fault
        } else if self.waits >= WAITS_MIN && wait_us(tx) > slow_us && wait_us(tx) >= SLOW_MIN_US {
            Effect::Slow
        } else {
            Effect::None
        }
    }

    /// Takes an ordinary token's wait into the mean.
    fn take_wait(&mut self, tx: &Transaction) {
        let Some(wait_us) = tx.ttfb_us else { return };
        self.waits = self.waits.saturating_add(1);
        let over = MEAN_OVER.min(u64::from(self.waits));
        self.usual_us = self.usual_us - self.usual_us / over + wait_us / over;
    }
}

impl Effect {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Slow => "slow",
            Self::Fault => "fault",
        }
    }
}

fn wait_us(tx: &Transaction) -> u64 {
    tx.ttfb_us.unwrap_or(0)
}

#[cfg(test)]
mod tests;
