//! Why the rules spoke of one subject, or did not: a journal of what its transactions did to their memory.
//! It is given each transaction after the rules saw it, and gives lines of text; a run that nobody asks about pays one
//! test of an `Option` a transaction.
//! It promises no secret (what is `fresh` in a state is never shown), bounded memory, and the same lines for the same input.

use crate::detector::{Detector, Facts};
use crate::episode::{Desk, Heard, Outcome};
use crate::rules;
use crate::runtime::ConfigError;
use crate::shown::{Entry, Shown, names};
use crate::time::EventTime;
use crate::transaction::Transaction;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Keys whose state is compared with what was shown last; beyond that every look is shown.
const KEYS_MAX: usize = 4_096;

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The subject as alerts show it: `user:alice@example.com`, an address, a fingerprint, a host.
    pub subject: String,
    /// The one rule, by id or name; every rule when left out.
    pub rule: Option<String>,
}

/// The journal of one subject.
#[derive(Debug)]
pub(crate) struct Watch {
    subject: String,
    rule: Option<&'static str>,
    /// Each rule's thresholds, as TOML.
    settings: toml::Table,
    /// The last state shown, by rule, table and key.
    known: BTreeMap<(usize, &'static str, String), Shown>,
    outcomes: BTreeMap<(usize, Outcome), u64>,
    transactions: u64,
    /// Those of them that changed nothing in any rule.
    idle: u64,
    span: Option<(EventTime, EventTime)>,
    lines: Vec<String>,
}

/// The rules at work with what they know.
type Rules = [(Desk, Box<dyn Detector>)];

impl Watch {
    pub(crate) fn new(watched: &Watched, rules: &rules::Config) -> Result<Self, ConfigError> {
        let rule = |wanted: &String| {
            let all = rules::catalogue().iter().map(|entry| entry.rule);
            all.into_iter()
                .find(|rule| rule.name == wanted || rule.id == wanted)
                .map(|rule| rule.name)
                .ok_or_else(|| ConfigError(format!("there is no rule `{wanted}` to explain")))
        };
        Ok(Self {
            subject: watched.subject.clone(),
            rule: watched.rule.as_ref().map(rule).transpose()?,
            settings: toml::Table::try_from(rules).unwrap_or_default(),
            known: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            transactions: 0,
            idle: 0,
            span: None,
            lines: Vec::new(),
        })
    }

    /// Notes what a transaction did that the rules have just seen, and what was found about the subject.
    pub(crate) fn note(&mut self, tx: &Transaction, rules: &Rules, heard: &[Heard]) {
        let is_its_own = names(tx).contains(&self.subject);
        let facts = Facts::of(tx);
        let before = self.lines.len();
        for (place, (desk, detector)) in rules.iter().enumerate() {
            if self.rule.is_some_and(|wanted| wanted != desk.rule.name) {
                continue;
            }
            let was_asked = facts.has(desk.needs);
            let touched = if is_its_own && was_asked { detector.touched(tx.end) } else { Vec::new() };
            let mut news: Vec<String> =
                touched.into_iter().flat_map(|entry| self.news(place, entry)).collect();
            let about = |heard: &&Heard| {
                heard.rule == desk.rule.name && (is_its_own || *heard.subject.value == *self.subject)
            };
            for heard in heard.iter().filter(about) {
                *self.outcomes.entry((place, heard.outcome)).or_default() += 1;
                news.push(format!("    finding {heard}"));
            }
            if !news.is_empty() {
                self.lines.push(format!("  {} {}", desk.rule.id, desk.rule.name));
                self.lines.append(&mut news);
            }
        }
        if is_its_own {
            self.transactions += 1;
            self.idle += u64::from(self.lines.len() == before);
            self.span = Some((self.span.map_or(tx.end, |(first, _)| first), tx.end));
        }
        if self.lines.len() > before {
            self.lines.insert(before, header(tx));
        }
    }

    /// What was written since the last call.
    pub(crate) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// The closing account: each rule's thresholds, what it said, and what it knows. Nothing where nothing was seen.
    pub(crate) fn account(&self, rules: &Rules) -> Vec<String> {
        let Some((first, last)) = self.span else { return Vec::new() };
        let mut lines = vec![format!(
            "{}: {} transactions from {first} to {last}; {} of them changed nothing in a rule",
            self.subject, self.transactions, self.idle
        )];
        let mut silent = Vec::new();
        for (place, (desk, _)) in rules.iter().enumerate() {
            let rule = desk.rule;
            if self.rule.is_some_and(|wanted| wanted != rule.name) {
                continue;
            }
            let known: Vec<_> = self.known.iter().filter(|((of, ..), _)| *of == place).collect();
            let said: Vec<String> = self
                .outcomes
                .iter()
                .filter(|((of, _), _)| *of == place)
                .map(|((_, outcome), times)| format!("{times} {outcome}"))
                .collect();
            if known.is_empty() && said.is_empty() {
                silent.push(rule.name);
                continue;
            }
            lines.push(format!("  {} {} ({})", rule.id, rule.name, self.thresholds(rule.name)));
            let findings =
                if said.is_empty() { "none: no threshold was crossed".to_owned() } else { said.join(", ") };
            lines.push(format!("    findings: {findings}"));
            lines.extend(known.iter().flat_map(|((_, table, key), state)| state_lines(table, key, state)));
        }
        let running = |name: &str| rules.iter().any(|(desk, _)| desk.rule.name == name);
        let off = rules::catalogue().iter().map(|entry| entry.rule.name).filter(|name| !running(name));
        let off: Vec<&str> = off.filter(|name| self.rule.is_none_or(|wanted| wanted == *name)).collect();
        for (what, names) in [("know nothing of it and found nothing", silent), ("are off", off)] {
            if !names.is_empty() {
                lines.push(format!("  {what}: {}", names.join(", ")));
            }
        }
        lines
    }

    /// The lines of a state, if it is not as it was shown last.
    fn news(&mut self, place: usize, entry: Entry) -> Vec<String> {
        let Entry { table, key, state } = entry;
        let key = key.line();
        let lines = state_lines(table, &key, &state);
        let slot = (place, table, key);
        let known = self.known.get(&slot);
        if known == Some(&state) {
            return Vec::new();
        }
        if known.is_some() || self.known.len() < KEYS_MAX {
            self.known.insert(slot, state);
        }
        lines
    }

    fn thresholds(&self, rule: &str) -> String {
        let section = self.settings.get(rule).and_then(toml::Value::as_table);
        let keys = section.into_iter().flatten().filter(|(key, _)| *key != "enabled");
        keys.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
    }
}

fn state_lines(table: &str, key: &str, state: &Shown) -> Vec<String> {
    state.lines(&format!("{table} {key}:"), 4)
}

/// The transaction in one line: when, what, who, and what the server made of it.
fn header(tx: &Transaction) -> String {
    let mut line = tx.end.to_string();
    let status = tx.status().map_or_else(|| "-".to_owned(), |status| status.to_string());
    // Writing to a string cannot fail.
    let _ = match &tx.request {
        Some(request) => write!(line, " {} {} {status}", request.method, request.path),
        None => write!(line, " answer {status}"),
    };
    let _ = write!(line, " {} from {}", tx.principal.key(), tx.client.ip);
    let _ = match (&tx.mfa, &tx.login) {
        (Some(mfa), _) => write!(line, ": MFA {} ({}) {}", mfa.event, mfa.factor, mfa.outcome),
        (None, Some(login)) => write!(line, ": login {}", login.outcome),
        (None, None) => write!(line, ": {} {}", tx.activity, tx.outcome),
    };
    if let Some(first) = tx.repeat_of {
        let _ = write!(line, "; second sight of {first}, which few rules look at");
    }
    line
}

#[cfg(test)]
mod tests;
