//! `heelguard rules`: the detector catalogue, or the page of one detector.
//! It is given a name or an id, or nothing, and prints a table, JSON or Markdown.
//! It promises that what it shows comes from the rules' own source.

use super::{Failure, print};
use crate::config;
use clap::{Args, ValueEnum};
use heelguard_detectors::rules::{Entry, catalogue};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Show the detectors, or the page of one.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heelguard rules\n  heelguard rules mfa_failure_burst\n  heelguard rules MFA-01 --format json"
)]
pub(super) struct Rules {
    /// A detector's name or id
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// How to print
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
    Md,
}

impl Rules {
    pub(super) fn run(self) -> Result<(), Failure> {
        let text = match &self.name {
            None => match self.format.unwrap_or(Format::Table) {
                Format::Table => table(),
                Format::Json => pretty(&catalogue().iter().map(as_json).collect()),
                Format::Md => markdown_table(),
            },
            Some(name) => {
                let entry = find(name)?;
                match self.format.unwrap_or(Format::Md) {
                    Format::Json => pretty(&as_json(entry)),
                    Format::Table | Format::Md => entry.page(),
                }
            }
        };
        print(&text)
    }
}

/// The detector of that name or id.
pub(super) fn find(name: &str) -> Result<&'static Entry, Failure> {
    let known = |entry: &&Entry| entry.rule.name == name || entry.rule.id.eq_ignore_ascii_case(name);
    catalogue().iter().find(known).ok_or_else(|| {
        let hint = config::nearest(name, catalogue().iter().map(|entry| entry.rule.name)).map_or_else(
            || "`heelguard rules` lists them".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Failure::usage(format!("there is no detector `{name}`; {hint}"))
    })
}

fn table() -> String {
    let mut text = format!("{:<7} {:<34} {:<9} {:<11} {}\n", "ID", "NAME", "SEVERITY", "SCOPE", "TITLE");
    for Entry { rule, .. } in catalogue() {
        let (severity, scope) = (rule.severity, rule.scope);
        let _ = writeln!(text, "{:<7} {:<34} {severity:<9} {scope:<11} {}", rule.id, rule.name, rule.title);
    }
    text
}

fn markdown_table() -> String {
    let mut text =
        "| id | name | severity | scope | status | what it sees |\n|---|---|---|---|---|---|\n".to_owned();
    for Entry { rule, .. } in catalogue() {
        let (severity, scope, maturity) = (rule.severity, rule.scope, rule.maturity);
        let _ = writeln!(
            text,
            "| {} | `{}` | {severity} | {scope} | {maturity} | {} |",
            rule.id, rule.name, rule.title
        );
    }
    text
}

fn as_json(entry: &Entry) -> Value {
    let rule = entry.rule;
    let thresholds: Vec<Value> = entry
        .thresholds()
        .into_iter()
        .map(|t| json!({"name": t.name, "default": t.default, "unit": t.unit, "reason": t.reason}))
        .collect();
    json!({
        "id": rule.id, "name": rule.name, "title": rule.title,
        "severity": rule.severity.name(), "scope": rule.scope.name(), "status": rule.maturity.name(),
        "mitre": rule.mitre, "owasp": rule.owasp, "response": rule.response,
        "thresholds": thresholds, "page": entry.page(),
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
