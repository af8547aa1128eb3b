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
