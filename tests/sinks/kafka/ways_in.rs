//! Every way a broker may want to be spoken to.

use super::reading::ids;
use super::{Kind, Lane, all_arrived, batch, config, destination};
use crate::services::Service;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use std::fs;

/// Makes the topic through the plain listener, and sends through the other one.
fn arrives(server: &Service, topics: &str, listener: &str, more: &str) {
    let plain = config(server, "PLAINTEXT", topics, "manage_topics = true");
    destination(&plain, Lane::Alerts).prepare().unwrap();
    let config = config(server, listener, topics, more);
    let mut kafka = destination(&config, Lane::Alerts);
    kafka.prepare().unwrap();
    assert_eq!(kafka.deliver(&batch(Kind::Alert, 0, 50)).unwrap(), all_arrived());
    let (records, distinct) = ids(server, &format!("{topics}.alerts"));
    assert_eq!((records, distinct.len()), (50, 50), "{topics}");
}

/// The settings of a user whose password is in a file.
fn user(server: &Service, mechanism: &str) -> String {
    let file = server.folder().join("password");
    fs::write(&file, format!("{}\n", server.get("PASSWORD"))).unwrap();
    format!(
        "mechanism = '{mechanism}'\nuser = '{}'\npassword_file = '{}'",
        server.get("USER"),
        file.display()
    )
}

fn authority(server: &Service) -> String {
    format!("ca_file = '{}'", server.get("CA"))
}

/// A token as an identity provider would sign it, for a broker that does not look at signatures.
pub(super) fn token(lifetime_s: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{"sub":"heelguard","iat":{now},"exp":{}}}"#, now + lifetime_s);
    format!("{}.{}.", BASE64.encode(r#"{"alg":"none"}"#), BASE64.encode(claims))
}

#[test]
fn tls_with_and_without_a_certificate_of_ours() {
    let Some(server) = Service::shared_kafka() else { return };
    let authority = authority(server);
    arrives(server, "tls", "SSL", &authority);
    let (cert, key) = (server.get("CLIENT_CERT"), server.get("CLIENT_KEY"));
    let ours = format!("{authority}\ncert_file = '{cert}'\nkey_file = '{key}'");
    arrives(server, "mutual", "MUTUAL", &ours);
}

#[test]
fn users_with_passwords() {
    let Some(server) = Service::shared_kafka() else { return };
    let authority = authority(server);
    for (number, mechanism) in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].iter().enumerate() {
        let user = user(server, mechanism);
        arrives(server, &format!("user-{number}"), "SASL_SSL", &format!("{authority}\n{user}"));
        let clear = format!("security = 'sasl_plaintext'\n{user}");
        arrives(server, &format!("clear-{number}"), "SASL_PLAINTEXT", &clear);
    }
}

#[test]
fn tokens_from_a_file() {
    let Some(server) = Service::shared_kafka() else { return };
    let file = server.folder().join("token");
    fs::write(&file, token(600)).unwrap();
    let authority = authority(server);
    arrives(server, "token", "SASL_SSL", &format!("{authority}\ntoken_file = '{}'", file.display()));
}

#[test]
fn every_compression() {
    let Some(server) = Service::shared_kafka() else { return };
    for name in ["none", "gzip", "snappy", "lz4", "zstd"] {
        arrives(server, &format!("packed-{name}"), "PLAINTEXT", &format!("compression = '{name}'"));
    }
}
