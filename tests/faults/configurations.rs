//! Broken configurations at the start: each is refused by its place, and no capture is touched.

use crate::broken::{BROKEN, Broken};
use crate::support::conversation;
use crate::support::figures::figure;
use crate::support::replay::heelguard;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

/// An answer takes no longer; a program that is not optimised is several times as slow.
const ANSWER_MAX: Duration = Duration::from_secs(if cfg!(debug_assertions) { 4 } else { 1 });

/// What is wrong with an answer, if anything is.
fn wrong(broken: &Broken, path: &Path, output: &Output, took: Duration) -> Option<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let place = |word: &&str| !word.starts_with(':') || said.contains(&format!("{}{word}", path.display()));
    let says_all = broken.words.iter().all(|word| said.contains(word)) && broken.words.iter().all(place);
    let foreign = ["panicked", "a fault of its own", "os error"].iter().any(|word| said.contains(word));
    let is_well = output.status.code() == Some(2)
        && output.stdout.is_empty()
        && says_all
        && !foreign
        && took < ANSWER_MAX;
    let start: String = said.chars().take(400).collect();
    (!is_well).then(|| format!("{}: {} in {took:?}: {start}", broken.name, output.status))
}

#[test]
fn every_broken_configuration_is_refused_by_its_place_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    let capture = folder.path().join("ok.pcap");
    std::fs::write(
        &capture,
        conversation::pcap(include_str!("../cases/mfa-two-wrong-codes-then-right/traffic.txt")),
    )
    .unwrap();
    let mut found = Vec::new();
    let mut slowest = Duration::ZERO;
    for broken in BROKEN {
        broken.put(&path);
        for command in ["check", "replay"] {
            let mut program = heelguard(folder.path());
            program.arg(command).arg("--config").arg(&path);
            if command == "replay" {
                program.arg(&capture);
            }
            let began = Instant::now();
            let output = program.output().unwrap();
            let took = began.elapsed();
            slowest = slowest.max(took);
            found.extend(wrong(broken, &path, &output, took).map(|why| format!("{command} {why}")));
        }
    }
    assert!(BROKEN.len() >= 40);
    figure(
        "F15",
        "broken configurations refused by file, line and key",
        &format!(
            "{} of {}, the slowest in {} ms",
            BROKEN.len() * 2 - found.len(),
            BROKEN.len() * 2,
            slowest.as_millis()
        ),
        found.is_empty(),
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_configuration_that_may_not_be_read_is_told_and_an_empty_one_is_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "").unwrap();
    let check = || {
        let mut program = heelguard(folder.path());
        program.args(["check", "--config"]).arg(&path);
        program
    };
    assert!(check().output().unwrap().status.success());
    if !rustix::process::geteuid().is_root() {
        return;
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let Ok(output) = check().uid(65_534).gid(65_534).output() else { return };
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("c.toml") && said.contains("Permission denied"), "{said}");
}
