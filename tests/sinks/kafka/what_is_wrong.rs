//! What stands in the way is said in one line that names the setting, the topic or the broker.

use super::reading::read;
use super::{Config, Kind, Lane, batch, config, destination};
use crate::services::Service;
use heelguard::sinks::spool::{Batch, Record};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// Why `config` cannot be used. Also: the line is found soon, and no password is in it.
fn line(server: &Service, config: &Config) -> String {
    let start = Instant::now();
    let line = destination(config, Lane::Alerts).prepare().unwrap_err().message;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}: {line}", start.elapsed());
    assert!(!line.contains(server.get("PASSWORD")) && !line.contains("hunter22"), "{line}");
    assert!(!line.contains('\n'), "{line}");
    line
}

fn make_topic(server: &Service, topic: &str, setting: (&str, &str)) {
    let admin: AdminClient<DefaultClientContext> =
        rdkafka::ClientConfig::new().set("bootstrap.servers", server.get("PLAINTEXT")).create().unwrap();
    let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1)).set(setting.0, setting.1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let made = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

#[test]
fn certificates() {
    let Some(server) = Service::shared_kafka() else { return };
    let authority = format!("ca_file = '{}'", server.get("CA"));
    let told = |listener: &str, more: &str| line(server, &config(server, listener, "x", more));
    let at = |listener: &str, rest: &str| format!("kafka {}{rest}", server.get(listener));
    assert_eq!(told("EXPIRED", &authority), at("EXPIRED", ": its certificate has expired; renew it there"));
    assert_eq!(
        told("MISNAMED", &authority),
        at(
            "MISNAMED",
            ": its certificate is for another name; correct sinks.kafka.brokers or the certificate"
        )
    );
    let other = server.folder().join("other.pem");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=other",
            "-keyout",
        ])
        .args([server.folder().join("other.key"), "-out".into(), other.clone()])
        .output();
    assert!(made.unwrap().status.success());
    let unknown = ": its certificate is from an authority that is not known; look at sinks.kafka.ca_file";
    assert_eq!(told("SSL", &format!("ca_file = '{}'", other.display())), at("SSL", unknown));
    assert_eq!(told("SSL", "security = 'ssl'"), at("SSL", unknown));
    assert_eq!(
        told("MUTUAL", &authority),
        at("MUTUAL", " wants a certificate of ours; set sinks.kafka.cert_file and sinks.kafka.key_file")
    );
}

#[test]
fn the_wrong_port() {
    let Some(server) = Service::shared_kafka() else { return };
    let authority = format!("ca_file = '{}'", server.get("CA"));
    let told = |listener: &str, more: &str| line(server, &config(server, listener, "x", more));
    let at = |listener: &str, rest: &str| format!("kafka {}{rest}", server.get(listener));
    assert_eq!(
        told("PLAINTEXT", &authority),
        at("PLAINTEXT", " does not speak TLS; correct the port, or sinks.kafka.security")
    );
    assert_eq!(
        told("SSL", ""),
        at("SSL", " hangs up as TLS listeners do; set sinks.kafka.security = \"ssl\"")
    );
    assert_eq!(
        told("SASL_PLAINTEXT", ""),
        at(
            "SASL_PLAINTEXT",
            " hangs up; it may want a user: look at sinks.kafka.mechanism and sinks.kafka.user"
        )
    );
}

#[test]
fn users() {
    let Some(server) = Service::shared_kafka() else { return };
    let told = |user: &str| {
        line(server, &config(server, "SASL_PLAINTEXT", "x", &format!("security = 'sasl_plaintext'\n{user}")))
    };
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        assert_eq!(
            told(&format!("mechanism = '{mechanism}'\nuser = 'heelguard'\npassword = 'hunter22'")),
            format!(
                "kafka {} rejects the user or its password; correct sinks.kafka.user, sinks.kafka.password_file \
                 or sinks.kafka.mechanism",
                server.get("SASL_PLAINTEXT")
            )
        );
    }
    let gone = told("token_file = '/nowhere/token'");
    assert!(gone.contains("sinks.kafka.token_file /nowhere/token: No such file"), "{gone}");
    let file = server.folder().join("stale");
    fs::write(&file, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwiZXhwIjoxfQ.").unwrap();
    let stale = told(&format!("token_file = '{}'", file.display()));
    assert!(stale.contains("sinks.kafka.token_file: the token has expired"), "{stale}");
}

#[test]
fn rights_and_topics() {
    let Some(server) = Service::shared_kafka() else { return };
    make_topic(server, "rights.alerts", ("retention.ms", "-1"));
    let stranger = format!(
        "security = 'sasl_plaintext'\nmechanism = 'PLAIN'\nuser = '{}'\npassword = '{}'",
        server.get("STRANGER"),
        server.get("STRANGER_PASSWORD")
    );
    assert_eq!(
        line(server, &config(server, "SASL_PLAINTEXT", "rights", &stranger)),
        "kafka denies writing to topic rights.alerts: allow Write and Describe on it to stranger"
    );
    assert_eq!(
        line(server, &config(server, "PLAINTEXT", "missing", "")),
        "kafka topic missing.alerts does not exist: create it, or set sinks.kafka.manage_topics = true"
    );
    let copies = config(server, "PLAINTEXT", "copies", "manage_topics = true\nreplication_factor = 3");
    let refused = line(server, &copies);
    assert!(
        refused.starts_with("kafka topic copies.alerts cannot be made (sinks.kafka.manage_topics): "),
        "{refused}"
    );
}

#[test]
fn a_large_alert_is_shortened_and_a_large_transaction_refused() {
    let Some(server) = Service::shared_kafka() else { return };
    let config = config(server, "PLAINTEXT", "large", "compression = 'none'");
    for topic in ["large.alerts", "large.transactions"] {
        make_topic(server, topic, ("max.message.bytes", "1000"));
    }
    let evidence = r#"{"path":"/x","note":"n"},"#.repeat(60);
    let body = format!(r#"{{"schema":"x","evidence":[{}],"facts":{{}}}}"#, evidence.trim_end_matches(','));
    for kind in [Kind::Alert, Kind::Transaction] {
        let mut records = Batch::new(3, kind.lane(), 0);
        for number in 0..40 {
            let body = if number == 7 { body.as_str() } else { r#"{"schema":"x"}"# };
            let id = u128::from(number);
            records.push(number, &Record { kind, raised_ms: 0, id, key: id, body: body.as_bytes() });
        }
        let delivered = destination(&config, kind.lane()).deliver(&records).unwrap();
        let seen = read(server, config_topic(&config, kind));
        if kind == Kind::Alert {
            assert_eq!((delivered.refused.len(), seen.len()), (0, 40));
            let short = r#"{"schema":"x","evidence":[],"facts":{},"shortened":true}"#;
            assert!(seen.iter().any(|seen| seen.body == short));
        } else {
            assert_eq!((delivered.refused.len(), seen.len()), (1, 39));
            assert_eq!(delivered.refused[0].index, 7);
            let rest = "bytes are more than kafka topic large.transactions takes (max.message.bytes)";
            assert_eq!(delivered.refused[0].reason, format!("{} {rest}", body.len()));
        }
    }
}

fn config_topic(config: &Config, kind: Kind) -> &str {
    if kind == Kind::Alert { &config.alerts_topic } else { &config.transactions_topic }
}

#[test]
fn a_topic_that_goes_away_is_named_and_waited_for() {
    let Some(server) = Service::shared_kafka() else { return };
    let config = config(server, "PLAINTEXT", "away", "");
    let mut kafka = destination(&config, Lane::Alerts);
    make_topic(server, "away.alerts", ("retention.ms", "-1"));
    kafka.deliver(&batch(Kind::Alert, 0, 10)).unwrap();
    let admin: AdminClient<DefaultClientContext> =
        rdkafka::ClientConfig::new().set("bootstrap.servers", server.get("PLAINTEXT")).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(admin.delete_topics(&["away.alerts"], &AdminOptions::new())).unwrap();
    // While the topic goes, the client may have other words for it first.
    let mut messages = (0..20).map(|_| kafka.deliver(&batch(Kind::Alert, 10, 20)).unwrap_err().message);
    assert!(messages.any(|message| message.starts_with("kafka topic away.alerts does not exist: ")));
    drop(messages);
    make_topic(server, "away.alerts", ("retention.ms", "-1"));
    kafka.deliver(&batch(Kind::Alert, 10, 20)).unwrap();
    assert_eq!(read(server, "away.alerts").len(), 10);
}
