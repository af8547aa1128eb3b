//! Mistakes that people make, as a set: each answer names the thing and what to do, and the code is the contract's.
//! One table, one line a mistake: what is typed, the code, words that must be in the answer.
//! No answer holds what only programmers read: numbers of system errors, names of types.

use super::Bench;

/// What is typed in a folder with `ok.pcap`, `text.pcap`, `empty.pcap`, `a-file` and `folder`; code; words.
const MISTAKES: &[(&str, i32, &[&str])] = &[
    // Captures.
    ("replay nothere.pcap", 1, &["nothere.pcap", "No such file"]),
    ("replay folder", 1, &["folder", "name the captures in it", "*.pcap"]),
    ("replay text.pcap", 1, &["text.pcap", "not a capture but text", "pcapng"]),
    ("replay empty.pcap", 1, &["empty.pcap", "an empty file"]),
    ("replay -", 1, &["standard input", "not a capture"]),
    ("replay ok.pcap nothere.pcap", 1, &["nothere.pcap"]),
    ("replay", 2, &["<FILE>", "--help"]),
    // Options.
    ("replay --alert x ok.pcap", 2, &["--alert", "--alerts"]),
    ("replay --shards 0 ok.pcap", 2, &["--shards", "1..=64"]),
    ("replay --fail-on awful ok.pcap", 2, &["--fail-on", "critical"]),
    ("replay --alerts x --transactions x ok.pcap", 2, &["--alerts and --transactions", "x"]),
    ("replay --alerts - --transactions - ok.pcap", 2, &["standard output", "a file"]),
    ("replay --alerts nowhere/a.jsonl ok.pcap", 1, &["nowhere", "does not exist"]),
    ("replay --alerts ok.pcap ok.pcap", 2, &["overwrite", "ok.pcap"]),
    ("replay --explain x --explain-rule nosuch ok.pcap", 2, &["nosuch", "heelguard rules"]),
    ("replay --keylog nothere ok.pcap", 1, &["nothere", "No such file"]),
    ("replay --geoip text.pcap ok.pcap", 1, &["text.pcap", "another format"]),
    ("rules mfa_failure_brust", 2, &["did you mean `mfa_failure_burst`"]),
    ("rules nosuch", 2, &["heelguard rules"]),
    ("schema alarm", 2, &["alarm", "alert", "transaction"]),
    ("rply ok.pcap", 2, &["rply", "replay"]),
    // Configuration.
    ("check --config nothere.toml", 2, &["nothere.toml", "No such file"]),
    ("check --config text.pcap", 2, &["text.pcap:1:"]),
    ("check --set failures", 2, &["KEY=VALUE"]),
    ("check --set detectors.mfa_failure_burst.failurs=5", 2, &["did you mean `failures`", "allowed"]),
    ("check --set detectors.mfa_failure_burst.failures=many", 2, &["whole number"]),
    ("check --set limits.flows_max=0", 2, &["limits.flows_max", "1 or more"]),
    ("check --set capture.backend=dpdk", 2, &["capture.backend", "af_packet", "libpcap"]),
    ("check --set identity.presets=[\"keyclok\"]", 2, &["keyclok", "did you mean `keycloak`", "; allowed"]),
    ("check --set suppress=[{rule=\"MFA-99\",reason=\"x\"}]", 2, &["MFA-99", "heelguard rules"]),
    ("check --set network.internal=[\"10.0.0.0/99\"]", 2, &["network.internal", "10.0.0.0/99"]),
    // Places and far sides.
    ("replay --set state.dir=a-file ok.pcap", 1, &["a-file", "name a folder"]),
    ("replay --set privacy.key_file=text.pcap ok.pcap", 1, &["text.pcap", "64 hex digits"]),
    ("check --set sinks.clickhouse.url=ftp://x", 2, &["sinks.clickhouse.url", "https://"]),
    ("check --set sinks.webhook.url=http://example.com/", 2, &["https://", "allow_plain"]),
    (
        "replay --alerts alerts.jsonl --set sinks.kafka.brokers=127.0.0.1:1 --set spool.drain_timeout_s=1 ok.pcap",
        1,
        &["127.0.0.1:1", "start the broker, or correct sinks.kafka.brokers"],
    ),
    // Interfaces.
    ("run", 2, &["capture.interfaces", "-i NAME"]),
    ("run -i nosuch0", 2, &["nosuch0", "there are: "]),
];

#[test]
fn every_mistake_is_named_with_its_mend() {
    let bench = Bench::new();
    bench.capture("ok.pcap");
    bench.write("text.pcap", "this is no capture\n");
    bench.write("empty.pcap", "");
    bench.write("a-file", "");
    std::fs::create_dir(bench.path("folder")).unwrap();
    for (typed, code, words) in MISTAKES {
        let arguments: Vec<&str> = typed.split(' ').collect();
        let run = bench.run(&arguments);
        assert_eq!(run.code, Some(*code), "heelguard {typed}\n{}", run.err);
        assert_eq!(run.out, "", "heelguard {typed}: standard output carries records only");
        for word in *words {
            assert!(run.err.contains(word), "heelguard {typed}: `{word}` is not in: {}", run.err);
        }
        for foreign in ["os error", "panicked", "Err(", "Some("] {
            assert!(!run.err.contains(foreign), "heelguard {typed}: {}", run.err);
        }
    }
}
