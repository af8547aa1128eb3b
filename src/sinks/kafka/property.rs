//! Properties of librdkafka that are passed through as they are written.
//! They are given by name and value; librdkafka itself says whether it knows them.
//! It promises that no secret hides among them, that none of them runs anything or leaves a certificate unchecked, and
//! that alerts are not made losable unless that is said.

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A value as TOML knows it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Property {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Anything else.
    Text(String),
}

impl fmt::Display for Property {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(formatter),
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

/// What has a setting of its own, which knows how to hide it or what else hangs on it.
const OWN_SETTINGS: [(&str, &str); 10] = [
    ("bootstrap.servers", "brokers"),
    ("metadata.broker.list", "brokers"),
    ("security.protocol", "security"),
    ("sasl.mechanism", "mechanism"),
    ("sasl.mechanisms", "mechanism"),
    ("sasl.password", "password_file"),
    ("ssl.key.password", "key_password_file"),
    ("ssl.key.pem", "key_file"),
    ("sasl.oauthbearer.client.secret", "client_secret_file"),
    ("sasl.oauthbearer.client.credentials.client.secret", "client_secret_file"),
];

/// What would take away the answers that say a record has arrived, would hide a secret where none is looked for, or
/// would run something.
const REFUSED: [(&str, &str); 9] = [
    ("transactional.id", "records are not sent in transactions"),
    ("delivery.report.only.error", "it is not known then what has arrived"),
    ("ssl.keystore.password", "use cert_file and key_file"),
    ("sasl.oauthbearer.config", "a secret may be in it; use token_file or token_url"),
    ("sasl.oauthbearer.assertion.private.key.passphrase", "no secret may be here; use token_file"),
    ("sasl.oauthbearer.assertion.private.key.pem", "no secret may be here; use token_file"),
    ("plugin.library.paths", "it runs what is in a library"),
    ("ssl.engine.location", "it runs what is in a library"),
    ("sasl.kerberos.kinit.cmd", "it runs a command"),
];

/// Properties of librdkafka's tests begin so.
const TEST_PREFIX: &str = "test.mock.";

/// Refuses what librdkafka does not know and what must not be; `section` is where they are written. `holds_alerts`:
/// acknowledgement by all replicas is a must.
pub(super) fn check(
    properties: &BTreeMap<String, Property>,
    section: &str,
    holds_alerts: bool,
) -> Result<(), String> {
    let section_properties = format!("{section}.properties");
    for (name, value) in properties {
        if let Some((_, setting)) = OWN_SETTINGS.iter().find(|(own, _)| own == name) {
            return Err(format!(
                "{section_properties}: `{name}` has a setting of its own: {section}.{setting}"
            ));
        }
        if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| refused == name) {
            return Err(format!("{section_properties}: `{name}` is not allowed: {reason}"));
        }
        if name.starts_with(TEST_PREFIX) {
            return Err(format!(
                "{section_properties}: `{name}` is not allowed: records would go to a cluster that is only played"
            ));
        }
        if leaves_unchecked(name, &value.to_string()) {
            return Err(format!(
                "{section_properties}: `{name} = {value}` is not allowed: certificates are always checked; set \
                 {section}.ca_file to the authority of the brokers"
            ));
        }
        if holds_alerts && loses(name, &value.to_string()) {
            return Err(format!(
                "{section_properties}: `{name} = {value}` lets a broker lose alerts; remove it, or set \
                 {section}.i_accept_loss = true"
            ));
        }
    }
    let mut client = ClientConfig::new();
    pass_on(properties, &mut client);
    match client.create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(_, problem, name, _)) => {
            Err(format!("{section_properties}: `{name}`: {}", problem.trim()))
        }
        Err(other) => Err(format!("{section_properties}: {other}")),
    }
}

/// Those that name a file, by librdkafka's way to name properties.
pub(super) fn files(properties: &BTreeMap<String, Property>) -> impl Iterator<Item = (&str, &str)> {
    properties.iter().filter_map(|(name, value)| match value {
        Property::Text(file) if name.ends_with(".location") && file != "probe" => {
            Some((name.as_str(), file.as_str()))
        }
        _ => None,
    })
}

/// Sets them over what is there.
pub(super) fn pass_on(properties: &BTreeMap<String, Property>, client: &mut ClientConfig) {
    for (name, value) in properties {
        client.set(name.as_str(), value.to_string());
    }
    // librdkafka keeps numbering only what all replicas acknowledge.
    let is_weak = properties.iter().any(|(name, value)| is_acks(name) && loses(name, &value.to_string()));
    if is_weak && !properties.contains_key("enable.idempotence") {
        client.set("enable.idempotence", "false");
    }
    // The same property under its other name.
    if properties.keys().any(|name| name == "request.required.acks") {
        client.remove("acks");
    }
}

/// Whether brokers would not have to prove who they are. librdkafka knows these words for yes, in any case.
fn leaves_unchecked(name: &str, value: &str) -> bool {
    let is_one_of = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    match name {
        "enable.ssl.certificate.verification" => !is_one_of(&["true", "t", "1"]),
        "ssl.endpoint.identification.algorithm" => !is_one_of(&["https"]),
        _ => false,
    }
}

fn is_acks(name: &str) -> bool {
    name == "acks" || name == "request.required.acks"
}

fn loses(name: &str, value: &str) -> bool {
    (is_acks(name) && value != "all" && value != "-1") || (name == "enable.idempotence" && value != "true")
}
