//! Seeded bugs as patches: `tests/mutants/SUITE/NAME.patch`.
//! The first line of a patch says what the bug is, the second which tests must fail (`Red: --lib http::framing`, what
//! `cargo test` is given), and a unified diff follows. It is given the tree, and puts a bug into the text of a file.
//! It promises that a bug goes in only where its lines stand once, wherever in the file that is by now.

use std::collections::BTreeMap;
use std::path::Path;

/// A seeded bug.
#[derive(Debug)]
pub(super) struct Mutant {
    /// What is wrong, in words.
    pub(super) words: String,
    /// What `cargo test` is given.
    pub(super) red: Vec<String>,
    /// What is replaced, by file.
    changes: BTreeMap<String, Vec<Change>>,
}

/// Lines in the place of others, with their neighbours.
#[derive(Debug, Default)]
struct Change {
    old: String,
    new: String,
}

impl Mutant {
    /// Reads a patch.
    fn read(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let words = lines
            .next()
            .filter(|words| words.ends_with('.'))
            .ok_or("line 1 says what the bug is, with a full stop")?;
        let red =
            lines.next().and_then(|line| line.strip_prefix("Red: ")).ok_or("line 2 is `Red: --test NAME`")?;
        let red: Vec<String> = red.split_whitespace().map(str::to_owned).collect();
        if !red.iter().any(|word| word == "--lib" || word == "--test") {
            return Err("line 2 names one test program, with --lib or --test".to_owned());
        }
        let mut changes: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        let mut file = None;
        for line in lines {
            if let Some(path) = line.strip_prefix("+++ b/") {
                file = Some(path.to_owned());
            } else if let Some(file) = file.as_ref().filter(|_| !line.starts_with("--- ")) {
                let all = changes.entry(file.clone()).or_default();
                if line.starts_with("@@ ") {
                    all.push(Change::default());
                } else if let Some(change) = all.last_mut() {
                    change.add(line)?;
                }
            }
        }
        if changes.is_empty() {
            return Err("there is no unified diff (`+++ b/FILE`)".to_owned());
        }
        Ok(Self { words: words.to_owned(), red, changes })
    }

    /// Each file with the bug in it.
    pub(super) fn apply(&self, root: &Path) -> Result<Vec<(String, String)>, String> {
        let with_bug = |(file, changes): (&String, &Vec<Change>)| {
            let mut text =
                std::fs::read_to_string(root.join(file)).map_err(|why| format!("{file}: {why}"))?;
            for Change { old, new } in changes {
                match text.matches(old.as_str()).count() {
                    1 => text = text.replacen(old.as_str(), new, 1),
                    times => return Err(format!("{file}: these lines are there {times} times:\n{old}")),
                }
            }
            Ok((file.clone(), text))
        };
        self.changes.iter().map(with_bug).collect()
    }
}

impl Change {
    fn add(&mut self, line: &str) -> Result<(), String> {
        let (kind, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
        let [in_old, in_new] = match kind {
            " " => [true, true],
            "-" => [true, false],
            "+" => [false, true],
            _ => return Err(format!("no line of a diff: {line}")),
        };
        for (_, text) in
            [(in_old, &mut self.old), (in_new, &mut self.new)].into_iter().filter(|(is_in, _)| *is_in)
        {
            text.push_str(rest);
            text.push('\n');
        }
        Ok(())
    }
}

/// Every seeded bug of a tree, by name, each read or why not.
pub(super) fn all(root: &Path) -> std::io::Result<BTreeMap<String, Result<Mutant, String>>> {
    let mut found = BTreeMap::new();
    for suite in std::fs::read_dir(root.join("tests/mutants"))? {
        let suite = suite?;
        if !suite.file_type()?.is_dir() {
            continue;
        }
        for patch in std::fs::read_dir(suite.path())? {
            let path = patch?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{}/{stem}", suite.file_name().to_string_lossy());
            let mutant = Mutant::read(&std::fs::read_to_string(&path)?);
            found.insert(name, mutant);
        }
    }
    Ok(found)
}
