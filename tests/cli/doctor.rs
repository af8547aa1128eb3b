//! `heelguard doctor`: what it says of machines that are well, and of those that are not.

use super::{Bench, Run, names};
use serde_json::Value;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The findings of a run as JSON.
fn findings(run: &Run) -> Vec<Value> {
    let document: Value =
        serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}\n{}", run.out, run.err));
    assert_eq!(document["schema"], "heelguard.doctor/1");
    let findings = document["findings"].as_array().unwrap().clone();
    for state in ["ok", "warn", "bad"] {
        let counted = findings.iter().filter(|finding| finding["state"] == state).count();
        assert_eq!(document[state], counted, "{document}");
    }
    findings
}

/// The finding about one thing.
#[track_caller]
fn finding<'a>(findings: &'a [Value], check: &str, about: Option<&str>) -> &'a Value {
    let wanted = |finding: &&Value| finding["check"] == check && finding["about"].as_str() == about;
    findings.iter().find(wanted).unwrap_or_else(|| panic!("{check} {about:?} is not in {findings:?}"))
}

fn doctor(bench: &Bench, arguments: &[&str]) -> Vec<Value> {
    findings(&bench.run(&[&["doctor", "--format", "json"], arguments].concat()))
}

fn is_root() -> bool {
    // A folder of /proc belongs to whoever runs the process.
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

#[test]
fn every_finding_is_one_line_and_the_code_says_whether_one_is_bad() {
    let bench = Bench::new();
    let run = bench.run(&["doctor", "--set", "state.dir=kept"]);
    let mut lines: Vec<&str> = run.out.lines().collect();
    let last = lines.pop().unwrap();
    let count = |state: &str| lines.iter().filter(|line| line.starts_with(&format!("{state:<5} "))).count();
    assert_eq!(last, format!("{} ok, {} warn, {} bad", count("ok"), count("warn"), count("bad")));
    assert_eq!(count("ok") + count("warn") + count("bad"), lines.len(), "{}", run.out);
    let is_bad = count("bad") > 0;
    assert_eq!(run.code, Some(i32::from(is_bad)), "{}", run.out);
    assert_eq!(run.err.contains("the sensor would not work here"), is_bad, "{}", run.err);
    for check in [
        "rights",
        "core dumps",
        "seccomp",
        "landlock",
        "interface",
        "kernel",
        "memory",
        "clock",
        "open files",
        "state",
        "spool",
        "key",
        "page",
        "sinks",
    ] {
        assert!(lines.iter().any(|line| line[6..].starts_with(check)), "{check} is not in\n{}", run.out);
    }
    assert!(!bench.path("kept").exists() && !bench.path("state").exists(), "it only looks");
}

#[test]
fn a_wrong_interface_is_bad_and_the_right_ones_are_named() {
    let bench = Bench::new();
    let run = bench.run(&["doctor", "-i", "no-such-wire", "-i", "../../etc", "-i", "lo"]);
    assert_eq!(run.code, Some(1), "{}", run.out);
    assert!(run.err.contains("interface (no-such-wire)"), "{}", run.err);
    let line = run.out.lines().find(|line| line.contains("no-such-wire")).unwrap();
    assert!(line.starts_with("bad ") && line.contains("there are ") && line.contains("lo"), "{line}");
    assert!(
        run.out.lines().any(|line| line.starts_with("bad ") && line.contains("../../etc")),
        "{}",
        run.out
    );
    assert!(
        !run.out.lines().any(|line| line.starts_with("bad ") && line.contains(" lo: there is no")),
        "{}",
        run.out
    );
}

#[test]
fn rings_beyond_all_memory_are_told() {
    let bench = Bench::new();
    let many: Vec<String> = (0..200).flat_map(|number| ["-i".to_owned(), format!("wire{number}")]).collect();
    let mut arguments = vec!["--shards", "64"];
    arguments.extend(many.iter().map(String::as_str));
    let findings = doctor(&bench, &arguments);
    let memory = finding(&findings, "memory", None);
    assert_eq!(memory["state"], "bad");
    assert!(memory["found"].as_str().unwrap().contains("(interfaces 200 x shards 64 x "), "{memory}");
    // Named twice is named once.
    let findings = doctor(&bench, &["-i", "lo", "-i", "lo", "--shards", "1"]);
    let memory = finding(&findings, "memory", None);
    assert!(memory["found"].as_str().unwrap().contains("(interfaces 1 x shards 1 x "), "{memory}");
}

#[test]
fn sinks_that_are_away_are_told_within_seconds_and_those_that_are_there_are_well() {
    let bench = Bench::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = format!("sinks.kafka.brokers={closed}");
    let database = format!("sinks.clickhouse.url=http://{}", silent.local_addr().unwrap());
    let hook = format!("sinks.webhook.url=http://{closed}/a-secret-path");
    let began = Instant::now();
    let run = bench.run(&[
        "doctor",
        "--format",
        "json",
        "--set",
        &broker,
        "--set",
        &database,
        "--set",
        &hook,
        "--set",
        "sinks.jsonl.alerts=alerts.jsonl",
    ]);
    assert!(began.elapsed() < Duration::from_secs(25), "all are asked at once: {:?}", began.elapsed());
    assert_eq!(run.code, Some(1));
    let findings = findings(&run);
    for (sink, words) in [
        ("sinks.kafka", "sinks.kafka.brokers"),
        ("sinks.clickhouse", "sinks.clickhouse.url"),
        ("sinks.webhook", "sinks.webhook.url"),
    ] {
        let finding = finding(&findings, "sinks", Some(sink));
        assert_eq!(finding["state"], "bad", "{finding}");
        assert!(finding["found"].as_str().unwrap().contains(words), "{finding}");
    }
    assert_eq!(finding(&findings, "sinks", Some("sinks.jsonl"))["state"], "ok");
    assert!(!bench.path("alerts.jsonl").exists(), "it only looks");
    assert!(!run.out.contains("a-secret-path") && !run.err.contains("a-secret-path"));
}

#[test]
fn a_webhook_that_answers_anything_is_there() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("sinks.webhook.url=http://{}/hook", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 512];
        let read = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let findings = doctor(&bench, &["--set", &url]);
    assert_eq!(finding(&findings, "sinks", Some("sinks.webhook"))["state"], "ok");
    assert!(server.join().unwrap().starts_with("OPTIONS /hook HTTP/1.1\r\n"), "nothing is posted");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let bench = Bench::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("web.listen={}", taken.local_addr().unwrap());
    let findings = doctor(&bench, &["--set", &listen]);
    let page = finding(&findings, "page", None);
    assert_eq!(page["state"], "warn");
    assert!(page["mend"].as_str().unwrap().contains("web.listen=127.0.0.1:0"), "{page}");
    let findings = doctor(&bench, &["--set", "web.listen=127.0.0.1:0"]);
    assert_eq!(finding(&findings, "page", None)["state"], "ok");
}

#[test]
fn a_key_that_others_can_read_is_told_and_none_is_made() {
    let bench = Bench::new();
    let findings = doctor(&bench, &["--set", "privacy.key_file=key"]);
    assert_eq!(finding(&findings, "key", None)["state"], "ok");
    assert_eq!(names(bench.folder.path()), Vec::<String>::new());
    bench.run_with_input(&["fingerprint", "--set", "privacy.key_file=key"], b"x\n").succeeds();
    std::fs::set_permissions(bench.path("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let findings = doctor(&bench, &["--set", "privacy.key_file=key"]);
    let key = finding(&findings, "key", None);
    assert!(key["state"] == "warn" && key["found"].as_str().unwrap().contains("chmod 600"), "{key}");
}

#[test]
fn a_state_folder_that_cannot_be_written_is_bad() {
    let bench = Bench::new();
    let folder = bench.path("kept");
    std::fs::create_dir(&folder).unwrap();
    let state = |bench: &Bench, more: &[&str]| {
        let findings = doctor(bench, &[&["--set", "state.dir=kept"], more].concat());
        finding(&findings, "state", None).clone()
    };
    assert_eq!(state(&bench, &[])["state"], "ok");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write everywhere; what a run becomes may not.
    let user: &[&str] = if is_root() { &["--user", "nobody"] } else { &[] };
    let found = state(&bench, user);
    assert_eq!(found["state"], "bad", "{found}");
    assert!(found["mend"].as_str().unwrap().contains("install -d -m 700"), "{found}");
    bench.write("file", "");
    let findings = doctor(&bench, &["--set", "state.dir=file/below"]);
    assert_eq!(finding(&findings, "state", None)["state"], "bad");
}

#[test]
fn root_becomes_the_user_and_keeps_the_one_right() {
    if !is_root() {
        eprintln!("NOT RUN: becoming another user takes root");
        return;
    }
    let bench = Bench::new();
    let rights = |arguments: &[&str]| finding(&doctor(&bench, arguments), "rights", None).clone();
    let root = rights(&[]);
    assert!(root["found"].as_str().unwrap().starts_with("root may open interfaces"), "{root}");
    let nobody = rights(&["--user", "nobody"]);
    assert_eq!(nobody["state"], "ok");
    let found = nobody["found"].as_str().unwrap();
    assert!(found.ends_with("may open interfaces (CAP_NET_RAW) and nothing else"), "{found}");
    assert!(found.starts_with("user "), "{found}");
    // By number it is the same one.
    let number = found.split(' ').nth(1).unwrap();
    assert_eq!(rights(&["--user", number]), nobody);
}

#[test]
fn a_user_that_nobody_knows_is_refused_with_the_command_that_makes_one() {
    let bench = Bench::new();
    bench
        .run(&["doctor", "--user", "no-such-user-here"])
        .fails_with(1, &["no-such-user-here", "useradd --system"]);
    bench.run(&["doctor", "--user", "a:b"]).fails_with(1, &["a:b"]);
}

#[test]
fn locks_that_a_run_would_close_are_tried_and_the_doctor_goes_on() {
    let bench = Bench::new();
    let off = ["--set", "hardening.seccomp=off", "--set", "hardening.landlock=off"];
    for lock in ["seccomp", "landlock"] {
        let tried = finding(&doctor(&bench, &[]), lock, None).clone();
        assert_ne!(tried["state"], "bad", "{tried}");
        let told = finding(&doctor(&bench, &off), lock, None).clone();
        assert_eq!(
            (&told["state"], &told["found"]),
            (&"warn".into(), &"a run goes without: off in the configuration".into())
        );
    }
}

#[test]
fn wrong_usage_is_told() {
    let bench = Bench::new();
    bench.run(&["doctor", "--interfaces", "lo"]).fails_with(2, &["--interface"]);
    bench.run(&["doctor", "--set", "web.listen=0.0.0.0:1"]).fails_with(2, &["web.listen"]);
    bench.run(&["doctor", "--shards", "0"]).fails_with(2, &["--shards"]);
    bench.run(&["doctor", "--format", "xml"]).fails_with(2, &["xml", "json"]);
}

#[test]
fn without_tools_of_the_system_it_says_so() {
    let bench = Bench::new();
    let output = bench
        .command()
        .args(["doctor", "--format", "json", "-i", "lo"])
        .env("PATH", bench.folder.path())
        .output()
        .unwrap();
    let run = Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    let findings = findings(&run);
    let offloads = finding(&findings, "offloads", Some("lo"));
    let is_installed = ["/usr/sbin/ethtool", "/sbin/ethtool"].iter().any(|path| Path::new(path).exists());
    assert!(is_installed || offloads["mend"] == "install ethtool", "{offloads}");
}
