//! A report of the database against one of the capture that filled it.

use super::database::Database;
use crate::conversation;
use heelguard::demo::{Day, Options};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn heelguard(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_heelguard"))
        .args(arguments)
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_report_of_the_database_is_that_of_the_capture_whole_and_of_a_period() {
    let Some(database) = Database::shared("report_day") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut file = Vec::new();
    Day::new(Options { users: 6, ..Options::default() }).write_pcap(&mut file).unwrap();
    std::fs::write(folder.path().join("day.pcap"), file).unwrap();
    // Somebody proves a second factor where a key does without.
    let evening = conversation::pcap(include_str!("../../support/evening.txt"));
    std::fs::write(folder.path().join("evening.pcap"), evening).unwrap();
    let config = database.config();
    let set = [
        format!("sinks.clickhouse.url={}", config.url),
        format!("sinks.clickhouse.database={}", config.database),
        format!("sinks.clickhouse.user={}", config.user),
        format!("sinks.clickhouse.password={}", config.password),
        "state.dir=kept".to_owned(),
    ];
    let sets: Vec<&str> = set.iter().flat_map(|set| ["--set", set.as_str()]).collect();
    // Twice: what is told again counts once.
    for alerts in ["a1", "a2"] {
        std::fs::remove_dir_all(folder.path().join("kept")).ok();
        heelguard(
            folder.path(),
            &[&["replay", "--alerts", alerts, "day.pcap", "evening.pcap"], &sets[..]].concat(),
        );
    }
    let report = |options: &[&str]| -> Value {
        serde_json::from_str(&heelguard(folder.path(), &[&["report", "--format", "json"], options].concat()))
            .unwrap()
    };
    for period in [&[][..], &["--from", "2026-11-09T09:30:00Z", "--to", "2026-11-09T20:10:05.5Z"]] {
        let captured = report(&[period, &["day.pcap", "evening.pcap"]].concat());
        let kept = report(&[period, &["--clickhouse"], &sets[..]].concat());
        assert!(captured["seen"]["transactions"].as_u64() > Some(100), "{period:?}");
        for part in ["/seen/transactions", "/seen/hosts", "/seen/endpoints", "/seen/principals", "/seen/keys"]
        {
            assert_eq!(kept.pointer(part), captured.pointer(part), "{period:?} {part}");
        }
        for part in
            ["/period/first", "/period/last", "/coverage/successes", "/coverage/proofs", "/coverage/hosts"]
        {
            assert_eq!(kept.pointer(part), captured.pointer(part), "{period:?} {part}");
        }
        assert_eq!(gaps(&kept), gaps(&captured), "{period:?}");
        assert!(!gaps(&kept).is_empty());
        assert_eq!(keys(&kept), keys(&captured), "{period:?}");
        for part in ["/alerts/episodes", "/alerts/by_severity", "/alerts/by_detector", "/alerts/over_time"] {
            assert_eq!(kept.pointer(part), captured.pointer(part), "{period:?} {part}");
        }
        assert_eq!(open(&kept), open(&captured), "{period:?}");
        let told = |report: &Value| -> Vec<Value> {
            let top = report["alerts"]["top"].as_array().unwrap().iter();
            top.map(|top| {
                ["id", "severity", "outcome", "message"].iter().map(|part| top[*part].clone()).collect()
            })
            .collect()
        };
        assert_eq!(told(&kept), told(&captured), "{period:?}");
    }
}

/// These without the parts that the tables cannot tell, in one order.
fn without(rows: &Value, parts: &[&str]) -> Vec<Value> {
    let mut rows = rows.as_array().unwrap().clone();
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        for part in parts {
            row.remove(*part);
        }
    }
    rows.sort_by_key(ToString::to_string);
    rows
}

/// What answers hold makes a route weigh more.
fn gaps(report: &Value) -> Vec<Value> {
    without(&report["coverage"]["gaps"], &["weight", "advice"])
}

/// When a key was handed out, and with that its age.
fn keys(report: &Value) -> Vec<Value> {
    without(&report["keys"]["passports"], &["issued", "first_seen", "age_days"])
}

fn open(report: &Value) -> Vec<Value> {
    without(&report["exposures"]["open"], &[])
}

#[test]
fn an_empty_database_and_one_that_is_not_there_are_told_apart() {
    let Some(database) = Database::shared("report_empty") else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = database.config();
    let sets = [
        format!("sinks.clickhouse.database={}", config.database),
        format!("sinks.clickhouse.user={}", config.user),
        format!("sinks.clickhouse.password={}", config.password),
    ];
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
        command.current_dir(folder.path()).env("XDG_STATE_HOME", folder.path().join("state"));
        command.args(["report", "--format", "json", "--clickhouse", &config.url]);
        command.args(sets.iter().flat_map(|set| ["--set", set]));
        command.output().unwrap()
    };
    let missing = run();
    let error = String::from_utf8(missing.stderr).unwrap();
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(1), 0));
    assert!(error.contains("sinks.clickhouse"), "{error}");
    for lane in heelguard::sinks::spool::Lane::ALL {
        database.ready(*lane);
    }
    let empty: Value = serde_json::from_slice(&run().stdout).unwrap();
    assert_eq!(
        (&empty["visibility"]["verdict"], &empty["period"]["first"]),
        (&Value::from("blind"), &Value::Null)
    );
}
