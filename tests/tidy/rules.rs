//! What a detector's file must have beside its page, which `tests/catalogue.rs` reads: a line in the registry,
//! an attack and an innocent. It reads `detectors/src/rules` as text and compares it with the catalogue.
//! It promises that no rule sits beside the registry unseen, and none is there without tests.

use super::source::{Complaints, Source, rust};
use heelguard_detectors::rules::catalogue;
use std::collections::BTreeSet;

const FOLDER: &str = "detectors/src/rules/";

#[test]
fn every_rule_is_in_the_registry() {
    let mut complaints = Complaints::default();
    let registered: BTreeSet<&str> = catalogue().iter().map(|entry| entry.rule.name).collect();
    for rule in rules() {
        if !registered.contains(name(&rule)) {
            complaints.file(
                &rule.path,
                format_args!("add the line `{},` to `registry!` in {FOLDER}mod.rs", name(&rule)),
            );
        }
    }
    complaints.end();
}

#[test]
fn every_rule_has_tests() {
    let mut complaints = Complaints::default();
    let sources = rust();
    for rule in rules() {
        let beside = format!("{FOLDER}{}/tests.rs", name(&rule));
        let tests = sources.iter().find(|source| source.path == beside).unwrap_or(&rule);
        let count = tests.text.matches("#[test]").count();
        if count < 2 {
            complaints.file(
                &rule.path,
                format_args!("{count} tests: it needs the attack and its nearest innocent twin"),
            );
        }
    }
    complaints.end();
}

/// The files that declare a rule, as opposed to what rules share.
fn rules() -> Vec<Source> {
    let declares = |source: &Source| {
        source.text.contains("pub static RULE: Rule") || source.text.contains("pub const RULE: Rule")
    };
    let direct = |source: &Source| source.path.strip_prefix(FOLDER).is_some_and(|name| !name.contains('/'));
    let rules: Vec<Source> = rust().into_iter().filter(|source| direct(source) && declares(source)).collect();
    assert!(rules.len() >= catalogue().len(), "{} of {} rules are found", rules.len(), catalogue().len());
    rules
}

fn name(rule: &Source) -> &str {
    rule.path.trim_start_matches(FOLDER).trim_end_matches(".rs")
}
