//! The services themselves, asked by clients that are not ours: what other tests build on.

use super::proxy::{Proxy, produce};
use super::services::Service;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(15);

/// What a program said, given `input`; it must end well.
fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn send(address: &str, topic: &str, settings: &[&str], record: &str) {
    let mut arguments = vec!["-P", "-b", address, "-t", topic, "-X", "acks=all"];
    arguments.extend(settings.iter().flat_map(|setting| ["-X", *setting]));
    run("kcat", &arguments, &format!("{record}\n"));
}

/// A topic's records in order of their text.
fn read(kafka: &Service, topic: &str) -> Vec<String> {
    let text = run("kcat", &["-C", "-q", "-e", "-b", kafka.get("PLAINTEXT"), "-t", topic], "");
    let mut records: Vec<String> = text.lines().map(str::to_owned).collect();
    records.sort();
    records
}

/// Why a listener does not let kcat in.
fn refusal(address: &str, settings: &[(&str, &str)]) -> String {
    let mut kcat = Command::new("kcat");
    kcat.args(["-P", "-b", address, "-t", "doors", "-X", "message.timeout.ms=10000"]);
    for (name, value) in settings {
        kcat.args(["-X", &format!("{name}={value}")]);
    }
    let mut kcat = kcat.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    kcat.stdin.take().unwrap().write_all(b"record\n").unwrap();
    let output = kcat.wait_with_output().unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether a listener lets us in, and shows the topic.
fn look(address: &str, topic: &str, settings: &[(&str, &str)]) -> KafkaResult<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("log_level", "0");
    for (name, value) in settings {
        config.set(*name, *value);
    }
    let client: BaseConsumer = config.create()?;
    let metadata = client.fetch_metadata(Some(topic), Duration::from_secs(5))?;
    match metadata.topics().first().and_then(MetadataTopic::error) {
        None => Ok(()),
        Some(error) => Err(KafkaError::MetadataFetch(error.into())),
    }
}

#[test]
fn kafka_takes_records_on_every_listener_and_keeps_them_when_it_is_killed() {
    let Some(kafka) = Service::kafka() else { return };
    kafka.topic("t", 3);
    let authority = format!("ssl.ca.location={}", kafka.get("CA"));
    let certificate = format!("ssl.certificate.location={}", kafka.get("CLIENT_CERT"));
    let key = format!("ssl.key.location={}", kafka.get("CLIENT_KEY"));
    let (user, password) =
        (format!("sasl.username={}", kafka.get("USER")), format!("sasl.password={}", kafka.get("PASSWORD")));
    send(kafka.get("PLAINTEXT"), "t", &[], "plain");
    send(kafka.get("SSL"), "t", &["security.protocol=ssl", &authority], "tls");
    send(kafka.get("MUTUAL"), "t", &["security.protocol=ssl", &authority, &certificate, &key], "mutual");
    let login = ["security.protocol=sasl_ssl", "sasl.mechanism=PLAIN", &authority, &user, &password];
    send(kafka.get("SASL_SSL"), "t", &login, "password");
    let all = ["mutual", "password", "plain", "tls"];
    assert_eq!(read(&kafka, "t"), all);
    kafka.kill();
    kafka.restart();
    assert_eq!(read(&kafka, "t"), all);
    kafka.pause();
    assert!(look(kafka.get("PLAINTEXT"), "t", &[]).is_err());
    kafka.resume();
    assert_eq!(read(&kafka, "t"), all);
}

#[test]
fn kafka_lets_in_whom_it_should() {
    let Some(kafka) = Service::shared_kafka() else { return };
    kafka.topic("doors", 1);
    let tls = [("security.protocol", "ssl"), ("ssl.ca.location", kafka.get("CA"))];
    assert_eq!(look(kafka.get("SSL"), "doors", &tls), Ok(()));
    for (listener, why) in [
        ("MUTUAL", "certificate"),
        ("EXPIRED", "certificate verify failed"),
        ("MISNAMED", "certificate verify failed"),
    ] {
        let said = refusal(kafka.get(listener), &tls);
        assert!(said.contains(why), "{listener}: {said}");
    }
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for (listener, protocol) in [("SASL_PLAINTEXT", "sasl_plaintext"), ("SASL_SSL", "sasl_ssl")] {
            let settings = |user, password| {
                [
                    ("security.protocol", protocol),
                    ("ssl.ca.location", kafka.get("CA")),
                    ("sasl.mechanism", mechanism),
                    ("sasl.username", user),
                    ("sasl.password", password),
                ]
            };
            let ours = settings(kafka.get("USER"), kafka.get("PASSWORD"));
            assert_eq!(look(kafka.get(listener), "doors", &ours), Ok(()), "{mechanism} {listener}");
            let said = refusal(kafka.get(listener), &settings(kafka.get("USER"), "wrong"));
            assert!(said.contains("Authentication failed"), "{mechanism} {listener}: {said}");
            let stranger = settings(kafka.get("STRANGER"), kafka.get("STRANGER_PASSWORD"));
            let refused = Err(KafkaError::MetadataFetch(RDKafkaErrorCode::TopicAuthorizationFailed));
            assert_eq!(look(kafka.get(listener), "doors", &stranger), refused, "{mechanism} {listener}");
        }
    }
}

#[test]
fn an_answer_that_kafka_gave_and_nobody_got_is_asked_for_again() {
    let Some(kafka) = Service::shared_kafka() else { return };
    kafka.topic("swallowed", 1);
    let proxy = Proxy::listen(kafka.get("PROXIED"), kafka.get("BEHIND_PROXY"));
    for (is_idempotent, copies) in [("false", 2), ("true", 1)] {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", kafka.get("PROXIED"))
            .set("enable.idempotence", is_idempotent)
            .set("log_level", "0")
            .create()
            .unwrap();
        let before = proxy.swallowed();
        proxy.swallow_answers(1, produce);
        let payload = format!("idempotent {is_idempotent}");
        producer.send(BaseRecord::<str, str>::to("swallowed").payload(&payload)).unwrap();
        producer.flush(PATIENCE).unwrap();
        assert_eq!(proxy.swallowed(), before + 1);
        let seen = read(kafka, "swallowed").into_iter().filter(|record| *record == payload);
        assert_eq!(seen.count(), copies, "{payload}");
    }
}

/// Asks ClickHouse as its user.
fn ask(clickhouse: &Service, address: &str, query: &str) -> String {
    let user = format!("{}:{}", clickhouse.get("USER"), clickhouse.get("PASSWORD"));
    let seconds = PATIENCE.as_secs().to_string();
    let arguments = ["-sS", "-m", &seconds, "-u", &user, "--cacert", clickhouse.get("CA")];
    run("curl", &[&arguments[..], &[address, "--data-binary", "@-"]].concat(), query)
}

#[test]
fn clickhouse_keeps_what_it_took_when_it_is_killed() {
    let Some(clickhouse) = Service::clickhouse() else { return };
    let (plain, tls) = (clickhouse.get("URL"), clickhouse.get("HTTPS_URL"));
    ask(&clickhouse, plain, "CREATE DATABASE h");
    ask(&clickhouse, plain, "CREATE TABLE h.t (n UInt64) ENGINE = MergeTree ORDER BY n");
    ask(&clickhouse, plain, "INSERT INTO h.t FORMAT JSONEachRow {\"n\":1} {\"n\":2}");
    ask(&clickhouse, tls, "INSERT INTO h.t SELECT number + 3 FROM numbers(100000)");
    assert_eq!(ask(&clickhouse, tls, "SELECT count(), max(n) FROM h.t"), "100002\t100002\n");
    clickhouse.kill();
    clickhouse.restart();
    assert_eq!(ask(&clickhouse, plain, "SELECT count() FROM h.t"), "100002\n");
}

#[test]
fn clickhouse_refuses_as_a_server_does() {
    let Some(clickhouse) = Service::shared_clickhouse() else { return };
    let url = clickhouse.get("URL");
    let unknown = ask(clickhouse, url, "SELECT * FROM nowhere");
    assert!(
        unknown.starts_with("Code: 60. DB::Exception: ") && unknown.contains("(UNKNOWN_TABLE)"),
        "{unknown}"
    );
    let two = ask(clickhouse, url, "SELECT 1; SELECT 2");
    assert!(two.contains("Multi-statements are not allowed"), "{two}");
    let nobody = run("curl", &["-sS", url, "--data", "SELECT 1"], "");
    assert!(nobody.starts_with("Code: 516. DB::Exception: "), "{nobody}");
    let arranged = format!("{url}/_fault?mode=status&code=252&status=500&match=arranged");
    assert_eq!(run("curl", &["-sS", "-X", "POST", &arranged], ""), "Ok.\n");
    assert!(ask(clickhouse, url, "SELECT 'arranged'").starts_with("Code: 252. "));
    assert_eq!(ask(clickhouse, url, "SELECT 'arranged'"), "arranged\n");
}
