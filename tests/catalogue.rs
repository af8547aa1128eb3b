//! The catalogue: every detector is documented, configurable and told in every place the same way.
//! The annotated configuration's detector sections are made from the rules; `UPDATE_EXPECT=1` renews them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops")]

use heelguard_detectors::rules::catalogue;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const ANNOTATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/heelguard.toml");

/// What every page answers, in this order.
const HEADS: &[&str] =
    &["What it sees", "Why it matters", "How it decides", "Benign look-alikes", "Tuning", "References"];

#[test]
fn every_page_has_its_heads_in_order_and_says_something_under_each() {
    for entry in catalogue() {
        let (name, page) = (entry.rule.name, entry.page());
        let heads: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(heads, HEADS, "{name}");
        assert!(page.starts_with(&format!("# {}\n", entry.rule.title)), "{name}: the title is the rule's");
        for section in page.split("\n## ").skip(1) {
            assert!(
                section.lines().skip(1).any(|line| !line.trim().is_empty()),
                "{name}: empty section in {section}"
            );
        }
    }
}

#[test]
fn ids_and_names_are_unique_and_well_formed() {
    let mut ids = BTreeSet::new();
    let mut names = BTreeSet::new();
    for entry in catalogue() {
        let (id, name) = (entry.rule.id, entry.rule.name);
        let (group, number) = id.split_once('-').expect("GROUP-NN");
        assert!(group.len() == 3 && group.bytes().all(|b| b.is_ascii_uppercase()), "{id}");
        assert!(number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit()), "{id}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        for start in ["detect_", "check_"] {
            assert!(!name.starts_with(start), "{name} is named for what it sees");
        }
        assert!(ids.insert(id) && names.insert(name), "{id} {name} is there twice");
    }
}

#[test]
fn every_rule_says_what_to_do_and_where_it_belongs() {
    for entry in catalogue() {
        let rule = entry.rule;
        assert!(!rule.response.is_empty() && !rule.owasp.is_empty(), "{}", rule.name);
        assert!(rule.mitre.iter().all(|technique| technique.starts_with('T')), "{}", rule.name);
        assert!(rule.owasp.iter().all(|entry| entry.starts_with("API")), "{}", rule.name);
    }
}

#[test]
fn every_threshold_gives_its_default_and_its_reason() {
    for entry in catalogue() {
        for threshold in entry.thresholds() {
            let place = format!("{}.{}", entry.rule.name, threshold.name);
            assert!(!threshold.default.is_empty(), "{place} has no default");
            assert!(threshold.reason.contains('('), "{place}: the reason for the default stands in brackets");
        }
    }
}

/// The sections of all detectors, as the annotated file shows them.
fn sections() -> String {
    let mut text = String::new();
    for entry in catalogue() {
        let rule = entry.rule;
        let _ = writeln!(text, "\n# {} {}: {}.", rule.id, rule.severity, rule.title);
        let _ = writeln!(text, "[detectors.{}]", rule.name);
        let _ =
            writeln!(text, "# Whether it runs. Beside it, `severity` may fix one severity for all it says.");
        let _ = writeln!(text, "enabled = true");
        for threshold in entry.thresholds() {
            let _ = writeln!(text, "# {}", threshold.reason);
            let _ = writeln!(text, "{} = {}", threshold.name, threshold.default);
        }
    }
    text
}

#[test]
fn the_annotated_configuration_shows_every_detector_as_it_is() {
    let text = std::fs::read_to_string(ANNOTATED).unwrap();
    let start = text.find("\n# MFA-01").map_or(text.len(), |at| at);
    let expected = format!("{}{}", &text[..start], sections());
    expect_test::expect_file![ANNOTATED].assert_eq(&expected);
}
