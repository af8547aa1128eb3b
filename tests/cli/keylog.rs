//! `--keylog`: what is said about it, and that nothing of it is said.

use super::Bench;

const SECRET: &str = "5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed";

fn line() -> String {
    format!("CLIENT_RANDOM {} {SECRET}{SECRET}\n", "00ff".repeat(16))
}

#[test]
fn a_key_log_that_cannot_be_one_is_refused_by_name() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    std::fs::create_dir(bench.path("folder")).unwrap();
    for (name, why) in [("missing", "No such file"), ("folder", "neither a file nor a pipe")] {
        let run = bench.run(&["replay", "--keylog", name, "a.pcap"]);
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{}", run.err);
        assert!(run.err.contains(&format!("key log {name}: {why}")), "{}", run.err);
    }
}

#[test]
fn a_key_log_without_secrets_is_warned_of() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    bench.write("keys.log", "# nothing\nCLIENT_RANDOM 00 11\n");
    let run = bench.run(&["replay", "--keylog", "keys.log", "--stats", "stats", "a.pcap"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("key log keys.log: there is no secret in it"), "{}", run.err);
    assert!(
        bench
            .read("stats")
            .contains(r#""secrets":{"taken":0,"forgotten":0,"unused_lines":0,"junk_lines":1}"#)
    );
}

#[test]
fn secrets_are_counted_and_shown_nowhere() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    bench.write("keys.log", [line(), format!("junk {SECRET}\n")].concat());
    bench.write("c.toml", "[tls]\nkeylog = \"keys.log\"\n");
    let words = [
        "--log",
        "trace",
        "replay",
        "--config",
        "c.toml",
        "--stats",
        "stats",
        "--transactions",
        "tx",
        "a.pcap",
    ];
    let run = bench.run(&words);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        bench
            .read("stats")
            .contains(r#""secrets":{"taken":1,"forgotten":0,"unused_lines":0,"junk_lines":1}"#)
    );
    for said in [&run.out, &run.err, &bench.read("stats"), &bench.read("tx")] {
        assert!(!said.contains("5eed5eed"), "{said}");
    }
}
