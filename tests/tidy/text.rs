//! What every file must and must not have: a size, an opening comment, no loose ends, a place.
//! It is given the tree as text and complains about lines.
//! It promises that nothing lands half done.

use super::source::{Complaints, root, rust, sources};
use std::collections::BTreeSet;
use std::process::Command;

const LINES_MAX: usize = 500;

/// In pieces, so that this file does not complain about itself.
const MARKERS: [(&str, &str); 8] = [
    (concat!("todo", "!("), "write it, or leave it out"),
    (concat!("unimplemented", "!("), "write it, or leave it out"),
    (concat!("dbg", "!("), "take it out"),
    (concat!("#[", "ignore"), "a test runs, or says loudly why it cannot"),
    (concat!("should_", "panic"), "assert the value that is right"),
    (concat!("FIX", "ME"), "fix it, or describe it under Limits"),
    (concat!("XX", "X"), "fix it, or describe it under Limits"),
    (concat!("assert!(", "true)"), "assert something that can fail"),
];

/// The top level is closed: who looks at it sees all there is.
const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "dashboards",
    "deny.toml",
    "deploy",
    "detectors",
    "docs",
    "rustfmt.toml",
    "src",
    "tests",
];

#[test]
fn a_file_says_one_thing() {
    let mut complaints = Complaints::default();
    for source in rust() {
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            complaints.line(
                &source.path,
                LINES_MAX,
                format_args!("{lines} lines, {LINES_MAX} is the limit: split it by idea, or move tests to name/tests.rs"),
            );
        }
    }
    complaints.end();
}

#[test]
fn a_file_opens_by_saying_what_it_is() {
    let mut complaints = Complaints::default();
    for source in rust() {
        if !source.text.starts_with("//! ") {
            complaints.line(
                &source.path,
                1,
                "open with `//!`: what it does, what it is given, what it promises",
            );
        }
    }
    complaints.end();
}

#[test]
fn nothing_is_left_open() {
    let mut complaints = Complaints::default();
    for source in rust() {
        for (number, line) in source.text.lines().enumerate() {
            for (marker, remedy) in MARKERS {
                if line.contains(marker) {
                    complaints.line(&source.path, number + 1, format_args!("`{marker}`: {remedy}"));
                }
            }
        }
    }
    complaints.end();
}

#[test]
fn lines_end_where_their_text_ends() {
    let mut complaints = Complaints::default();
    for source in
        sources(&[".rs", ".md", ".toml", ".sh", ".sql", ".css", ".html", ".yaml", ".yml", ".ci/run"])
    {
        for (number, line) in source.text.split('\n').enumerate() {
            if line.ends_with([' ', '\t', '\r']) {
                complaints.line(&source.path, number + 1, "take away the blanks at the line's end");
            }
            if line.contains('\t') {
                complaints.line(&source.path, number + 1, "write the tab as blanks, or as \\t");
            }
        }
        if !source.text.ends_with('\n') || source.text.ends_with("\n\n") {
            complaints.file(&source.path, "end it with one line break");
        }
    }
    complaints.end();
}

#[test]
fn the_top_level_is_closed() {
    let mut complaints = Complaints::default();
    for name in top_level() {
        if !TOP_LEVEL.contains(&name.as_str()) {
            complaints.file(&name, "move it below src, detectors, dashboards, tests, deploy or docs");
        }
    }
    complaints.end();
}

/// What is under version control; everything, where there is none (a release archive).
fn top_level() -> BTreeSet<String> {
    let listed = Command::new("git").args(["ls-tree", "--name-only", "HEAD"]).current_dir(root()).output();
    if let Ok(output) = listed
        && output.status.success()
    {
        return String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    }
    let left_out = |name: &String| matches!(name.as_str(), ".git" | ".tools" | "target");
    let entries = std::fs::read_dir(root()).expect("the root is a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| !left_out(name)).collect()
}
