//! The program itself, with its lists of system calls and of folders in force, in front of the real services.
//! It is given a conversation with one alert in it, and sinks over TLS, by name, with a user.
//! It promises that what the locks leave is enough to find, trust and reach them: everything is delivered.

use crate::conversation;
use crate::services::Service;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Replays under locks that are insisted on; the counters, and what was said.
fn replay(folder: &Path, sinks: &str) -> (Value, String) {
    let capture = conversation::pcap(include_str!("../cases/mfa-three-wrong-codes/traffic.txt"));
    std::fs::write(folder.join("capture.pcap"), capture).unwrap();
    let locks = "[hardening]\nseccomp = \"required\"\nlandlock = \"required\"\n";
    std::fs::write(folder.join("sensor.toml"), format!("{locks}{sinks}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
    command.args(["replay", "--config", "sensor.toml", "--stats", "stats.json", "capture.pcap"]);
    command.current_dir(folder).env("XDG_STATE_HOME", folder.join("state")).env_remove("HEELGUARD_LOG");
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}");
    let stats = std::fs::read(folder.join("stats.json")).unwrap();
    (serde_json::from_slice(&stats).unwrap(), said)
}

fn is_all_delivered(stats: &Value, sink: &str, said: &str) {
    let sink = &stats["sinks"][sink];
    let count = |name: &str| sink[name].as_u64().unwrap();
    assert!(count("queued") > 0, "{stats}");
    assert_eq!(
        (count("delivered"), count("spooled"), count("lost")),
        (count("queued"), 0, 0),
        "{said}\n{sink}"
    );
    assert!(!said.contains("not permitted") && !said.contains("denied"), "{said}");
}

#[test]
fn kafka_over_tls_with_a_password_is_reached_under_the_locks() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), kafka.get("PASSWORD")).unwrap();
    for (listener, more) in [
        ("SSL", String::new()),
        (
            "SASL_SSL",
            format!(
                "mechanism = 'SCRAM-SHA-256'\nuser = '{}'\npassword_file = 'password'\n",
                kafka.get("USER")
            ),
        ),
    ] {
        // By name: resolvers need calls and files of their own.
        let brokers = kafka.get(listener).replace("127.0.0.1", "localhost");
        let mut sinks = String::new();
        writeln!(sinks, "[sinks.kafka]\nbrokers = '{brokers}'\nca_file = '{}'\n{more}", kafka.get("CA"))
            .unwrap();
        writeln!(sinks, "alerts_topic = 'locked-alerts'\nmanage_topics = true\n").unwrap();
        let (stats, said) = replay(folder.path(), &sinks);
        is_all_delivered(&stats, "kafka", &said);
        std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    }
}

#[test]
fn clickhouse_is_reached_under_the_locks() {
    let Some(database) = Service::shared_clickhouse() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = database.get("URL").replace("127.0.0.1", "localhost");
    std::fs::write(folder.path().join("password"), database.get("PASSWORD")).unwrap();
    let user = database.get("USER");
    let sinks = format!(
        "[sinks.clickhouse]\nurl = '{url}'\ndatabase = 'locked'\nuser = '{user}'\npassword_file = 'password'\n"
    );
    let (stats, said) = replay(folder.path(), &sinks);
    is_all_delivered(&stats, "clickhouse", &said);
}
