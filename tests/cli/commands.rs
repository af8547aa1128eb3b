//! Every other command: help, hints, answers.

use super::Bench;
use serde_json::Value;

const COMMANDS: &[&str] =
    &["replay", "report", "demo", "check", "doctor", "rules", "schema", "fingerprint", "completions", "man"];

#[test]
fn every_command_has_help_with_examples() {
    let bench = Bench::new();
    let help = bench.run(&["--help"]);
    for command in COMMANDS {
        assert!(
            help.succeeds().out.contains(&format!("  {command}")),
            "{command} is missing in\n{}",
            help.out
        );
        let own = bench.run(&[command, "--help"]);
        assert!(own.succeeds().out.contains("Examples:"), "{command}:\n{}", own.out);
        assert_eq!(own.err, "");
    }
    assert!(bench.run(&["--version"]).succeeds().out.starts_with("heelguard "));
}

#[test]
fn a_mistyped_command_or_option_gets_a_hint() {
    let bench = Bench::new();
    bench.run(&["rplay"]).fails_with(2, &["rplay", "replay"]);
    bench.run(&["replay", "--alert", "x", "a.pcap"]).fails_with(2, &["--alert", "--alerts"]);
    bench.run(&["replay"]).fails_with(2, &["<FILE>"]);
    bench.run::<&str>(&[]).fails_with(2, &["Usage"]);
    for shards in ["0", "65", "many"] {
        bench.run(&["replay", "--shards", shards, "a.pcap"]).fails_with(2, &["--shards", shards]);
    }
}

#[test]
fn a_worker_is_told_where_its_work_comes_from_before_it_begins() {
    let bench = Bench::new();
    bench.run(&["detect", "--config", "x"]).fails_with(2, &["x"]);
    bench.run(&["detect"]).fails_with(2, &["sinks.kafka.brokers", "scale.sink"]);
    bench
        .run(&["replay", "--set", "scale.forward=true", "a.pcap"])
        .fails_with(2, &["scale.forward", "sinks.kafka.brokers"]);
}

#[test]
fn a_live_sensor_is_told_where_to_listen_before_it_begins() {
    let bench = Bench::new();
    bench.run(&["run", "--set", "web.listen=127.0.0.1:0"]).fails_with(2, &["capture.interfaces", "-i NAME"]);
}

#[test]
fn an_unknown_log_level_is_refused() {
    let bench = Bench::new();
    bench.run(&["rules", "--log", "loud"]).fails_with(2, &["--log", "loud", "trace"]);
}

#[test]
fn the_catalogue_lists_every_detector_in_every_form() {
    let bench = Bench::new();
    let table = bench.run(&["rules"]);
    let markdown = bench.run(&["rules", "--format", "md"]);
    let json: Value =
        serde_json::from_str(&bench.run(&["rules", "--format", "json"]).succeeds().out).unwrap();
    let entries = json.as_array().unwrap();
    assert!(entries.len() >= 10);
    for entry in entries {
        let (id, name) = (entry["id"].as_str().unwrap(), entry["name"].as_str().unwrap());
        for text in [&table.out, &markdown.out] {
            assert!(text.contains(id) && text.contains(name), "{id} {name} is missing in\n{text}");
        }
        let by_id = bench.run(&["rules", id]);
        assert_eq!(by_id.succeeds().out, bench.run(&["rules", name]).out);
        assert!(by_id.out.starts_with("# "), "{}", by_id.out);
    }
}

#[test]
fn an_unknown_detector_gets_the_nearest() {
    let bench = Bench::new();
    bench
        .run(&["rules", "mfa_failure_brust"])
        .fails_with(2, &["mfa_failure_brust", "did you mean `mfa_failure_burst`?"]);
    bench.run(&["rules", "zzz"]).fails_with(2, &["zzz", "heelguard rules"]);
}

#[test]
fn schemas_are_json_and_tables_are_not() {
    let bench = Bench::new();
    for form in ["alert", "transaction", "tls", "inventory", "stats", "report", "config"] {
        let schema: Value = serde_json::from_str(&bench.run(&["schema", form]).succeeds().out).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{form}");
    }
    assert!(bench.run(&["schema", "clickhouse"]).succeeds().out.contains("ReplacingMergeTree"));
    bench.run(&["schema", "alerts"]).fails_with(2, &["alerts", "alert"]);
}

#[test]
fn a_fingerprint_is_found_again_and_the_secret_is_not_echoed() {
    let bench = Bench::new();
    let secrets = "sk_live_4f9a7c2e1b8d\n\r\n\nsk_live_4f9a7c2e1b8d\r\nanother secret, quite long";
    let run = bench.run_with_input(&["fingerprint"], secrets.as_bytes());
    let lines: Vec<_> = run.succeeds().out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", run.out);
    assert_eq!(lines[0], lines[1], "line ends are not part of a secret");
    assert_ne!(lines[0], lines[2]);
    for line in lines {
        let (fingerprint, class) = line.split_once('\t').unwrap();
        assert!(fingerprint.len() == 32 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
        assert!(!class.is_empty());
    }
    assert!(!run.out.contains("4f9a7c") && !run.err.contains("4f9a7c") && !run.out.contains("quite long"));
}

#[test]
fn a_fingerprint_that_no_record_can_have_is_told() {
    let bench = Bench::new();
    let asked = || bench.run_with_input(&["fingerprint", "--set", "privacy.key_file=key"], b"a-secret\n");
    let (first, second) = (asked(), asked());
    let words = ["key was not there", "--set privacy.key_file=/var/lib/heelguard/fingerprint.key"];
    assert!(words.iter().all(|word| first.err.contains(word)), "{}", first.err);
    assert_eq!(first.succeeds().out, second.succeeds().out, "the key stays");
    assert_eq!(second.err, "");
}

#[test]
fn after_a_rotation_both_fingerprints_are_found() {
    let bench = Bench::new();
    let fingerprint = |arguments: &[&str]| {
        let run = bench.run_with_input(&[&["fingerprint"], arguments].concat(), b"a-secret-of-somebody\n");
        run.succeeds().out.trim_end().split('\t').map(str::to_owned).collect::<Vec<_>>()
    };
    let before = fingerprint(&["--set", "privacy.key_file=one"]);
    let rotated = ["--set", "privacy.key_file=two", "--set", "privacy.previous_key_file=one"];
    let after = fingerprint(&rotated);
    let both = fingerprint(&[&rotated[..], &["--previous"]].concat());
    assert_eq!(both, [after[0].clone(), after[1].clone(), before[0].clone()]);
    assert_ne!(before[0], after[0]);
    let run = bench.run_with_input(&["fingerprint", "--previous"], b"");
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("privacy.previous_key_file"), "{}", run.err);
}

#[test]
fn a_fingerprint_names_the_key_of_a_transaction() {
    let bench = Bench::new();
    bench.write(
        "a.pcap",
        super::support::conversation::pcap(include_str!("../cases/key-in-the-url/traffic.txt")),
    );
    bench.run(&["replay", "--alerts", "al", "--transactions", "tx", "a.pcap"]).succeeds();
    let traffic = include_str!("../cases/key-in-the-url/traffic.txt");
    let key = traffic.split("api_key=").nth(1).unwrap().split(['&', ' ']).next().unwrap();
    let run = bench.run_with_input(&["fingerprint"], key.as_bytes());
    let fingerprint = run.succeeds().out.split('\t').next().unwrap();
    assert!(bench.read("tx").contains(fingerprint), "{}", bench.read("tx"));
}

#[test]
fn shells_and_manuals_know_every_command() {
    let bench = Bench::new();
    let man = bench.run(&["man"]);
    let bash = bench.run(&["completions", "bash"]);
    for command in COMMANDS {
        assert!(bash.succeeds().out.contains(command), "{command}");
        assert!(man.succeeds().out.to_lowercase().contains(command), "{command}");
    }
    assert!(man.out.contains("fail\\-on"), "options are in the manual");
    bench.run(&["completions", "cmd"]).fails_with(2, &["cmd", "zsh"]);
}

#[test]
fn the_demo_shows_attacks_and_ends_when_asked_to() {
    let bench = Bench::new();
    let run = bench.run(&["demo", "--once"]);
    assert!(run.succeeds().out.contains("mfa_failure_burst"), "{}", run.out);
}

#[test]
fn a_page_on_a_port_that_is_taken_says_how_to_get_another() {
    let bench = Bench::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("web.listen={}", taken.local_addr().unwrap());
    let run = bench.run(&["demo", "--set", &listen]);
    run.fails_with(1, &["is taken", "--set web.listen=127.0.0.1:0"]);
}
