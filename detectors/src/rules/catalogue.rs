//! The catalogue: each rule with its page and its thresholds, read from the rule's own source text.
//! The page is the file's opening comment, a threshold's reason the comment above its field.
//! It promises that what `heelguard rules` shows is what the code does: there is no second copy.

use crate::detector::Rule;
use serde::Serialize;

/// One rule of the catalogue.
#[derive(Debug)]
pub struct Entry {
    /// Its standing data.
    pub rule: &'static Rule,
    pub(super) source: &'static str,
    pub(super) defaults: fn() -> toml::Table,
    /// The stories that show its thresholds.
    #[cfg(test)]
    pub(crate) edges: &'static str,
}

/// One key of a rule's configuration section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// The key.
    pub name: &'static str,
    /// Its default, as TOML.
    pub default: String,
    /// Its unit in words.
    pub unit: &'static str,
    /// What it does, and why that default.
    pub reason: String,
}

impl Entry {
    /// The rule's page in Markdown: a title, then its six heads.
    pub fn page(&self) -> String {
        let mut page = String::new();
        for line in self.source.lines().map_while(|line| line.strip_prefix("//!")) {
            page.push_str(line.strip_prefix(' ').unwrap_or(line));
            page.push('\n');
        }
        page
    }

    /// The keys of its section, in the order of the source.
    pub fn thresholds(&self) -> Vec<Threshold> {
        let defaults = (self.defaults)();
        let body = self.source.lines().skip_while(|line| *line != "pub struct Thresholds {").skip(1);
        let mut reason = String::new();
        let mut thresholds = Vec::new();
        for line in body.map(str::trim).take_while(|line| *line != "}") {
            if let Some(words) = line.strip_prefix("/// ") {
                reason.push_str(if reason.is_empty() { "" } else { " " });
                reason.push_str(words);
            } else if let Some((name, kind)) =
                line.strip_prefix("pub ").and_then(|field| field.split_once(':'))
            {
                let default = defaults.get(name).map(ToString::to_string).unwrap_or_default();
                let unit = unit_of(name, kind.trim().trim_end_matches(','));
                thresholds.push(Threshold { name, default, unit, reason: std::mem::take(&mut reason) });
            }
        }
        thresholds
    }
}

/// The defaults of a rule's thresholds as a table.
pub(super) fn defaults<T: Default + Serialize>() -> toml::Table {
    toml::Table::try_from(T::default()).unwrap_or_default()
}

/// Units stand at the end of a key's name.
fn unit_of(name: &str, kind: &str) -> &'static str {
    const UNITS: &[(&str, &str)] = &[
        ("_per_s", "a second"),
        ("_per_min", "a minute"),
        ("_pct", "per cent"),
        ("_kmh", "km/h"),
        ("_km", "km"),
        ("_s", "seconds"),
        ("_h", "hours"),
        ("_days", "days"),
    ];
    match UNITS.iter().find(|(end, _)| name.ends_with(end)) {
        Some((_, unit)) => unit,
        None if kind == "bool" => "yes or no",
        None if kind.starts_with("Vec<") => "list",
        None => "count",
    }
}
