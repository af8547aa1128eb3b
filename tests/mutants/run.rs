//! Whether the proofs can fail: each seeded bug is put into a copy of the tree, and its tests must find it (`make mutants`).
//! It is given the patches beside this file, all or those of a suite (`MUTANTS=tcp`) or one (`MUTANTS=tcp/no_paws`).
//! It promises that only a failed test counts as found: a bug that does not compile, or that no test was run for, is a
//! mistake in the patch and is told as one. That the tests pass without bugs is what `make test` says.

#[path = "../support/figures.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "it is written for tests; a seeded bug has one size"
)]
mod figures;
mod patch;

use patch::Mutant;
use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Each suite must find so many.
const FOUND_MIN: usize = 5;
/// A bug may make a test wait for ever: that is found, too.
const PATIENCE: Duration = Duration::from_mins(10);
/// What `timeout` exits with where it had to end the tests.
const ENDED: i32 = 124;

/// What became of a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// A test failed: this one, and so many more.
    Red(String, usize),
    /// All tests passed.
    Green,
    /// It was not tried.
    Mistake(String),
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/mutants");
    let tree = Tree { root, copy: folder.join("tree"), target: folder.join("target") };
    let wanted = std::env::var("MUTANTS").unwrap_or_default();
    let is_wanted =
        |name: &str| wanted.is_empty() || name == wanted || name.starts_with(&format!("{wanted}/"));
    let mut fates: BTreeMap<String, BTreeMap<String, Fate>> = BTreeMap::new();
    for (name, mutant) in patch::all(root)?.into_iter().filter(|(name, _)| is_wanted(name)) {
        let begun = Instant::now();
        let fate = match &mutant {
            Ok(mutant) => tree.fate(mutant)?,
            Err(why) => Fate::Mistake(why.clone()),
        };
        let suite = name.split('/').next().unwrap_or_default().to_owned();
        let words = mutant.map_or_else(|_| String::new(), |mutant| mutant.words);
        say(&format!("{name}: {words} {} ({} s)", told(&fate), begun.elapsed().as_secs()));
        fates.entry(suite).or_default().insert(name, fate);
    }
    tree.renew()?;
    if fates.is_empty() {
        return Err(format!("there is no seeded bug named {wanted}").into());
    }
    Ok(sum_up(&fates, !wanted.contains('/')))
}

/// A line to who waits; the table alone goes to standard output.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn told(fate: &Fate) -> String {
    match fate {
        Fate::Red(test, 0) => format!("red: {test}"),
        Fate::Red(test, more) => format!("red: {test} and {more} more"),
        Fate::Green => "GREEN: no test sees it".to_owned(),
        Fate::Mistake(why) => format!("MISTAKE: {why}"),
    }
}

/// The table, and a figure of each suite; `is_whole` says that none was asked for in part.
fn sum_up(fates: &BTreeMap<String, BTreeMap<String, Fate>>, is_whole: bool) -> ExitCode {
    let is_red = |fate: &&Fate| matches!(fate, Fate::Red(..));
    let mut is_well = true;
    for (suite, bugs) in fates {
        let (red, all) = (bugs.values().filter(is_red).count(), bugs.len());
        let reached = red == all && red >= FOUND_MIN;
        if is_whole {
            figures::figure(
                "F20",
                &format!("seeded bugs found, {suite}"),
                &format!("{red} of {all}"),
                reached,
            );
        }
        for (name, fate) in bugs.iter().filter(|(_, fate)| !is_red(fate)) {
            say(&format!("{name}: {}", told(fate)));
        }
        is_well &= red == all;
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The tree as it is, and the copy that gets the bugs; one folder of what is built serves them all.
struct Tree<'r> {
    root: &'r Path,
    copy: PathBuf,
    target: PathBuf,
}

impl Tree<'_> {
    fn fate(&self, mutant: &Mutant) -> Result<Fate, Box<dyn Error>> {
        self.renew()?;
        let files = match mutant.apply(&self.copy) {
            Ok(files) => files,
            Err(why) => return Ok(Fate::Mistake(why)),
        };
        for (file, text) in files {
            std::fs::write(self.copy.join(file), text)?;
        }
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let built = self.command(&cargo).args(["test", "--locked", "--no-run"]).args(&mutant.red).output()?;
        if !built.status.success() {
            return Ok(Fate::Mistake(format!(
                "it does not compile:\n{}",
                String::from_utf8_lossy(&built.stderr)
            )));
        }
        let mut tests = self.command("timeout".as_ref());
        tests.arg(PATIENCE.as_secs().to_string()).arg(&cargo).args(["test", "--locked"]).args(&mutant.red);
        let ran = tests.output()?;
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        let mut failed =
            text.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
        Ok(match (failed.next(), ran.status.code()) {
            (Some(first), _) => Fate::Red(first.to_owned(), failed.count()),
            (None, Some(0)) if text.lines().any(tells_of_tests) => Fate::Green,
            (None, Some(0)) => Fate::Mistake("no test was run".to_owned()),
            (None, Some(ENDED)) => Fate::Red("a test that did not end".to_owned(), 0),
            (None, _) if text.lines().any(tells_of_tests) => {
                Fate::Red("the test program, which died".to_owned(), 0)
            }
            (None, _) => Fate::Mistake(String::from_utf8_lossy(&ran.stderr).into_owned()),
        })
    }

    fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.copy).env("CARGO_TARGET_DIR", &self.target);
        // Expected files are those of the copy, though it lies inside of another tree.
        command.env("CARGO_WORKSPACE_DIR", &self.copy);
        // What a program with a bug measures is no figure of ours.
        command.env_remove("HEELGUARD_FIGURES").env_remove("HEELGUARD_PROGRAM");
        command
    }

    /// Makes the copy as the tree is. A file that is the same is not touched, so that it is not compiled again.
    fn renew(&self) -> Result<(), Box<dyn Error>> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(self.root)
            .output()?;
        for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let (from, to) = (self.root.join(name), self.copy.join(name));
            // A file that was removed and is still listed.
            let Ok(content) = std::fs::read(&from) else { continue };
            if std::fs::read(&to).is_ok_and(|copied| copied == content) {
                continue;
            }
            if let Some(folder) = to.parent() {
                std::fs::create_dir_all(folder)?;
            }
            // With its rights: some are programs.
            std::fs::copy(&from, &to)?;
        }
        Ok(())
    }
}

/// `running 12 tests`, and not of none.
fn tells_of_tests(line: &str) -> bool {
    let number = line.strip_prefix("running ").and_then(|rest| rest.split(' ').next());
    number.and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number > 0)
}
