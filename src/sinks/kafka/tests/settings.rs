//! What cannot be meant is refused with the setting's name, and no secret is shown.

use super::super::*;
use crate::sinks::record::samples;

fn config(toml: &str) -> Config {
    toml::from_str(toml).unwrap()
}

fn complaint(toml: &str) -> String {
    config(&format!("brokers = \"127.0.0.1:9092\"\n{toml}")).check("kafka").unwrap_err()
}

fn fine(toml: &str) {
    assert_eq!(config(&format!("brokers = \"127.0.0.1:9092\"\n{toml}")).check("kafka"), Ok(()), "{toml}");
}

#[test]
fn off_without_brokers_and_on_with_one() {
    assert!(!Config::default().is_on());
    assert_eq!(Config::default().lanes(), []);
    assert_eq!(Config::default().check("kafka"), Ok(()));
    let on = config("brokers = \"kafka-1:9092, kafka-2:9092, [::1]:9092\"\ntransactions_topic = \"\"");
    assert_eq!(on.check("kafka"), Ok(()));
    assert_eq!(on.lanes(), [Lane::Alerts, Lane::Reports]);
}

#[test]
fn brokers_and_topics_are_looked_at() {
    for odd in ["kafka:9092,", "kafka:port", "kafka:0", "http://kafka:9092", "::1:9092", "a b", "[]:1"] {
        let config = Config { brokers: odd.to_owned(), ..Config::default() };
        let complaint = config.check("kafka").unwrap_err();
        assert!(
            complaint.starts_with("sinks.kafka.brokers: `") && complaint.contains("host:port"),
            "{odd}: {complaint}"
        );
    }
    assert!(
        complaint("alerts_topic = \"alerts!\"").starts_with("sinks.kafka.alerts_topic: `alerts!` is no name")
    );
    let none = complaint("alerts_topic=''\ntransactions_topic=''\ninventory_topic=''\nhealth_topic=''");
    assert!(none.starts_with("sinks.kafka: every topic is empty"), "{none}");
    assert!(toml::from_str::<Config>("topic = 'x'").is_err());
}

#[test]
fn a_user_goes_with_a_password_and_a_mechanism() {
    fine("mechanism = 'PLAIN'\nuser = 'a'\npassword = 'b'");
    fine("mechanism = 'SCRAM-SHA-512'\nuser = 'a'\npassword_file = '/b'\nsecurity = 'sasl_plaintext'");
    fine("token_file = '/t'");
    let said = complaint("user = 'a'\npassword = 'b'");
    assert_eq!(
        said,
        "sinks.kafka.mechanism: say which; allowed are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER"
    );
    assert_eq!(
        complaint("mechanism = 'PLAIN'\nuser = 'a'"),
        "sinks.kafka.password_file: PLAIN needs a password"
    );
    assert_eq!(complaint("mechanism = 'PLAIN'\npassword = 'a'"), "sinks.kafka.user: PLAIN needs one");
    assert!(
        complaint("user = 'a'\nsecurity = 'ssl'").starts_with("sinks.kafka.security: `ssl` proves no user")
    );
    assert!(complaint("token_file = '/t'\ntoken_url = 'https://x'").contains("keep one"));
    assert!(complaint("token_file = '/t'\nmanage_topics = true").starts_with("sinks.kafka.manage_topics: "));
}

#[test]
fn a_password_is_not_sent_in_the_clear_unless_that_is_said() {
    let derived = |toml: &str| config(toml).effective_security();
    assert_eq!(derived(""), Security::Plaintext);
    assert_eq!(derived("ca_file = '/ca'"), Security::Ssl);
    assert_eq!(derived("mechanism = 'PLAIN'\nuser = 'a'"), Security::SaslSsl);
    assert_eq!(derived("user = 'a'\nsecurity = 'sasl_plaintext'"), Security::SaslPlaintext);
    assert!(complaint("ca_file = '/ca'\nsecurity = 'plaintext'").contains("uses no certificates"));
    assert!(complaint("cert_file = '/c'").contains("set both or none"));
}

#[test]
fn properties_are_passed_through_but_for_what_would_lose_alerts() {
    fine("properties = { 'linger.ms' = 20, 'socket.keepalive.enable' = false, 'debug' = 'broker' }");
    assert_eq!(
        complaint("properties = { 'linger.mss' = 20 }"),
        "sinks.kafka.properties: `linger.mss`: No such configuration property: \"linger.mss\""
    );
    let odd = complaint("properties = { 'linger.ms' = 'soon' }");
    assert!(odd.starts_with("sinks.kafka.properties: `linger.ms`: Invalid value"), "{odd}");
    for loses in ["'acks' = 1", "'request.required.acks' = '0'", "'enable.idempotence' = false"] {
        let complaint = complaint(&format!("properties = {{ {loses} }}"));
        assert!(complaint.ends_with("or set sinks.kafka.i_accept_loss = true"), "{complaint}");
        fine(&format!("i_accept_loss = true\nproperties = {{ {loses} }}"));
        fine(&format!("alerts_topic = ''\nproperties = {{ {loses} }}"));
    }
    fine("properties = { 'acks' = 'all', 'enable.idempotence' = true }");
    assert!(complaint("properties = { 'transactional.id' = 'x' }").contains("not allowed"));
}

#[test]
fn secrets_have_settings_of_their_own_and_are_not_shown() {
    for name in [
        "sasl.password",
        "ssl.key.password",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.client.credentials.client.secret",
    ] {
        let complaint = complaint(&format!("properties = {{ '{name}' = 'hunter22' }}"));
        assert!(complaint.contains("has a setting of its own"), "{complaint}");
        assert!(!complaint.contains("hunter22"), "{complaint}");
    }
}

#[test]
fn no_property_runs_anything_or_leaves_certificates_unchecked() {
    for name in [
        "plugin.library.paths",
        "ssl.engine.location",
        "sasl.kerberos.kinit.cmd",
        "test.mock.num.brokers",
        "test.mock.broker.rtt",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
    ] {
        let complaint = complaint(&format!("properties = {{ '{name}' = 'hunter22' }}"));
        let start = format!("sinks.kafka.properties: `{name}` is not allowed: ");
        assert!(complaint.starts_with(&start) && !complaint.contains("hunter22"), "{complaint}");
    }
    for (name, value) in [
        ("enable.ssl.certificate.verification", "false"),
        ("enable.ssl.certificate.verification", "'F'"),
        ("enable.ssl.certificate.verification", "0"),
        ("ssl.endpoint.identification.algorithm", "'none'"),
        ("ssl.endpoint.identification.algorithm", "'NONE'"),
    ] {
        let complaint = complaint(&format!("properties = {{ '{name}' = {value} }}"));
        assert!(
            complaint.starts_with(&format!("sinks.kafka.properties: `{name} = "))
                && complaint.contains("certificates are always checked; set sinks.kafka.ca_file"),
            "{complaint}"
        );
    }
    fine("properties = { 'enable.ssl.certificate.verification' = true }");
    fine("properties = { 'ssl.endpoint.identification.algorithm' = 'https', 'log_level' = 7 }");
}

#[test]
fn what_would_do_nothing_is_refused() {
    for (toml, setting, needed) in [
        ("password = 'hunter22'", "password", "user"),
        ("password_file = '/p'", "password_file", "user"),
        ("token_file = '/t'\npassword = 'hunter22'", "password", "user"),
        ("key_password = 'hunter22'", "key_password", "key_file"),
        ("key_password_file = '/p'", "key_password_file", "key_file"),
        ("token_ca_file = '/ca'", "token_ca_file", "token_url"),
        ("client_id = 'a'", "client_id", "token_url"),
        ("client_secret = 'hunter22'", "client_secret", "token_url"),
        ("token_file = '/t'\nclient_secret_file = '/s'", "client_secret_file", "token_url"),
        ("scope = 'a'", "scope", "token_url"),
        ("partitions = 3", "partitions", "manage_topics"),
        ("replication_factor = 3", "replication_factor", "manage_topics"),
    ] {
        assert_eq!(
            complaint(toml),
            format!(
                "sinks.kafka.{setting} does nothing without sinks.kafka.{needed}; set that too, or remove it"
            )
        );
    }
    fine("manage_topics = true\npartitions = 3\nreplication_factor = 3");
    fine("cert_file = '/c'\nkey_file = '/k'\nkey_password_file = '/p'");
    let token = "client_id = 'a'\nclient_secret_file = '/s'\nscope = 'b'\ntoken_ca_file = '/ca'";
    fine(&format!("token_url = 'https://idp/token'\n{token}"));
    fine(&format!("token_url = 'http://127.0.0.1:8080/token'\n{token}"));
    let clear = complaint(&format!("token_url = 'http://idp/token'\n{token}"));
    assert!(clear.starts_with("sinks.kafka.token_url: the client secret would cross"), "{clear}");
}

#[test]
fn opening_reads_certificates_and_names_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "no certificate").unwrap();
    let open = |toml: &str| {
        let config = config(&format!("brokers = '127.0.0.1:1'\n{toml}"));
        open(&config, "kafka", &samples::labels(), Lane::Alerts).err().unwrap_or_default()
    };
    assert_eq!(open(""), "");
    assert_eq!(open("i_accept_loss = true\nproperties = { 'acks' = 1 }"), "");
    let missing = open("ca_file = '/nowhere/ca.pem'");
    assert!(missing.starts_with("sinks.kafka.ca_file /nowhere/ca.pem: No such file"), "{missing}");
    let broken = open(&format!("ca_file = '{}'", file.display()));
    assert!(broken.starts_with("sinks.kafka.ca_file: "), "{broken}");
    let password = open("mechanism = 'PLAIN'\nuser = 'a'\npassword_file = '/nowhere/p'");
    assert!(password.starts_with("sinks.kafka.password_file /nowhere/p: "), "{password}");
}
