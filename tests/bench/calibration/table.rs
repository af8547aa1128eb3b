//! What was heard, as tables in Markdown and as a list to read one by one.
//! It is given the episodes of a run and counts them by detector and severity.
//! It promises rates per million transactions of the whole run, learning included.

use crate::Captured;
use crate::listen::{Episode, Heard};
use heelguard::demo::{Happening, Week, WeekOptions};
use heelguard_detectors::alert::Severity;
use heelguard_detectors::rules;
use std::collections::BTreeMap;

/// The people of the week and what they did.
pub(crate) fn population(options: &WeekOptions, week: &Week, heard: &Heard) -> String {
    let totals = week.totals();
    let mut text = format!(
        "{} transactions in {} packets on {} connections, {} days, seed {}; {} transactions after the first {} days, when \
         habits are learned.\n\n| in the week | count |\n|---|---:|\n",
        thousands(heard.transactions),
        thousands(totals.packets),
        thousands(totals.connections),
        options.days,
        options.seed,
        thousands(heard.learned),
        options.learning_days,
    );
    for &what in Happening::ALL {
        text += &format!("| {} | {} |\n", what.text(), thousands(week.count(what)));
    }
    text + "\n"
}

/// Alerts per million transactions, a row a detector.
pub(crate) fn rates(heard: &Heard) -> String {
    let mut counts: BTreeMap<(&str, Severity), u64> = BTreeMap::new();
    for Episode { alert, .. } in heard.episodes.values() {
        *counts.entry((alert.detector, alert.severity)).or_default() += 1;
    }
    let mut text =
        String::from("| alerts per million transactions | info | low | medium | high | critical |\n");
    text += "|---|---:|---:|---:|---:|---:|\n";
    let mut row = |name: String, count: &dyn Fn(Severity) -> u64| {
        let cells: Vec<String> = Severity::ALL.iter().map(|&s| rate(count(s), heard.transactions)).collect();
        text += &format!("| {name} | {} |\n", cells.join(" | "));
    };
    for entry in rules::catalogue() {
        let name = entry.rule.name;
        let count = |severity| counts.get(&(name, severity)).copied().unwrap_or(0);
        row(format!("{} `{name}`", entry.rule.id), &count);
    }
    row("all".to_owned(), &|severity| {
        counts.iter().filter(|((_, found), _)| *found == severity).map(|(_, count)| count).sum()
    });
    let grave = heard.grave(Severity::Medium).count();
    text += &format!(
        "\n{grave} alerts of medium or above: one in {} transactions. {} below medium in learned traffic: {:.2} in 1,000 \
         transactions. {} findings about the load test were suppressed, or told nothing new.\n",
        thousands(heard.transactions / (grave as u64).max(1)),
        thousands(heard.slight() as u64),
        heard.slight() as f64 * 1_000.0 / heard.learned.max(1) as f64,
        thousands(heard.suppressed),
    );
    text
}

/// Captures of real products without attacks in them.
pub(crate) fn of_captures(captures: &[Captured]) -> String {
    if captures.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "| capture | transactions | info | low | medium and above | named by its labels |\n|---|---:|---:|---:|---:|---|\n",
    );
    for captured in captures {
        let Captured { name, heard, expected } = captured;
        let grave = [Severity::Medium, Severity::High, Severity::Critical];
        text += &format!(
            "| {name} | {} | {} | {} | {} | `{}` |\n",
            thousands(heard.transactions),
            captured.unexpected(Severity::Info),
            captured.unexpected(Severity::Low),
            grave.map(|severity| captured.unexpected(severity)).iter().sum::<u64>(),
            expected.join("`, `"),
        );
    }
    text
}

/// Every alert at or above a severity, in the order of time.
pub(crate) fn list(heard: &Heard, least: Severity) -> String {
    let mut episodes: Vec<&Episode> = heard.grave(least).collect();
    episodes.sort_by_key(|episode| (episode.alert.detector, episode.alert.time));
    let mut text = String::new();
    for Episode { alert, .. } in episodes {
        text += &format!(
            "{} {} {} {}: {} {:?}\n",
            alert.time, alert.detector, alert.severity, alert.subject.value, alert.message, alert.facts
        );
        for evidence in &alert.evidence {
            text += &format!("    {evidence:?}\n");
        }
    }
    text
}

fn rate(count: u64, transactions: u64) -> String {
    if count == 0 {
        return "·".to_owned();
    }
    let rate = count as f64 * 1e6 / transactions.max(1) as f64;
    let whole = (count * 1_000_000 + transactions / 2) / transactions.max(1);
    if rate < 10.0 { format!("{rate:.1}") } else { thousands(whole) }
}

/// `1234567` as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
