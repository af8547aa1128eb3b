//! Whole-sensor cases: a folder each under `tests/cases`, with a story, its traffic and every alert it gives; a case
//! that is about the configuration has a `heelguard.toml` of its own, whose paths begin at the repository's root.
//! Each runs with 1, 2 and 5 shards; alerts and statistics are compared byte by byte.
//! `UPDATE_EXPECT=1` writes what the sensor says now; read the difference before committing it.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it found"
)]

mod support;

use expect_test::expect_file;
use std::path::{Path, PathBuf};
use support::replay::heelguard;

/// A fixed key, so that the fingerprints in expected alerts stay the same.
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn every_case_gives_its_alerts_and_nothing_else() {
    let folders = folders();
    assert!(folders.len() >= 6, "the cases are gone");
    for case in folders {
        assert!(case.join("README.md").is_file(), "{}: a case says what it is", case.display());
        let work = tempfile::tempdir().expect("a temporary folder");
        let capture = capture(&case, work.path());
        let options = options(&case);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        support::replay::assert_same_for_all_shards_with(&[&capture], &options);
        let (alerts, stats) = run(&capture, &options, work.path());
        expect_file![case.join("alerts.jsonl")].assert_eq(&alerts);
        expect_file![case.join("stats.json")].assert_eq(&stats);
    }
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut folders: Vec<_> = std::fs::read_dir(root)
        .expect("the cases are there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn options(case: &Path) -> Vec<String> {
    let config = case.join("heelguard.toml");
    if config.is_file() { vec!["--config".to_owned(), config.display().to_string()] } else { Vec::new() }
}

fn capture(case: &Path, work: &Path) -> PathBuf {
    let text = std::fs::read_to_string(case.join("traffic.txt")).expect("a case has its traffic");
    let path = work.join("capture.pcap");
    std::fs::write(&path, support::conversation::pcap(&text)).expect("the capture is written");
    path
}

fn run(capture: &Path, options: &[&str], work: &Path) -> (String, String) {
    let key = work.join("key");
    std::fs::write(&key, KEY).expect("the key is written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&key, private).expect("the key is private");
    }
    let (alerts, stats) = (work.join("alerts"), work.join("stats"));
    let output = heelguard(work)
        .arg("replay")
        .args(["--set".to_string(), format!("privacy.key_file={}", key.display())])
        .args(options)
        .args(["--alerts".as_ref(), alerts.as_os_str(), "--stats".as_ref(), stats.as_os_str()])
        .arg(capture)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", support::replay::text(&output));
    let read = |path: &Path| std::fs::read_to_string(path).expect("written");
    let stats: serde_json::Value = serde_json::from_str(&read(&stats)).expect("statistics are JSON");
    (read(&alerts), format!("{}\n", serde_json::to_string_pretty(&stats).expect("prints")))
}
