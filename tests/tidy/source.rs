//! The tree as the other checks see it: files with their text, and complaints about them.
//! It is given nothing; it walks the repository, leaving out what is built and what other tools keep there.
//! It promises an order that does not depend on the file system.

use std::fmt::Display;
use std::path::{Path, PathBuf};

/// A text file of the repository.
pub(super) struct Source {
    /// Its path from the root, with `/`.
    pub(super) path: String,
    /// What is in it.
    pub(super) text: String,
}

impl Source {
    /// Whether the path ends so.
    pub(super) fn is(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }
}

/// The repository's root.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that has one of the endings, in order of path. A file that is no text is left out.
pub(super) fn sources(endings: &[&str]) -> Vec<Source> {
    let mut sources: Vec<Source> = files()
        .into_iter()
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
        .filter_map(|path| Some(Source { text: std::fs::read_to_string(root().join(&path)).ok()?, path }))
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!sources.is_empty(), "no file ends with one of {endings:?}");
    sources
}

/// Every Rust file.
pub(super) fn rust() -> Vec<Source> {
    sources(&[".rs"])
}

/// The paths of all files, `/` between the parts.
pub(super) fn files() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).expect("a folder of the repository") {
            let entry = entry.expect("an entry of a folder");
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().expect("the kind of an entry");
            let left_out = matches!(path.to_str(), Some("target" | ".git" | ".tools"));
            if kind.is_dir() && !left_out {
                folders.push(path);
            } else if !left_out {
                files.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    files
}

/// What is wrong, collected so that one run shows all of it.
#[derive(Default)]
pub(super) struct Complaints(Vec<String>);

impl Complaints {
    /// About a line, counted from 1.
    pub(super) fn line(&mut self, path: &str, line: usize, what: impl Display) {
        self.0.push(format!("{path}:{line}: {what}"));
    }

    /// About a whole file.
    pub(super) fn file(&mut self, path: &str, what: impl Display) {
        self.0.push(format!("{path}: {what}"));
    }

    /// Fails the test if there are any.
    #[track_caller]
    pub(super) fn end(self) {
        assert!(self.0.is_empty(), "\n{}\n", self.0.join("\n"));
    }
}
