//! The sinks of the configuration as an operator meets them: on, down, back, in the way of each other, and stopped.

use super::json_schema::violations;
use super::{Bench, names};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const HURRY: &str = "spool.drain_timeout_s=1";

/// A port where nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn sink(stats: &str, name: &str) -> [u64; 4] {
    let stats: Value = serde_json::from_str(stats).unwrap();
    assert_eq!(stats["balanced"], true, "{stats}");
    ["queued", "delivered", "spooled", "lost"].map(|key| stats["sinks"][name][key].as_u64().unwrap())
}

#[test]
fn a_file_gets_what_the_command_line_gets() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let files = ["alerts", "transactions", "inventory", "health"]
        .map(|kind| format!("sinks.more.{kind}=more-{kind}.jsonl"));
    let mut arguments = vec!["replay", "--alerts", "alerts.jsonl", "--transactions", "transactions.jsonl"];
    arguments.extend([
        "--inventory",
        "inventory.jsonl",
        "--stats",
        "stats.json",
        "--set",
        "sinks.more.type=jsonl",
    ]);
    for file in &files {
        arguments.extend(["--set", file]);
    }
    arguments.push("a.pcap");
    bench.run(&arguments).succeeds();
    for kind in ["alerts", "transactions", "inventory"] {
        let (direct, through) =
            (bench.read(&format!("{kind}.jsonl")), bench.read(&format!("more-{kind}.jsonl")));
        assert!(!direct.is_empty() && direct == through, "{kind}");
    }
    let health: Value =
        serde_json::from_str(bench.read("more-health.jsonl").lines().last().unwrap()).unwrap();
    assert_eq!((&health["schema"], &health["ended"]), (&"heelguard.stats/1".into(), &true.into()));
    let schema: Value = serde_json::from_str(&bench.run(&["schema", "stats"]).out).unwrap();
    assert_eq!(violations(&schema, &health), Vec::<String>::new());
    assert_eq!((&health["balanced"], &health["sensor"]), (&true.into(), &"sensor-1".into()));
    let [queued, delivered, spooled, lost] = sink(&bench.read("stats.json"), "more");
    assert!(queued > 0 && delivered == queued && spooled == 0 && lost == 0);
}

#[test]
fn what_a_sink_does_not_take_waits_on_disk_for_the_next_run() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let run = |stats: &str| {
        bench.run(&[
            "replay",
            "--alerts",
            "direct.jsonl",
            "--stats",
            stats,
            "--set",
            HURRY,
            "--set",
            "state.dir=kept",
            "--set",
            "sinks.jsonl.alerts=later/alerts.jsonl",
            "a.pcap",
        ])
    };
    let first = run("first.json");
    first.succeeds();
    for words in ["sinks.jsonl.alerts: cannot write later/alerts.jsonl: No such file", "kept in the spool"] {
        assert!(first.err.contains(words), "{}", first.err);
    }
    let [queued, delivered, spooled, lost] = sink(&bench.read("first.json"), "sinks.jsonl");
    let direct = bench.read("direct.jsonl");
    let alerts = direct.lines().count() as u64;
    assert!(alerts > 0 && (queued, delivered, spooled, lost) == (alerts, 0, alerts, 0));

    std::fs::create_dir(bench.path("later")).unwrap();
    run("second.json").succeeds();
    assert_eq!(bench.read("later/alerts.jsonl"), direct);
    assert_eq!(sink(&bench.read("second.json"), "sinks.jsonl"), [alerts, alerts, 0, 0]);
    let dead = bench.path("kept/dead-letters");
    assert!(!dead.exists());
}

#[test]
fn a_broker_that_is_not_there_is_one_line_that_names_it_and_loses_nothing_that_is_kept() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let broker = format!("127.0.0.1:{}", closed_port());
    let set = format!("sinks.kafka.brokers={broker}");
    let kept = bench.run(&[
        "replay",
        "--alerts",
        "a.jsonl",
        "--set",
        HURRY,
        "--set",
        "state.dir=kept",
        "--set",
        &set,
        "a.pcap",
    ]);
    kept.succeeds();
    assert!(kept.err.contains("sinks.kafka") && kept.err.contains(&broker), "{}", kept.err);
    assert!(kept.err.contains("kept in the spool"), "{}", kept.err);

    let arguments =
        ["replay", "--alerts", "b.jsonl", "--stats", "b.json", "--set", HURRY, "--set", &set, "a.pcap"];
    let lost = bench.run(&arguments);
    lost.fails_with(1, &["wait for kafka", &broker, "state.dir"]);
    let [queued, delivered, spooled, lost] = sink(&bench.read("b.json"), "kafka");
    assert!(queued > 0 && lost == queued && delivered == 0 && spooled == 0);
}

#[test]
fn wrong_settings_are_refused_before_anything_is_written() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    for (set, words) in [
        ("sinks.kafka.brokrs=a:1", &["brokrs", "did you mean `brokers`"][..]),
        ("sinks.pager.url=x", &["sinks.pager", "type"]),
        ("sinks.kafka.brokers=\"a b\"", &["sinks.kafka.brokers"]),
        ("sinks.webhook.url=http://example.com/x", &["sinks.webhook"]),
        ("spool.bytes_max=1", &["spool.bytes_max", "4194304"]),
    ] {
        for command in
            [&["check", "--set", set][..], &["replay", "--alerts", "x.jsonl", "--set", set, "a.pcap"]]
        {
            bench.run(command).fails_with(2, words);
        }
    }
    for (set, words) in [
        ("sinks.jsonl.alerts=same.jsonl", ["--alerts and sinks.jsonl both write to", "same.jsonl"]),
        ("sinks.jsonl.health=a.pcap", ["sinks.jsonl would write into the capture", "a.pcap"]),
    ] {
        bench.write("same.jsonl", "kept\n");
        bench.run(&["replay", "--alerts", "same.jsonl", "--set", set, "a.pcap"]).fails_with(2, &words);
        assert_eq!(bench.read("same.jsonl"), "kept\n");
    }
    let missing = ["--set", "sinks.kafka.brokers=a:1", "--set", "sinks.kafka.ca_file=none.pem"];
    bench.run(&[&["check"], &missing[..]].concat()).fails_with(2, &["ca_file", "none.pem"]);
    bench.run(&[&["replay"], &missing[..], &["a.pcap"]].concat()).fails_with(2, &["ca_file", "none.pem"]);
    assert!(!bench.path("x.jsonl").exists());
}

#[test]
fn secrets_are_not_shown() {
    let bench = Bench::new();
    let sets = [
        "sinks.kafka.brokers=kafka:9094",
        "sinks.kafka.user=heelguard",
        "sinks.kafka.mechanism=PLAIN",
        "sinks.kafka.password=correct-horse-battery",
        "sinks.webhook.url=https://hooks.example.com/correct-horse-battery",
        "sinks.webhook.body=pagerduty",
        "sinks.webhook.routing_key=correct-horse-battery-correct-ho",
        "sinks.more.type=webhook",
        "sinks.more.url=https://hooks.example.com?token=correct-horse-battery",
        "sinks.webhook.headers.authorization=correct-horse-battery",
        "sinks.clickhouse.url=https://clickhouse.example:8443",
    ];
    let mut arguments = vec!["check", "--effective"];
    for set in &sets {
        arguments.extend(["--set", set]);
    }
    let shown = bench.run(&arguments);
    shown.succeeds();
    assert!(!shown.out.contains("correct-horse"), "{}", shown.out);
    for line in [
        "password = \"***\"",
        "url = \"https://hooks.example.com/***\"",
        "url = \"https://hooks.example.com?***\"",
        "authorization = \"***\"",
        "url = \"https://clickhouse.example:8443\"",
    ] {
        assert!(shown.out.contains(line), "{line} is not in {}", shown.out);
    }
}

/// A run that reads a pipe, and so goes on as long as the test wants.
struct Running {
    child: Child,
}

impl Running {
    fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut command: Command = bench.command();
        let child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Closes the pipe and gives code and words.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{what} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn a_sensor_whose_broker_is_down_is_degraded_and_says_why() {
    let bench = Bench::new();
    let (port, broker) = (closed_port(), closed_port());
    let listen = format!("web.listen=127.0.0.1:{port}");
    let brokers = format!("sinks.kafka.brokers=127.0.0.1:{broker}");
    let capture = std::fs::read(bench.capture("a.pcap")).unwrap();
    let mut run = Running::start(
        &bench,
        &[
            "replay",
            "--serve",
            "--set",
            HURRY,
            "--set",
            "state.dir=kept",
            "--set",
            &listen,
            "--set",
            &brokers,
            "-",
        ],
    );
    run.feed(&capture);
    let ready =
        until("a degraded sensor", || get(port, "/health/ready").filter(|text| text.contains("degraded")));
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains(&broker.to_string()), "{ready}");
    let metrics = get(port, "/metrics").unwrap();
    assert!(metrics.contains("heelguard_sink_up{sink=\"kafka\",lane=\"alerts\"} 0"), "{metrics}");
    assert!(get(port, "/health/live").unwrap().starts_with("HTTP/1.1 200"));

    let second = bench.run(&["replay", "--set", "state.dir=kept", "--set", &brokers, "a.pcap"]);
    second.fails_with(2, &["kept", "in use by another sensor"]);
    assert_eq!(run.end().0, Some(0));
}

#[cfg(unix)]
#[test]
fn a_run_that_is_told_to_end_keeps_what_it_raised_and_ends_well() {
    let bench = Bench::new();
    let capture = std::fs::read(bench.capture("a.pcap")).unwrap();
    let brokers = format!("sinks.kafka.brokers=127.0.0.1:{}", closed_port());
    let mut run = Running::start(
        &bench,
        &["replay", "--stats", "stats.json", "--set", "state.dir=kept", "--set", &brokers, "-"],
    );
    run.feed(&capture);
    until("the spool", || bench.path("kept/spool/id").exists().then_some(()));
    // The whole capture is in the pipe; a little time to take it in.
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let process = rustix::process::Pid::from_child(&run.child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    // The pipe stays open, and nothing comes.
    until("the end of the run", || run.child.try_wait().unwrap());
    let (code, said) = run.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(said.contains("kept in the spool") && said.contains("was not read"), "{said}");
    let [queued, _, spooled, lost] = sink(&bench.read("stats.json"), "kafka");
    assert!(queued > 0 && spooled == queued && lost == 0);
    assert!(names(&bench.path("kept/spool")).contains(&"alerts".to_owned()));
}
