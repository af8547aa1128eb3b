//! Pages and what connects them.
//! It reads `SUMMARY.md`, every link and every heading.
//! It promises that a reader who follows a link arrives, at the place that was meant.

use super::{Page, pages, root};
use std::collections::BTreeSet;

/// What a heading is called in a link, as GitHub and mdBook make it: small letters, blanks to dashes, no punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// The anchors of a page; a heading that comes again has a number.
fn anchors(page: &Page) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    for (_, line) in page.prose().filter(|(_, line)| line.starts_with('#')) {
        let name = anchor(line.trim_start_matches('#'));
        let numbered = (1..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !found.contains(name));
        found.insert(free.unwrap());
    }
    found
}

/// Targets of the links in a line of prose.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

#[test]
fn every_page_is_in_the_summary() {
    let pages = pages();
    let summary = pages.iter().find(|page| page.path == "docs/SUMMARY.md").expect("a summary");
    let named: Vec<&str> = summary.text.lines().flat_map(targets).collect();
    for page in &pages {
        let name = page.path.strip_prefix("docs/").filter(|name| *name != "SUMMARY.md");
        if let Some(name) = name {
            let times = named.iter().filter(|target| **target == name).count();
            assert_eq!(times, 1, "docs/SUMMARY.md: {name} stands there {times} times");
        }
    }
    assert!(named.iter().all(|name| root().join("docs").join(name).exists()), "{named:?}");
}

#[test]
fn every_link_leads_to_a_page_and_a_heading() {
    let pages = pages();
    let mut wrong = Vec::new();
    let mut followed = 0;
    for page in &pages {
        for (number, line) in page.prose() {
            for target in targets(line).filter(|target| !target.contains("://")) {
                let (file, heading) = target.split_once('#').unwrap_or((target, ""));
                let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
                let path = if file.is_empty() { page.path.clone() } else { resolved(folder, file) };
                let other = pages.iter().find(|other| other.path == path);
                let arrives = match other {
                    Some(other) => heading.is_empty() || anchors(other).contains(heading),
                    None => root().join(&path).exists(),
                };
                if !arrives {
                    wrong.push(format!("{}:{number}: {target}", page.path));
                }
                followed += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
    assert!(followed > 100, "only {followed} links: the check has gone blind");
}

/// A path beside a folder's files, with its `..` taken away.
fn resolved(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn a_page_begins_with_its_title() {
    for page in pages() {
        assert!(page.text.starts_with("# "), "{}", page.path);
        let titles = page.prose().filter(|(_, line)| line.starts_with("# ")).count();
        assert!(titles == 1 || page.path == "docs/SUMMARY.md", "{} has {titles} titles", page.path);
    }
}

#[test]
fn the_book_is_put_together_of_these_pages() {
    let book: toml::Table = std::fs::read_to_string(root().join("docs/book.toml")).unwrap().parse().unwrap();
    assert_eq!(book["book"]["src"].as_str(), Some("."));
    assert_eq!(
        book["build"]["build-dir"].as_str(),
        Some("../target/book"),
        "nothing is built into the sources"
    );
    assert_eq!(book["build"]["create-missing"].as_bool(), Some(false));
}

#[test]
fn anchors_are_those_of_the_readers() {
    assert_eq!(anchor(" MFA-01 `mfa_failure_burst`"), "mfa-01-mfa_failure_burst");
    assert_eq!(anchor("The page and `/metrics`"), "the-page-and-metrics");
    assert_eq!(resolved("docs", "../src/cli.rs"), "src/cli.rs");
}
