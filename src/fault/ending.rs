//! Processes of their own, for faults that end one: a test runs its own program again, for that test alone.
//! It is given the test's name and the work, which a child does after it began as the product does.
//! It promises that nothing is left of a child, not even of one that lived on.

use std::process::{Command, ExitStatus};
use std::time::Duration;

/// Tells a child which of a test's cases it is.
const CASE: &str = "HEELGUARD_TEST_FAULT";
/// What a child says of itself when nothing ended it.
const LIVED_ON: i32 = 77;
/// How a program of tests ends when one failed.
const TEST_FAILED: i32 = 101;
const PATIENCE: Duration = Duration::from_secs(20);

/// Words of a panic that nobody may see.
pub(crate) const WORDS: &str = "Bearer of a secret";

/// The work ends a process by an abort, which tells the place and the thread, and no words of the fault.
pub(crate) fn ends(test: &str, case: &str, thread: &str, work: impl FnOnce()) {
    let Some((status, said)) = run(test, case, work) else { return };
    // Neither well, nor as a test that failed, nor as one that nothing ended.
    assert!(!matches!(status.code(), Some(0 | LIVED_ON | TEST_FAILED)), "{case}: {status}: {said}");
    let lines: Vec<_> = said.lines().filter(|line| line.contains("a fault of its own at ")).collect();
    let tells = |line: &&str| line.contains(".rs:") && line.contains(&format!(" (thread {thread}): "));
    assert!(lines.last().is_some_and(tells) && !said.contains(WORDS), "{case}: {said}");
}

/// How a process ended that did this work, and what it said; nothing in a process that is there for another case.
pub(crate) fn run(test: &str, case: &str, work: impl FnOnce()) -> Option<(ExitStatus, String)> {
    match std::env::var(CASE) {
        Ok(wanted) if wanted == case => {
            super::watch();
            work();
            // What runs beside has its time.
            std::thread::sleep(PATIENCE);
            std::process::exit(LIVED_ON);
        }
        Ok(_) => return None,
        Err(_) => {}
    }
    let folder = tempfile::tempdir().unwrap();
    let test = test.split_once("::").map_or(test, |(_, test)| test);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]).env(CASE, case).current_dir(folder.path());
    let output = child.output().unwrap();
    Some((output.status, String::from_utf8_lossy(&output.stderr).into_owned()))
}
