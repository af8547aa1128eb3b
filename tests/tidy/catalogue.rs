//! `docs/detectors.md`: every rule with its page and thresholds, written from the catalogue.
//! It is given nothing but the rules' own source, through `heelguard_detectors::rules::catalogue`.
//! It promises a page that is never behind the code: `UPDATE_EXPECT=1` renews it.

use expect_test::expect_file;
use heelguard_detectors::rules::{Entry, catalogue};
use std::fmt::Write;

const OPENING: &str = "\
# Detectors

<!-- Written from the rules' own source: UPDATE_EXPECT=1 cargo test --test tidy -->

What each detector sees, how it decides, what looks like it but is benign, and how to tune it.
The same pages are in the program: `heelguard rules`, `heelguard rules NAME`.
A detector is switched off with `detectors.NAME.enabled = false`; `severity` there replaces its own.
";

#[test]
fn the_detector_page_is_fresh() {
    let mut page = format!("{OPENING}\n| id | name | severity | what it sees |\n|---|---|---|---|\n");
    for entry in catalogue() {
        let rule = entry.rule;
        let anchor = format!("{}-{}", rule.id.to_lowercase(), rule.name);
        let _ = writeln!(
            page,
            "| {} | [`{}`](#{anchor}) | {} | {} |",
            rule.id, rule.name, rule.severity, rule.title
        );
    }
    for entry in catalogue() {
        push_rule(&mut page, entry);
    }
    expect_file!["../../docs/detectors.md"].assert_eq(&page);
}

fn push_rule(page: &mut String, entry: &Entry) {
    let rule = entry.rule;
    let _ = writeln!(page, "\n## {} `{}`\n", rule.id, rule.name);
    let _ = writeln!(
        page,
        "**{}.** Severity {}, about a {}, {}. ATT&CK {}; OWASP {}.",
        rule.title,
        rule.severity,
        rule.scope,
        rule.maturity,
        rule.mitre.join(", "),
        rule.owasp.join(", "),
    );
    // The page's own title is replaced by the line above, its heads go one level down.
    for line in entry.page().lines().skip(1) {
        let _ = writeln!(page, "{}{line}", if line.starts_with("## ") { "#" } else { "" });
    }
    let _ = writeln!(page, "\n### What to do\n\n{}.", upper_first(rule.response));
    let thresholds = entry.thresholds();
    if !thresholds.is_empty() {
        let _ = writeln!(page, "\n| `[detectors.{}]` | default | unit | why |\n|---|---|---|---|", rule.name);
        for threshold in thresholds {
            let (default, unit) = (threshold.default, threshold.unit);
            let _ = writeln!(page, "| `{}` | {default} | {unit} | {} |", threshold.name, threshold.reason);
        }
    }
}

fn upper_first(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
