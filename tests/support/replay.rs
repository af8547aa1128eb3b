//! Runs captures through the built program, as a user does, and reads back what it wrote.
//! A test gives a capture and options; it gets records as JSON values and everything that was printed.
//! It promises to fail loudly, with the program's own words, when the program does.

use super::program::program;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What one run wrote.
pub struct Replay {
    pub alerts: Vec<Value>,
    pub transactions: Vec<Value>,
    /// Connections under TLS that were not read; they stand among the transactions.
    pub connections: Vec<Value>,
    pub stats: Value,
    /// Every byte the run let out: records, statistics, inventory, standard output and error.
    pub everything: Vec<u8>,
}

/// Replays captures with all outputs on and logs at trace level.
pub fn replay(captures: &[&Path], options: &[&str]) -> Replay {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| dir.path().join(name);
    let output = heelguard(dir.path())
        .arg("replay")
        .args(["--alerts".into(), file("alerts"), "--transactions".into(), file("transactions")])
        .args(["--stats".into(), file("stats"), "--inventory".into(), file("inventory")])
        .args(options)
        .args(captures)
        .env("HEELGUARD_LOG", "trace")
        .output()
        .expect("the program starts");
    assert!(ended_well(&output), "{captures:?} {options:?}: {}", text(&output));
    let mut everything = Vec::new();
    for name in ["alerts", "transactions", "stats", "inventory"] {
        everything.extend(std::fs::read(file(name)).expect("every output is written"));
    }
    everything.extend(&output.stdout);
    everything.extend(&output.stderr);
    let (connections, transactions) =
        lines(&file("transactions")).into_iter().partition(|record| record["schema"] == "heelguard.tls/1");
    Replay {
        alerts: lines(&file("alerts")),
        transactions,
        connections,
        stats: lines(&file("stats")).pop().expect("a statistics object"),
        everything,
    }
}

/// The program, with a state folder of the test's own so that fingerprints agree between runs of one test.
pub fn heelguard(state: &Path) -> Command {
    let mut command = Command::new(program());
    command.env("XDG_STATE_HOME", state);
    command
}

/// Whether a run ended well, or told everything before a damage of its capture and then named it.
fn ended_well(output: &Output) -> bool {
    let damaged =
        output.status.code() == Some(1) && memchr::memmem::find(&output.stderr, b"damaged at").is_some();
    output.status.success() || damaged
}

/// What a run printed.
pub fn text(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A folder named by an environment variable; without it the test says that it did not run.
pub fn folder(variable: &str) -> Option<PathBuf> {
    let Some(path) = std::env::var_os(variable) else {
        // Written past the test harness, which keeps what a passing test prints to itself.
        let told =
            format!("\n*** NOT RUN: {variable} is not set; this test needs the captures it names ***\n");
        std::io::stderr().write_all(told.as_bytes()).expect("standard error is open");
        return None;
    };
    let path = PathBuf::from(path);
    assert!(path.is_dir(), "{variable} names {}, which is no folder", path.display());
    Some(path)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("records are UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
}

/// Replays with 1, 2 and 5 shards and compares every output byte.
pub fn assert_same_for_all_shards(captures: &[&Path]) {
    assert_same_for_all_shards_with(captures, &[]);
}

/// The same, with further options.
pub fn assert_same_for_all_shards_with(captures: &[&Path], options: &[&str]) {
    let state = tempfile::tempdir().expect("a temporary folder");
    let run = |shards: &str| {
        let file = |name: &str| state.path().join(format!("{name}-{shards}"));
        let output = heelguard(state.path())
            .args(["replay", "--shards", shards, "--alerts"])
            .args([file("alerts"), "--transactions".into(), file("transactions")])
            .args(["--stats".into(), file("stats"), "--inventory".into(), file("inventory")])
            .args(options)
            .args(captures)
            .output()
            .expect("the program starts");
        assert!(ended_well(&output), "{captures:?}: {}", text(&output));
        ["alerts", "transactions", "stats", "inventory"]
            .map(|name| std::fs::read(file(name)).expect("written"))
    };
    let one = run("1");
    for shards in ["2", "5"] {
        let many = run(shards);
        for (what, (a, b)) in
            ["alerts", "transactions", "stats", "inventory"].iter().zip(one.iter().zip(&many))
        {
            assert!(a == b, "{captures:?}: {what} differ between 1 and {shards} shards");
        }
    }
}
