//! The properties producers and consumers are made with: from the settings, the secrets and what is passed through.
//! It is given the checked configuration, and reads passwords and certificates anew each time a producer is made.
//! It promises that no message holds a secret, and that what it gives away is kept from debug prints by librdkafka.

use super::super::{secret, tls};
use super::config::{Compression, Config, Mechanism};
use super::property;
use crate::files;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use std::path::Path;

/// A record that is not acknowledged by then is answered as failed, and comes again with its batch.
const MESSAGE_TIMEOUT_MS: u32 = 24_000;

/// A request that is not answered by then is sent again by librdkafka.
const REQUEST_TIMEOUT_MS: u32 = 10_000;

/// TCP, TLS and SASL together; less than what a look at the topics may take.
const CONNECTION_TIMEOUT_MS: u32 = 5_000;

/// How long librdkafka waits at most before it connects or asks again; the worker's back-off stands above it.
const RETRY_MS_MAX: u32 = 1_000;

/// How long a record waits for others to be packed with.
const LINGER_MS: u32 = 5;

/// How long a topic that was there may be missing, as it is while a cluster restarts.
const TOPIC_MISSING_MS: u32 = 5_000;

/// How records are packed into requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Many together.
    Together,
    /// Each by itself, so that a broker's answer is about one record.
    Alone,
}

/// The properties of a producer for batches of up to `records_max`; `section` is the configuration's, for messages.
pub(super) fn properties(
    config: &Config,
    section: &str,
    records_max: usize,
    packing: Packing,
) -> Result<ClientConfig, String> {
    let mut client = common(config, section)?;
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", config.compression.name())
        // As Java's clients do it, so that keys of other writers to a topic meet ours in one partition.
        .set("partitioner", "murmur2_random")
        .set("message.timeout.ms", MESSAGE_TIMEOUT_MS.to_string())
        .set("request.timeout.ms", REQUEST_TIMEOUT_MS.to_string())
        .set("queue.buffering.max.messages", records_max.to_string())
        .set("linger.ms", LINGER_MS.to_string());
    if config.compression == Compression::Zstd {
        // As small for records like ours as librdkafka's level 3, in two thirds of the time.
        client.set("compression.level", "1");
    }
    property::pass_on(&config.properties, &mut client);
    if packing == Packing::Alone {
        client.set("batch.num.messages", "1").remove("linger.ms");
    }
    Ok(client)
}

/// The properties of a reader, a member of a group or not; nothing is committed unless it does so.
pub(super) fn reading(config: &Config, section: &str, group: &str) -> Result<ClientConfig, String> {
    let mut client = common(config, section)?;
    property::pass_on(&config.properties, &mut client);
    client
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest");
    Ok(client)
}

/// What everybody connects with.
fn common(config: &Config, section: &str) -> Result<ClientConfig, String> {
    let mut client = ClientConfig::new();
    client
        .set_log_level(RDKafkaLogLevel::Info)
        .set("bootstrap.servers", config.brokers.as_str())
        .set("client.id", "heelguard")
        // Topics are made when that is asked for, not because somebody names them.
        .set("allow.auto.create.topics", "false")
        .set("topic.metadata.propagation.max.ms", TOPIC_MISSING_MS.to_string())
        .set("socket.timeout.ms", REQUEST_TIMEOUT_MS.to_string())
        .set("socket.connection.setup.timeout.ms", CONNECTION_TIMEOUT_MS.to_string())
        .set("socket.keepalive.enable", "true")
        .set("socket.nagle.disable", "true")
        .set("reconnect.backoff.max.ms", RETRY_MS_MAX.to_string())
        .set("retry.backoff.max.ms", RETRY_MS_MAX.to_string())
        // The context wants a log line as it stands in the code that writes it.
        .set("log.thread.name", "false");
    secure(config, section, &mut client)?;
    for (name, file) in property::files(&config.properties) {
        look_at(Path::new(file), &format!("{section}.properties.{name}"))?;
    }
    Ok(client)
}

fn secure(config: &Config, section: &str, client: &mut ClientConfig) -> Result<(), String> {
    let security = config.effective_security();
    client.set("security.protocol", security.name());
    if security.is_encrypted() {
        // "probe" looks where distributions keep their certificates.
        let authorities = path_or(&config.ca_file, "probe", section, "ca_file")?;
        client.set("ssl.ca.location", authorities).set("ssl.endpoint.identification.algorithm", "https");
        if !config.cert_file.as_os_str().is_empty() {
            client.set("ssl.certificate.location", path_or(&config.cert_file, "", section, "cert_file")?);
            client.set("ssl.key.location", path_or(&config.key_file, "", section, "key_file")?);
        }
        let setting = format!("{section}.key_password");
        if let Some(password) = secret::resolve(&setting, &config.key_password, &config.key_password_file)? {
            client.set("ssl.key.password", password.as_str());
        }
    }
    if security.is_proved() {
        client.set("sasl.mechanism", config.mechanism.name());
        if !matches!(config.mechanism, Mechanism::Auto | Mechanism::OauthBearer) {
            let setting = format!("{section}.password");
            let password = secret::resolve(&setting, &config.password, &config.password_file)?
                .ok_or_else(|| format!("{setting}_file: {} needs a password", config.mechanism.name()))?;
            client.set("sasl.username", config.user.as_str()).set("sasl.password", password.as_str());
        }
    }
    Ok(())
}

/// Looks whether a file can be read to its end: librdkafka would wait for a pipe, and read on for ever. A folder of
/// authorities is as good as a file to it.
fn look_at(file: &Path, setting: &str) -> Result<(), String> {
    if file.is_dir() {
        return Ok(());
    }
    let read = files::read_secret(file, tls::FILE_BYTES_MAX);
    read.map(drop).map_err(|cause| format!("{setting} {}: {cause}", file.display()))
}

/// A file that can be read, as librdkafka wants it named.
fn path_or(file: &Path, otherwise: &str, section: &str, setting: &str) -> Result<String, String> {
    if file.as_os_str().is_empty() {
        return Ok(otherwise.to_owned());
    }
    look_at(file, &format!("{section}.{setting}"))?;
    let text = file.to_str().ok_or_else(|| format!("{section}.{setting}: the path is no UTF-8"))?;
    Ok(text.to_owned())
}

/// What librdkafka says about properties that do not go together or files it cannot use.
pub(super) fn refusal(section: &str, problem: &str) -> String {
    const SETTINGS: [(&str, &str); 4] = [
        ("ssl.ca.location", "ca_file"),
        ("ssl.certificate.location", "cert_file"),
        ("ssl.key.location", "key_file"),
        ("ssl.key.password", "key_password"),
    ];
    match SETTINGS.iter().find(|(property, _)| problem.contains(property)) {
        Some((_, setting)) => format!("{section}.{setting}: {problem}"),
        None => format!("{section}: {problem}"),
    }
}
