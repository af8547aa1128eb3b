//! Descriptions learned from captures of real products: valid for tools of others, and true of what they were learned of.
//! It learns from each capture, has the description checked by openapi-spec-validator, and compares the same capture
//! with it.
//! It promises that what a sensor writes declares all that it saw: fed back, nothing drifts.

#![allow(clippy::expect_used, reason = "a test stops where it fails")]

mod support;

use heelguard::demo::{Day, Options};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::realauth::{captures, options};
use support::replay::{folder, replay};

/// Validates each file that is named.
const SCRIPT: &str = "import sys, yaml, openapi_spec_validator\n\
                      for path in sys.argv[1:]:\n    \
                          with open(path) as file: openapi_spec_validator.validate(yaml.safe_load(file))";

/// Checks a description with the validator, if it is there.
fn check(files: &[PathBuf]) {
    let Some(python) = python() else { return say_not_run() };
    let output = Command::new(python)
        .args(["-W", "ignore", "-c", SCRIPT])
        .args(files)
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{files:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The one of `make services`, or another that has the validator.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let services = std::env::var_os("HEELGUARD_SERVICES_DIR");
    let services = services.map_or_else(|| root.join("target/services"), PathBuf::from);
    let known = [services.join("linters/bin/python"), PathBuf::from("python3")];
    let has_it = |python: &PathBuf| {
        let asked =
            Command::new(python).args(["-W", "ignore", "-c", "import yaml, openapi_spec_validator"]).output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    known.into_iter().find(has_it)
}

fn say_not_run() {
    let is_required = std::env::var("HEELGUARD_SERVICES").is_ok_and(|value| value == "required");
    assert!(!is_required, "openapi-spec-validator is missing, and HEELGUARD_SERVICES=required");
    let told = "\n*** NOT RUN: openapi-spec-validator is missing: `make services` installs it ***\n";
    // Written past the test harness, which keeps what a passing test prints to itself.
    std::io::stderr().write_all(told.as_bytes()).expect("standard error is open");
}

/// Learns from a capture into a file, and compares the capture with it.
fn feed_back(capture: &Path, own: &[String], file: &Path) {
    let mut words: Vec<&str> = own.iter().map(String::as_str).collect();
    let path = file.to_str().expect("a path in UTF-8");
    replay(&[capture], &[&words[..], &["--learn-openapi", path]].concat());
    let specs = format!("openapi.specs=[{{file = {path:?}}}]");
    let table = file.with_extension("txt");
    words.extend(["--set", &specs, "--openapi-table", table.to_str().expect("a path in UTF-8")]);
    let told = replay(&[capture], &words);
    let table = std::fs::read_to_string(table).expect("the table is written");
    // gRPC has descriptions of its own.
    let is_http = told.transactions.iter().any(|transaction| transaction["protocol"] != "grpc");
    assert_eq!(table.contains(" as declared "), is_http, "{}\n{table}", capture.display());
    for state in [" not declared ", " differs ", " answers without ", " never called "] {
        assert!(!table.contains(state), "{}: {state}\n{table}", capture.display());
    }
    assert!(told.stats["balanced"] == true && !told.transactions.is_empty());
    let of_drift = told.alerts.iter().filter(|alert| alert["detector"] == "spec_drift");
    let drift: Vec<String> = of_drift.map(|alert| alert["message"].to_string()).collect();
    assert!(drift.is_empty(), "{}\n{}", capture.display(), drift.join("\n"));
}

#[test]
fn what_is_learned_of_a_generated_day_is_valid_and_it_does_not_drift_from_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let capture = dir.path().join("day.pcap");
    let mut file = std::fs::File::create(&capture).expect("a file");
    Day::new(Options { seed: 5, users: 8, ..Options::default() })
        .write_pcap(&mut file)
        .expect("it is written");
    let learned = dir.path().join("day.yaml");
    feed_back(&capture, &[], &learned);
    check(&[learned]);
}

#[test]
fn what_is_learned_of_real_products_is_valid_and_they_do_not_drift_from_it() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut learned = Vec::new();
    for (number, (capture, labels)) in captures(&realauth).into_iter().enumerate() {
        let file = dir.path().join(format!("{number}.{}", if number % 2 == 0 { "yaml" } else { "json" }));
        feed_back(&capture, &options(&capture, &labels), &file);
        learned.push(file);
    }
    assert!(learned.len() > 5, "there are captures");
    check(&learned);
}
