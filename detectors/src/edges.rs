//! The edges of rules: a story for each numeric threshold, told exactly at it and one step beyond.
//! The stories lie in `rules/edges/<rule>.txt` with the thresholds' names in place of numbers, so that they hold for
//! any value; each is told at the default and at a changed value, set through the rule's own configuration section.
//! It promises that no threshold is without an edge: a rule's test names what is missing, unknown or not exact.
//!
//! ```text
//! # A comment gives a reason.
//! failures: speaks
//! 10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x[failures|-]
//!
//! window_s: speaks
//! 10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x[failures-1]
//! 10:00:00+[window_s|+] 203.0.113.7 -> mfa POST /mfa 401 user=ann
//! ```
//!
//! An entry is a head and a story (see `story.rs`); an empty line ends it. A rule without numbers has an empty file.
//! What is too old is forgotten before each transaction, as it may be at any time. A head is `THRESHOLD: ANSWER`:
//!
//! | answer | what is told exactly at the edge, and is not told one step beyond |
//! |---|---|
//! | `speaks` | an alert of this rule |
//! | `twice` | two alerts, or one and its update |
//! | `anew` | two alerts that open |
//! | `high` | an alert of at least this severity |
//! | `says "confidence=low"` | these words, in an alert's line, its confidence or its facts (`name=value`) |
//! | `silent` | nothing, and an alert one step beyond: the threshold itself is still allowed |
//! | `not high` | the reverse of any other answer, in the same way |
//! | `elsewhere` | the rule's own tests show it, for it hangs on no transaction; a comment says where; there is no story |
//! | `…, also at 7` | the changed value; without it one more, of a time half as much again |
//! | `…, given clients=4` | another key of the section, for this entry; its own, where the default switches it off |
//!
//! In a story, brackets hold thresholds of the rule, numbers and times (`1ns`, `2.5h`), with `+ - * /` and parentheses:
//!
//! | bracket | stands for |
//! |---|---|
//! | `[failures-1]` | a number; whole ones divide to whole ones, and so does a time by a time |
//! | `[window_s/2-1ns]` | a time, for the threshold is one in seconds, hours or days; it comes with its unit |
//! | `[failures\|-]` | the step, once in an entry and with its threshold in it: exactly so much, then one less |
//! | `[window_s\|+]` | likewise, then one more; the step is 1, of a time 1 ns, of a decimal threshold 0.001 |

use crate::alert::{Alert, Fact, Severity, Status};
use crate::detector::Rule;
use crate::lane;
use crate::rules::{self, Threshold};
use crate::runtime::{Runtime, RuntimeConfig};
use crate::story;
use bracket::Values;
use std::fmt::Write;

mod bracket;

/// Rules that look at the sensor, or at time that passes: stories are of transactions, so their own tests tell their edges.
const OF_THE_SENSOR: &[&str] = &["sensor_self_check", "unusual_silence"];

/// The test of one rule.
pub(crate) fn check(rule: &Rule) {
    if OF_THE_SENSOR.contains(&rule.name) {
        return;
    }
    let row = rules::catalogue().iter().find(|row| row.rule.name == rule.name).unwrap();
    let faults = faults(rule.name, &row.thresholds(), row.edges);
    assert!(faults.is_empty(), "rules/edges/{}.txt\n\n{}\n", rule.name, faults.join("\n\n"));
}

/// What is missing, unknown or not exact, in words.
fn faults(rule: &str, thresholds: &[Threshold], edges: &str) -> Vec<String> {
    let defaults = Values::of(thresholds);
    let (mut faults, mut shown) = (Vec::new(), Vec::new());
    let lines: Vec<&str> = edges.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    for paragraph in lines.split(|line| line.is_empty()).filter(|paragraph| !paragraph.is_empty()) {
        let held = match paragraph[0].strip_suffix(": elsewhere") {
            Some(name) if paragraph.len() == 1 => defaults.get(name).map(|_| shown.push(name)),
            _ => Edge::read(paragraph, &defaults).and_then(|edge| {
                shown.push(edge.threshold);
                edge.values.iter().try_for_each(|values| edge.holds(rule, values))
            }),
        };
        faults.extend(held.err().map(|fault| format!("{}\n{fault}", paragraph[0])));
    }
    let missing = defaults.names().filter(|name| !shown.contains(name));
    faults.extend(missing.map(|name| format!("`{name}` has no entry")));
    faults
}

/// One entry.
struct Edge<'a> {
    threshold: &'a str,
    wanted: bool,
    answer: Answer<'a>,
    /// With the threshold at its default, then changed.
    values: [Values; 2],
    story: String,
}

/// What is looked for among the alerts of a rule.
enum Answer<'a> {
    Alert,
    Two,
    TwoOpen,
    Severity(Severity),
    Words(&'a str),
}

impl<'a> Edge<'a> {
    fn read(paragraph: &[&'a str], defaults: &Values) -> Result<Self, String> {
        let (threshold, rest) = paragraph[0].split_once(": ").ok_or("a head is `THRESHOLD: ANSWER`")?;
        let (wanted, answer, rest) = answer(rest)?;
        let (mut values, mut also_at) = (defaults.clone(), None);
        for part in rest.split(", ").skip(1) {
            if let Some(value) = part.strip_prefix("also at ") {
                also_at = Some(defaults.get(threshold)?.read(value)?);
            } else {
                let key = part.strip_prefix("given ").and_then(|given| given.split_once('='));
                let (name, value) = key.ok_or_else(|| format!("`{part}` is no part of a head"))?;
                values = values.with(name, defaults.get(name)?.read(value)?);
            }
        }
        let changed = also_at.unwrap_or(values.get(threshold)?.changed());
        let values = [values.clone(), values.with(threshold, changed)];
        Ok(Self { threshold, wanted, answer, values, story: paragraph[1..].join("\n") })
    }

    /// Tells the story exactly and one step beyond.
    fn holds(&self, rule: &str, values: &Values) -> Result<(), String> {
        let config = configuration(rule, values);
        for (beyond, place) in [(false, "exactly at the edge"), (true, "one step beyond")] {
            let at = format!("with {} = {}", self.threshold, values.get(self.threshold)?);
            let story = values.fill(&self.story, self.threshold, beyond)?;
            let told = tell(&story, config.clone()).map_err(|fault| format!("{at}: {fault}"))?;
            let is_there = self.answer.is_among(&told);
            if is_there != (self.wanted ^ beyond) {
                let verb = if is_there { "is told, and should not be" } else { "should be told, and is not" };
                let told: String = told.iter().map(in_full).collect();
                return Err(format!("{at}, {place}, it {verb}:\n{story}\nwhat was told:\n{told}"));
            }
        }
        Ok(())
    }
}

/// Whether it is wanted, what, and the rest of the head.
fn answer(text: &str) -> Result<(bool, Answer<'_>, &str), String> {
    if let Some(reverse) = text.strip_prefix("not ") {
        return answer(reverse).map(|(wanted, answer, rest)| (!wanted, answer, rest));
    }
    if let Some(quoted) = text.strip_prefix("says \"") {
        let (words, rest) = quoted.split_once('"').ok_or("`says` wants words in quotes")?;
        return Ok((true, Answer::Words(words), rest));
    }
    let (word, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
    Ok(match word {
        "speaks" => (true, Answer::Alert, rest),
        "silent" => (false, Answer::Alert, rest),
        "twice" => (true, Answer::Two, rest),
        "anew" => (true, Answer::TwoOpen, rest),
        _ => {
            let severity = Severity::parse(word).ok_or_else(|| format!("`{word}` is no answer"))?;
            (true, Answer::Severity(severity), rest)
        }
    })
}

impl Answer<'_> {
    fn is_among(&self, told: &[Alert]) -> bool {
        match self {
            Self::Alert => !told.is_empty(),
            Self::Two => told.len() >= 2,
            Self::TwoOpen => told.iter().filter(|alert| alert.status == Status::Open).count() >= 2,
            Self::Severity(severity) => told.iter().any(|alert| alert.severity >= *severity),
            Self::Words(words) => told.iter().any(|alert| in_full(alert).contains(words)),
        }
    }
}

/// What opens and grows, with all that is too old forgotten before each transaction.
fn tell(story: &str, config: RuntimeConfig) -> Result<Vec<Alert>, String> {
    let transactions = story::transactions(story)?;
    lane::stories::check(&transactions, &config);
    let mut runtime = Runtime::new(config).map_err(|error| error.to_string())?;
    let mut alerts = Vec::new();
    for tx in transactions {
        // Each call reaches one rule.
        for _ in rules::catalogue() {
            runtime.advance(tx.end, &mut alerts);
        }
        runtime.observe(&tx, &mut alerts);
    }
    alerts.retain(|alert| alert.status != Status::Closed);
    Ok(alerts)
}

/// An alert's line with its confidence and facts behind it.
fn in_full(alert: &Alert) -> String {
    let mut line = story::line_of(alert).trim_end().to_owned();
    // Writing to a string cannot fail.
    let _ = write!(line, " confidence={}", alert.confidence);
    for (name, fact) in &alert.facts {
        let _ = match fact {
            Fact::Count(count) => write!(line, " {name}={count}"),
            Fact::Number(number) => write!(line, " {name}={number}"),
            Fact::Flag(flag) => write!(line, " {name}={flag}"),
            Fact::Text(text) => write!(line, " {name}={text}"),
            Fact::List(list) => write!(line, " {name}={}", list.join(",")),
        };
    }
    line + "\n"
}

/// This rule alone, with these values in its section.
fn configuration(rule: &str, values: &Values) -> RuntimeConfig {
    let mut sections = String::new();
    for row in rules::catalogue() {
        let name = row.rule.name;
        let _ = writeln!(sections, "[{name}]\nenabled = {}", name == rule);
        if name == rule {
            for key in values.names() {
                let _ = writeln!(sections, "{key} = {}", values.get(key).unwrap());
            }
        }
    }
    RuntimeConfig { rules: toml::from_str(&sections).unwrap(), ..RuntimeConfig::default() }
}

mod tests;
