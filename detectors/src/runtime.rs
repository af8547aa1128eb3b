//! The detectors at work: transactions in, alerts out.
//! It is given a configuration and transactions in order of `end`, then `id`, and appends alerts to a list.
//! It promises the same alerts for the same transactions, however often `advance` is called in between, as long as all
//! rules together hold no more than `keys_max`.

mod room;

use crate::alert::Alert;
use crate::detector::{Detector, Facts, Findings, Several};
use crate::episode::{Desk, Episodes};
use crate::explain::{Watch, Watched};
use crate::health::{Checkup, Health};
use crate::lane::{self, Lanes};
use crate::marks::Marks;
use crate::roster::Roster;
use crate::rules;
use crate::saved::Damaged;
use crate::slice::{Cursor, Slice};
use crate::suppress::{Silence, Suppression};
use crate::time::EventTime;
use crate::tls::TlsConnection;
use crate::transaction::Transaction;
use room::Room;
use std::fmt;
use std::sync::Arc;

pub use crate::episode::AlertCounters;

/// Seconds between two looks of the rules about the sensor itself.
const CHECK_UP_S: u64 = 10;

/// The part that holds the episodes; rules have longer names.
const EPISODES: &str = "episodes";

/// What a runtime needs to know.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Whose traffic this is; part of every alert id.
    pub tenant: Arc<str>,
    /// Which sensor this is.
    pub sensor: Arc<str>,
    /// `[detectors.<name>]`.
    pub rules: rules::Config,
    /// `[[suppress]]`.
    pub suppress: Vec<Suppression>,
    /// How much it may hold and say.
    pub limits: Limits,
    /// The subject to explain, if one is asked about.
    pub watch: Option<Watched>,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            tenant: "default".into(),
            sensor: "sensor".into(),
            rules: rules::Config::default(),
            suppress: Vec::new(),
            limits: Limits::default(),
            watch: None,
        }
    }
}

/// How much the detectors may hold and say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Keys in each table of each rule (default 80,000: a site's accounts in under 40 MB a rule).
    pub keys_per_table_max: usize,
    /// Keys in all tables of all rules. Beyond it, a rule that holds more than its equal part gives up keys.
    pub keys_max: usize,
    /// Opened and updated alerts in any minute (default 200: more than people can read).
    pub alerts_per_minute_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { keys_per_table_max: 80_000, keys_max: 250_000, alerts_per_minute_max: 200 }
    }
}

/// A configuration that makes no sense, in words: the key and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// The enabled detectors of its lanes with their episodes.
pub struct Runtime {
    detectors: Vec<(Desk, Box<dyn Detector>)>,
    roster: Roster,
    lanes: Lanes,
    /// The latest time that was told, by a transaction or otherwise.
    clock: EventTime,
    /// The detector that is told the time next.
    next: usize,
    room: Room,
    episodes: Episodes,
    watch: Option<Box<Watch>>,
    suppress: Vec<Suppression>,
    /// What the detectors were made by: `[detectors.<name>]`, and the limits.
    sections: toml::Table,
    limits: Limits,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.detectors.iter().map(|(desk, _)| desk.rule.name)).finish()
    }
}

impl Runtime {
    /// Every enabled rule, ready for the first transaction.
    pub fn new(config: RuntimeConfig) -> Result<Self, ConfigError> {
        Self::new_in(config, Lanes::ALL)
    }

    /// The enabled rules of these lanes alone.
    pub fn new_in(config: RuntimeConfig, lanes: Lanes) -> Result<Self, ConfigError> {
        let RuntimeConfig { tenant, sensor, rules, suppress, limits, watch } = config;
        let unknown = suppress.iter().find_map(|entry| {
            let named = entry.rule.as_deref()?;
            let known = rules::catalogue().iter().any(|row| entry.names(row.rule));
            (!known).then(|| {
                ConfigError(format!(
                    "suppress.rule: there is no rule `{named}`; `heelguard rules` lists them"
                ))
            })
        });
        if let Some(unknown) = unknown {
            return Err(unknown);
        }
        let understood = suppress.iter().enumerate().map(|(place, entry)| entry.understand(place));
        let silences: Vec<Silence> = understood.collect::<Result<_, _>>().map_err(ConfigError)?;
        let sections = toml::Table::try_from(&rules).unwrap_or_default();
        check_shares(&sections)?;
        let mut detectors = Vec::new();
        let instances = rules::instances(&rules, &limits).into_iter();
        for rules::Instance { rule, severity, detector } in instances.filter(|one| lanes.has(one.rule.lane)) {
            let named = silences.iter().zip(&suppress).filter(|(_, entry)| entry.names(rule));
            let silences = named.map(|(silence, _)| silence.clone()).collect();
            let needs = lane::needs(rule, &*detector);
            detectors.push((Desk { rule, severity, silences, needs }, detector));
        }
        let mut episodes = Episodes::new(tenant, sensor, limits.alerts_per_minute_max);
        let watch = watch.map(|watched| Watch::new(&watched, &rules).map(Box::new)).transpose()?;
        if watch.is_some() {
            episodes.listen();
        }
        let roster = Roster::new(detectors.iter().map(|(desk, _)| (desk.rule, desk.needs)));
        let (clock, room) = (EventTime::ZERO, Room::new(detectors.len(), limits.keys_max));
        Ok(Self {
            detectors,
            roster,
            lanes,
            clock,
            next: 0,
            room,
            episodes,
            watch,
            suppress,
            sections,
            limits,
        })
    }

    /// Shows the next transaction to every detector that it says something to; alerts are appended.
    pub fn observe(&mut self, tx: &Transaction, alerts: &mut Vec<Alert>) {
        self.observe_in(tx, Lanes::ALL, alerts);
    }

    /// As `observe`, to the rules of these lanes alone.
    pub fn observe_in(&mut self, tx: &Transaction, lanes: Lanes, alerts: &mut Vec<Alert>) {
        self.clock = self.clock.max(tx.end);
        let facts = Facts::of(tx);
        self.show(tx, tx.end, facts, self.roster.asked(facts, lanes), alerts);
    }

    /// Shows a transaction that comes after others which ended later, to those rules of these lanes that count it
    /// rightly all the same. What they find is told now: time does not go back.
    pub fn observe_late(&mut self, tx: &Transaction, lanes: Lanes, alerts: &mut Vec<Alert>) {
        self.clock = self.clock.max(tx.end);
        let facts = Facts::of(tx);
        self.show(tx, self.clock, facts, self.roster.asked_late(facts, lanes), alerts);
    }

    fn show(
        &mut self,
        tx: &Transaction,
        now: EventTime,
        facts: Facts,
        asked: impl Iterator<Item = usize>,
        alerts: &mut Vec<Alert>,
    ) {
        self.episodes.expire(now, alerts);
        let marks = Marks::of(tx, facts);
        for place in asked {
            let Some((desk, detector)) = self.detectors.get_mut(place) else { continue };
            let mut findings = Findings { desk, episodes: &mut self.episodes, now, alerts, marks: &marks };
            detector.observe(tx, &mut findings);
        }
        if let Some(watch) = &mut self.watch {
            watch.note(tx, &self.detectors, &self.episodes.take_heard());
        }
    }

    /// Shows a connection that could not be read, in its place among the transactions.
    pub fn connection(&mut self, connection: &TlsConnection, alerts: &mut Vec<Alert>) {
        let (now, marks) = (connection.end, Marks::default());
        self.clock = self.clock.max(now);
        self.episodes.expire(now, alerts);
        for (desk, detector) in &mut self.detectors {
            let mut findings = Findings { desk, episodes: &mut self.episodes, now, alerts, marks: &marks };
            detector.connection(connection, &mut findings);
        }
    }

    /// What the watched subject's transactions did since the last call, in lines.
    pub fn explained(&mut self) -> Vec<String> {
        self.watch.as_mut().map(|watch| watch.take_lines()).unwrap_or_default()
    }

    /// The closing account of the watched subject; nothing where it was never seen.
    pub fn account(&self) -> Vec<String> {
        self.watch.as_ref().map(|watch| watch.account(&self.detectors)).unwrap_or_default()
    }

    /// Tells how well the sensor saw in the second that ends at `end`: before the first transaction that ended later.
    /// A second that is known already is passed over.
    pub fn health(&mut self, health: &Health, end: EventTime, alerts: &mut Vec<Alert>) {
        let before = self.episodes.losses.until();
        let is_new = self.episodes.losses.note(end, health);
        if is_new && end.as_secs() / CHECK_UP_S > before.as_secs() / CHECK_UP_S {
            self.check_up(health, end, alerts);
        }
    }

    /// Lets the rules about the sensor itself look at what was told so far, and at the tables.
    pub fn check_up(&mut self, health: &Health, now: EventTime, alerts: &mut Vec<Alert>) {
        self.episodes.expire(now, alerts);
        let limit = if self.room.is_full() { "limits.keys_max" } else { "limits.keys_per_table_max" };
        let tables = self.detectors.iter().flat_map(|(desk, detector)| {
            let named = |(table, keys)| (format!("{}.{table}", desk.rule.name), limit, keys);
            detector.evicted_by_table().into_iter().map(named)
        });
        let others = health.evicted.iter().map(|&(table, limit, keys)| (table.to_owned(), limit, keys));
        let evicted: Vec<_> = tables.chain(others).collect();
        let (spool, alert_p99_ms) = (health.spool.as_ref(), health.alert_p99_ms);
        let checkup = Checkup { now, evicted: &evicted, spool, alert_p99_ms };
        let marks = Marks::default();
        for (desk, detector) in &mut self.detectors {
            let mut findings = Findings { desk, episodes: &mut self.episodes, now, alerts, marks: &marks };
            detector.check_up(&checkup, &mut findings);
        }
    }

    /// Tells that `now` has come: quiet episodes close, and the detectors, one a call, let old state go.
    pub fn advance(&mut self, now: EventTime, alerts: &mut Vec<Alert>) {
        self.clock = self.clock.max(now);
        self.episodes.expire(now, alerts);
        if let Some((_, detector)) = self.detectors.get_mut(self.next) {
            detector.advance(now);
            self.room.look_at(self.next, &mut **detector);
        }
        self.next = (self.next + 1) % self.detectors.len().max(1);
    }

    /// Ends the timeline: what is due closes in its time, the rest at `now`, in the order of opening.
    pub fn finish(&mut self, now: EventTime, alerts: &mut Vec<Alert>) {
        self.episodes.expire(now, alerts);
        self.episodes.finish(now, alerts);
    }

    /// The parts that the memory is saved in: one a rule, and the episodes behind them. A finding that comes between
    /// two parts is then one that its episode knows and its rule does not, and is told once.
    pub fn parts(&self) -> impl Iterator<Item = &'static str> {
        self.detectors.iter().map(|(desk, _)| desk.rule.name).chain([EPISODES])
    }

    /// Appends what windows, learning or open episodes hold, about `bytes` of it from the cursor on; says where to go
    /// on, if there is more. Equal state gives equal bytes. A part that is no more has none.
    pub fn save_slice(&self, name: &str, from: Cursor, bytes: usize, out: &mut Vec<u8>) -> Option<Cursor> {
        if name == EPISODES {
            self.episodes.save(out);
            return None;
        }
        let (_, detector) = self.detectors.iter().find(|(desk, _)| desk.rule.name == name)?;
        let mut slice = Slice::new(out, from, bytes);
        detector.save(&mut slice);
        slice.rest()
    }

    fn save_part(&self, name: &str) -> Vec<u8> {
        let mut out = Vec::new();
        self.save_slice(name, Cursor::default(), usize::MAX, &mut out);
        out
    }

    /// Goes on from what was saved. A rule that is no more is passed over; one that was not there starts empty.
    /// After an error this runtime is of no use.
    pub fn load_part(&mut self, name: &str, from: &[u8]) -> Result<(), Damaged> {
        let rest = &mut &*from;
        if name == EPISODES {
            self.episodes.load(rest)?;
        } else if let Some((_, detector)) = self.detectors.iter_mut().find(|(desk, _)| desk.rule.name == name)
        {
            detector.load(rest)?;
        } else {
            return Ok(());
        }
        if rest.is_empty() { Ok(()) } else { Err(Damaged) }
    }

    /// Goes on from all parts.
    pub fn load(&mut self, parts: &[(&'static str, Vec<u8>)]) -> Result<(), Damaged> {
        parts.iter().try_for_each(|(name, saved)| self.load_part(name, saved))
    }

    /// All parts.
    pub fn save(&self) -> Vec<(&'static str, Vec<u8>)> {
        self.parts().map(|name| (name, self.save_part(name))).collect()
    }

    /// Goes on by another configuration: windows, habits and open episodes stay, and so do the counters. What a rule
    /// remembers is written anew only where the rule's own section changed. The error names what cannot be; then
    /// everything is as it was.
    pub fn reconfigure(&mut self, config: RuntimeConfig) -> Result<(), ConfigError> {
        let mut changed = Self::new_in(config, self.lanes)?;
        let unreadable = |_| ConfigError("what the detectors remember does not fit".to_owned());
        let is_same = |name: &str| {
            changed.limits == self.limits && changed.sections.get(name) == self.sections.get(name)
        };
        let (kept, written): (Vec<_>, Vec<_>) =
            self.parts().partition(|name| *name != EPISODES && is_same(name));
        for name in written {
            changed.load_part(name, &self.save_part(name)).map_err(unreadable)?;
        }
        for name in kept {
            let of_rule = |(desk, _): &&mut (Desk, Box<dyn Detector>)| desk.rule.name == name;
            let both =
                self.detectors.iter_mut().find(of_rule).zip(changed.detectors.iter_mut().find(of_rule));
            if let Some(((_, present), (_, fresh))) = both {
                std::mem::swap(present, fresh);
            }
        }
        changed.episodes.count_on(&self.episodes);
        changed.clock = self.clock;
        *self = changed;
        Ok(())
    }

    /// Entries of `[[suppress]]` that no longer do anything, or did nothing so far, in words.
    pub fn idle_suppressions(&self, now: EventTime) -> Vec<String> {
        let told = |(place, entry): (usize, &Suppression)| {
            let silenced = self.episodes.silenced_by(place);
            match &entry.until {
                Some(until) if entry.has_ended(now) => {
                    let findings = Several(silenced, "finding");
                    Some(format!("{entry} ended at {until}; it silenced {findings} before"))
                }
                _ if silenced == 0 => Some(format!("{entry} silenced nothing")),
                _ => None,
            }
        };
        self.suppress.iter().enumerate().filter_map(told).collect()
    }

    /// What was raised and what became of it.
    pub fn counters(&self) -> AlertCounters {
        self.episodes.counters()
    }

    /// Keys each enabled detector gave up because a table was full, by name.
    pub fn evictions(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.detectors.iter().map(|(desk, detector)| (desk.rule.name, detector.evicted()))
    }
}

/// Refuses a share of more than all.
fn check_shares(sections: &toml::Table) -> Result<(), ConfigError> {
    for (rule, section) in sections {
        for (key, value) in section.as_table().into_iter().flatten().filter(|(key, _)| key.ends_with("_pct"))
        {
            let share = value.as_float().or(value.as_integer().map(|whole| whole as f64));
            if share.is_some_and(|share| share > 100.0) {
                let name = format!("detectors.{rule}.{key}");
                return Err(ConfigError(format!("{name}: {value} per cent is more than all; at most 100")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
