//! `replay`: what is written where, and how it ends.

use super::{Bench, names};
use serde_json::Value;
use std::process::Stdio;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn alerts_go_to_stdout_as_lines_of_json() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let run = bench.run(&["replay", "a.pcap"]);
    let alerts = lines(&run.succeeds().out);
    let opened: Vec<_> =
        alerts.iter().filter(|a| a["status"] == "open").map(|a| a["detector"].clone()).collect();
    assert!(opened.contains(&"mfa_failure_burst".into()), "{opened:?}");
    assert_eq!(run.err, "", "a quiet run says nothing");
}

#[test]
fn every_output_is_written_to_its_file() {
    let bench = Bench::new();
    let traffic = include_str!("../cases/key-in-the-url/traffic.txt");
    bench.write("a.pcap", super::support::conversation::pcap(traffic));
    let options = ["--alerts", "al", "--transactions", "tx", "--inventory", "inv", "--stats", "st"];
    let run = bench.run(&[&["replay"][..], &options, &["a.pcap"]].concat());
    assert_eq!(run.succeeds().out, "");
    assert_eq!(lines(&bench.read("tx")).len(), 2);
    let stats = &lines(&bench.read("st"))[0];
    assert_eq!(stats["balanced"], true, "{stats}");
    let records = ["al", "tx", "inv"].map(|name| bench.read(name).lines().count()).iter().sum::<usize>();
    assert_eq!(stats["sinks"]["jsonl"]["delivered"], records, "{stats}");
    let kinds: Vec<_> = lines(&bench.read("inv")).iter().map(|entry| entry["kind"].clone()).collect();
    for kind in ["endpoint", "credential", "principal", "service"] {
        assert!(kinds.contains(&kind.into()), "{kind} is missing in {kinds:?}");
    }
}

#[test]
fn a_threshold_can_be_set_for_one_run() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let run = bench.run(&["replay", "--set", "detectors.mfa_failure_burst.failures=4", "a.pcap"]);
    assert!(!run.succeeds().out.contains("mfa_failure_burst"), "{}", run.out);
}

#[test]
fn two_runs_and_any_number_of_shards_give_the_same_bytes() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let run = |shards: &str, tx: &str| {
        bench.run(&["replay", "--shards", shards, "--transactions", tx, "a.pcap"]).succeeds().out.clone()
    };
    let (one, two, five) = (run("1", "t1"), run("2", "t2"), run("5", "t5"));
    assert!(one == two && two == five);
    assert_eq!(bench.read("t1"), bench.read("t2"));
    assert_eq!(bench.read("t1"), bench.read("t5"));
}

#[test]
fn fail_on_is_exit_code_four_at_or_above_the_severity() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let code =
        |severity: &str| bench.run(&["replay", "--alerts", "al", "--fail-on", severity, "a.pcap"]).code;
    assert_eq!(code("info"), Some(4));
    assert_eq!(code("medium"), Some(4));
    assert_eq!(code("critical"), Some(0));
    bench
        .run(&["replay", "--fail-on", "hihg", "a.pcap"])
        .fails_with(2, &["--fail-on", "did you mean `high`", "critical"]);
}

#[test]
fn what_is_no_capture_is_named_and_nothing_is_written() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    bench.write("letter.txt", "Dear Sir or Madam, this is no capture at all.");
    let run = bench.run(&["replay", "--alerts", "al", "--stats", "st", "a.pcap", "letter.txt"]);
    run.fails_with(1, &["letter.txt", "not a capture"]);
    assert_eq!(names(bench.folder.path()), ["a.pcap", "letter.txt"]);
    bench.run(&["replay", "missing.pcap"]).fails_with(1, &["missing.pcap", "No such file"]);
}

#[test]
fn a_capture_cut_in_a_packet_is_read_up_to_there() {
    let bench = Bench::new();
    let whole = std::fs::read(bench.capture("a.pcap")).unwrap();
    bench.write("cut.pcap", &whole[..whole.len() - 7]);
    let run = bench.run(&["replay", "--stats", "st", "cut.pcap"]);
    assert_eq!(run.succeeds().err.lines().count(), 1, "{}", run.err);
    assert!(run.err.contains("cut.pcap"), "{}", run.err);
    let stats = &lines(&bench.read("st"))[0];
    assert_eq!(stats["capture"]["truncated_files"], 1);
    assert_eq!(stats["balanced"], true);
}

#[test]
fn a_capture_comes_through_a_pipe_too() {
    let bench = Bench::new();
    let capture = std::fs::read(bench.capture("a.pcap")).unwrap();
    let piped = bench.run_with_input(&["replay", "-"], &capture);
    assert_eq!(piped.succeeds().out, bench.run(&["replay", "a.pcap"]).out);
    assert!(!piped.out.is_empty());
}

#[test]
fn outputs_that_would_destroy_each_other_are_refused() {
    let bench = Bench::new();
    let capture = bench.capture("a.pcap");
    let before = std::fs::read(&capture).unwrap();
    bench
        .run(&["replay", "--transactions", "-", "a.pcap"])
        .fails_with(2, &["--alerts", "--transactions", "standard output"]);
    bench
        .run(&["replay", "--alerts", "x", "--stats", "x", "a.pcap"])
        .fails_with(2, &["--alerts", "--stats", "x"]);
    bench.run(&["replay", "--alerts", "a.pcap", "a.pcap"]).fails_with(2, &["--alerts", "a.pcap"]);
    std::fs::hard_link(&capture, bench.path("link.pcap")).unwrap();
    bench.run(&["replay", "--stats", "link.pcap", "a.pcap"]).fails_with(2, &["--stats", "link.pcap"]);
    assert_eq!(std::fs::read(&capture).unwrap(), before);
    // A device swallows what nobody wants, twice if need be.
    bench.run(&["replay", "--alerts", "/dev/null", "--stats", "/dev/null", "a.pcap"]).succeeds();
}

#[test]
fn a_missing_folder_is_named() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    bench
        .run(&["replay", "--alerts", "no/al", "a.pcap"])
        .fails_with(1, &["no/al", "the folder no does not exist"]);
}

#[test]
fn a_full_disk_is_named_with_what_was_lost_and_stops_no_other_output() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let bench = Bench::new();
    bench.capture("a.pcap");
    let run =
        bench.run(&["replay", "--transactions", "/dev/full", "--stats", "st", "--alerts", "al", "a.pcap"]);
    run.fails_with(1, &["cannot write /dev/full", "4 records lost"]);
    let stats = &lines(&bench.read("st"))[0];
    assert_eq!(stats["sinks"]["jsonl"]["lost"], 4, "{stats}");
    assert_eq!(stats["balanced"], true);
    assert!(bench.read("al").contains("mfa_failure_burst"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let mut child = bench
        .command()
        .args(["replay", "a.pcap"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn text_is_for_a_person_and_says_how_the_run_went() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let run = bench.run(&["replay", "--format", "text", "a.pcap"]);
    assert!(run.succeeds().out.contains("MFA-01 Burst of failed MFA codes"), "{}", run.out);
    assert!(!run.out.contains('\x1b'), "no colours in a pipe");
    assert!(run.err.contains("4 transactions"), "{}", run.err);
}

#[test]
fn no_secret_of_the_capture_leaves() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let options =
        ["--log", "trace", "--alerts", "al", "--transactions", "tx", "--inventory", "inv", "--stats", "st"];
    let run = bench.run(&[&["replay"][..], &options, &["a.pcap"]].concat());
    run.succeeds();
    let everything =
        [run.out, run.err, bench.read("al"), bench.read("tx"), bench.read("inv"), bench.read("st")].concat();
    for secret in ["correct horse 41", "tkt_alice_9f2c41d07ab3", "9f2c41d0", "111111", "222222", "333333"] {
        assert!(!everything.contains(secret), "{secret} left");
    }
}

#[test]
fn the_fingerprint_key_is_made_once_and_for_its_owner_alone() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    bench.run(&["replay", "--alerts", "al", "--transactions", "t1", "a.pcap"]).succeeds();
    let key = bench.path("state/heelguard/fingerprint.key");
    let first = std::fs::read(&key).unwrap();
    bench.run(&["replay", "--alerts", "al", "--transactions", "t2", "a.pcap"]).succeeds();
    assert_eq!(std::fs::read(&key).unwrap(), first);
    assert_eq!(bench.read("t1"), bench.read("t2"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let run = bench.run(&["replay", "--alerts", "al", "a.pcap"]);
        assert!(run.succeeds().err.contains("chmod 600"), "{}", run.err);
    }
}

#[test]
fn without_a_place_for_the_key_the_run_goes_on_with_a_warning() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    // A file where the state folder should be.
    bench.write("state", "");
    let run = bench.run(&["replay", "--alerts", "al", "a.pcap"]);
    assert!(run.succeeds().err.contains("privacy.key_file"), "{}", run.err);
    // A key the operator named is never replaced silently.
    bench.write("broken", "this is no key");
    bench.run(&["replay", "--set", "privacy.key_file=broken", "a.pcap"]).fails_with(1, &["broken"]);
}

#[test]
fn why_somebody_alerted_is_told_beside_the_records() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let plain = bench.run(&["replay", "a.pcap"]).succeeds().out.clone();
    let run = bench.run(&["replay", "--explain", "user:alice@example.com", "a.pcap"]);
    assert_eq!(run.succeeds().out, plain, "records are the same");
    for said in ["MFA-01 mfa_failure_burst", "3 in ", "opened an alert", "know nothing of it"] {
        assert!(run.err.contains(said), "{said} is missing in {}", run.err);
    }
    let one = ["replay", "--explain", "user:alice@example.com", "--explain-rule", "MFA-02", "a.pcap"];
    assert!(!bench.run(&one).succeeds().err.contains("MFA-01"));
}

#[test]
fn who_was_never_seen_is_said_to_be_that_and_a_rule_that_is_none_is_refused() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let run = bench.run(&["replay", "--explain", "user:alice@example.org", "a.pcap"]);
    let expected = "user:alice@example.org: in no transaction; did you mean `user:alice@example.com`?\n";
    assert_eq!(run.succeeds().err, expected);
    let run = bench.run(&["replay", "--explain", "x", "--explain-rule", "mfa_failures_burst", "a.pcap"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("did you mean `mfa_failure_burst`?"), "{}", run.err);
}

#[test]
fn acknowledgements_that_have_ended_or_do_nothing_are_told() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let entry = |subject: &str, until: &str| {
        format!("[[suppress]]\nsubject = \"{subject}\"\n{until}\nreason = \"known\"\n")
    };
    // A time may stand in quotes or, as TOML has it, without.
    for until in ["until = \"2001-01-01T00:00:00Z\"", "until = 2001-01-01T00:00:00Z"] {
        bench.write("c.toml", [entry("*", ""), entry("user:nobody*", ""), entry("*", until)].concat());
        let run = bench.run(&["replay", "--config", "c.toml", "a.pcap"]);
        assert_eq!(run.succeeds().out, "", "everything is acknowledged");
        assert_eq!(
            run.err,
            "heelguard: warning: [[suppress]] of every rule for user:nobody* silenced nothing\n\
             heelguard: warning: [[suppress]] of every rule for * ended at 2001-01-01T00:00:00Z; it silenced 0 \
             findings before\n"
        );
    }
}

#[test]
fn transactions_alone_go_down_a_pipe() {
    let bench = Bench::new();
    bench.capture("own.pcap");
    // As docs/first-hour.md has it: two kinds of records in one pipe are refused.
    let run = bench.run(&["replay", "--alerts", "/dev/null", "--transactions", "-", "own.pcap"]);
    assert!(run.succeeds().out.lines().all(|line| line.contains("heelguard.transaction/1")), "{}", run.out);
    assert!(run.out.lines().count() >= 3);
    bench.run(&["replay", "--transactions", "-", "own.pcap"]).fails_with(2, &["--alerts", "--transactions"]);
}
