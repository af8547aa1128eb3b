//! What is delivered beside the program: image, composed demonstration, manifests, package, scripts.
//! It reads the files of `deploy/` as text, and asks the tools that people of each kind use, where they are.
//! It promises that what one file names exists in the other, that nothing runs as root or unpinned, and that a tool
//! that could not be asked is named with the way to get it.

#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "our own names are in lower case")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

mod compose;
mod examples;
mod image;
mod kubernetes;
mod package;
mod scripts;
mod tools;

use std::path::{Path, PathBuf};

/// The repository's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below a folder, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// What stands behind `key` on every line that begins with it, without quotes and comments.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("- "));
    lines.filter_map(|line| Some(line.strip_prefix(key)?.trim().trim_matches('"'))).collect()
}

/// The port that the page and `/metrics` have unless somebody sets another.
fn page_port() -> String {
    let raw = heelguard::config::load(None, &[]).expect("the defaults are valid");
    raw.web.listen.rsplit(':').next().expect("an address has a port").to_owned()
}
