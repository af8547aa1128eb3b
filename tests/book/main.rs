//! The documentation as a book: complete, connected, and true of the program it is delivered with.
//! It reads the pages of `docs/` and the README as text, and asks the program whether it understands their commands.
//! It promises that every page is in the book, every link leads somewhere, every command is taken, and every
//! configuration that is shown is accepted; what can be generated is.

#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "our own names are in lower case")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

mod commands;
mod configuration;
mod examples;
mod pages;
mod records;

use std::path::Path;

/// The repository's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page: its path from the root, and its text.
struct Page {
    path: String,
    text: String,
}

/// A fenced block: what stands behind the fence, the line it begins at, and its text.
struct Block<'a> {
    language: &'a str,
    line: usize,
    text: &'a str,
}

/// The README and every page of the book, in order of path.
fn pages() -> Vec<Page> {
    let folder = std::fs::read_dir(root().join("docs")).unwrap();
    let names = folder.map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()));
    let mut paths: Vec<String> = names.filter(|path| path.ends_with(".md")).collect();
    paths.push("README.md".to_owned());
    paths.sort();
    let read = |path: &String| std::fs::read_to_string(root().join(path)).unwrap();
    paths.iter().map(|path| Page { text: read(path), path: path.clone() }).collect()
}

impl Page {
    /// The fenced blocks.
    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, usize, &str)> = None;
        let mut at = 0;
        for (number, line) in self.text.split_inclusive('\n').enumerate() {
            if let Some(language) = line.trim_end().strip_prefix("```") {
                match open.take() {
                    None => open = Some((number + 1, at + line.len(), language)),
                    Some((first, start, language)) => {
                        blocks.push(Block { language, line: first, text: &self.text[start..at] });
                    }
                }
            }
            at += line.len();
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.path);
        blocks
    }

    /// The lines outside of fenced blocks, with their numbers.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut inside = false;
        self.text.lines().enumerate().filter_map(move |(number, line)| {
            let is_fence = line.starts_with("```");
            inside ^= is_fence;
            (!inside && !is_fence).then_some((number + 1, line))
        })
    }
}
