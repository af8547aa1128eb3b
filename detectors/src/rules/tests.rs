//! What holds for every rule: its page, its configuration, its place in the catalogue.

use super::*;

#[test]
fn every_rule_has_its_page() {
    const HEADS: [&str; 6] = [
        "## What it sees",
        "## Why it matters",
        "## How it decides",
        "## Benign look-alikes",
        "## Tuning",
        "## References",
    ];
    for entry in catalogue() {
        let page = entry.page();
        let heads: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(heads, HEADS, "{}", entry.rule.name);
        assert_eq!(page.lines().next(), Some(&*format!("# {}", entry.rule.title)), "{}", entry.rule.name);
    }
}

#[test]
fn names_and_ids_are_unique_and_agree_with_the_files() {
    let mut ids: Vec<&str> = catalogue().iter().map(|entry| entry.rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), catalogue().len());
    let table = toml::Table::try_from(Config::default()).unwrap();
    for entry in catalogue() {
        assert!(table.contains_key(entry.rule.name), "{}", entry.rule.name);
        assert!(!entry.rule.owasp.is_empty(), "{}", entry.rule.name);
        assert!(entry.rule.response.len() > 10);
    }
}

#[test]
fn every_threshold_has_its_default_and_its_reason() {
    for entry in catalogue() {
        let table = (entry.defaults)();
        let thresholds = entry.thresholds();
        assert_eq!(thresholds.len(), table.len(), "{}", entry.rule.name);
        for threshold in thresholds {
            let name = format!("{}.{}", entry.rule.name, threshold.name);
            assert!(!threshold.default.is_empty(), "{name}");
            // The reason repeats the default in brackets: `(3: people mistype once or twice)`.
            assert!(
                threshold.reason.contains('(') && threshold.reason.ends_with(")."),
                "{name}: {}",
                threshold.reason
            );
        }
    }
}

#[test]
fn the_thresholds_named_by_the_sources_hold() {
    let rules = Config::default();
    let burst = &rules.mfa_failure_burst.thresholds;
    assert_eq!((burst.failures, burst.window_s), (3, 300));
    let bulk = &rules.bulk_extraction.thresholds;
    assert_eq!((bulk.requests_per_s, bulk.requests_for_s, bulk.records_per_min), (100, 10, 10_000));
    let stuffing = &rules.credential_stuffing.thresholds;
    assert_eq!((stuffing.failures, stuffing.users, stuffing.window_s), (20, 10, 600));
}

#[test]
fn a_section_is_read_flat() {
    let rules: Config =
        toml::from_str("[mfa_failure_burst]\nenabled = false\nfailures = 5\nseverity = \"high\"").unwrap();
    let section = rules.mfa_failure_burst;
    assert_eq!(
        (section.enabled, section.severity, section.thresholds.failures),
        (false, Some(Severity::High), 5)
    );
    assert_eq!(section.thresholds.window_s, 300);
    let whole = toml::to_string(&Config::default()).unwrap();
    assert!(
        whole.starts_with("[mfa_failure_burst]\nenabled = true\nfailures = 3\nwindow_s = 300\n"),
        "{whole}"
    );
    let again: Config = toml::from_str(&whole).unwrap();
    assert_eq!(toml::to_string(&again).unwrap(), whole);
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    for (text, complaint) in [
        ("[mfa_failure_brust]", "unknown field `mfa_failure_brust`, expected one of `mfa_failure_burst`"),
        ("[mfa_failure_burst]\nfailurs = 3", "unknown field `failurs`, expected one of `failures`"),
        ("[mfa_failure_burst]\nseverity = \"bad\"", "expected one of info, low, medium, high, critical"),
        ("[mfa_failure_burst]\nfailures = -1", "integer `-1`, expected u32"),
    ] {
        let error = toml::from_str::<Config>(text).unwrap_err();
        assert!(error.message().contains(complaint), "{error}");
        assert!(error.span().is_some(), "{text}");
    }
}
