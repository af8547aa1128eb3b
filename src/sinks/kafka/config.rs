//! What an operator says about Kafka: brokers, topics, rights, and properties for librdkafka.
//! It is given the section of the configuration and answers what is on, and what in it cannot be meant.
//! It promises to read no file and no network, and to name the setting and what is allowed.

use super::super::form::Form;
use super::super::spool::{Kind, Lane};
use super::super::tls::TlsFiles;
use super::property::{self, Property};
use super::token;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Kafka's own limit for the name of a topic.
const TOPIC_BYTES_MAX: usize = 249;

/// `[sinks.kafka]`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to ask first: `host:port`, several separated by commas. Empty: off.
    pub brokers: String,
    /// Topic of alerts, keyed by the episode. Empty: alerts are not sent.
    pub alerts_topic: String,
    /// Topic of transactions. Empty: they are not sent.
    pub transactions_topic: String,
    /// Topic of connections under TLS that were not read. Empty, or without one for transactions: they are not sent.
    pub tls_topic: String,
    /// Topic of endpoints, credentials, principals and services, compacted by key. Empty: they are not sent.
    pub inventory_topic: String,
    /// Topic of the sensor's counters. Empty: they are not sent.
    pub health_topic: String,
    /// What alerts and transactions look like: `native`, `ocsf`, `ecs`, `eve`.
    pub form: Form,
    /// How batches are packed: `none`, `gzip`, `snappy`, `lz4`, `zstd`.
    pub compression: Compression,
    /// `plaintext`, `ssl`, `sasl_plaintext`, `sasl_ssl`; `auto` is what the other settings need, with TLS around every
    /// password and token.
    pub security: Security,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER`; `auto`: the last, where there is a token.
    pub mechanism: Mechanism,
    /// The name for PLAIN and SCRAM. Empty: none.
    pub user: String,
    /// Its password, or `${NAME}` of an environment variable.
    pub password: String,
    /// The file that holds it instead.
    pub password_file: PathBuf,
    /// Certificates that brokers are checked against, PEM. Empty: those of the system.
    pub ca_file: PathBuf,
    /// Our certificate, PEM. Empty: none.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// The password of the key file. Empty: none.
    pub key_password: String,
    /// The file that holds it instead.
    pub key_password_file: PathBuf,
    /// OAUTHBEARER: a file with a JWT that somebody else renews. Empty: none.
    pub token_file: PathBuf,
    /// OAUTHBEARER: where client credentials are changed for a token. Empty: nowhere.
    pub token_url: String,
    /// Certificates that `token_url` is checked against, PEM. Empty: those of the system.
    pub token_ca_file: PathBuf,
    /// OAUTHBEARER: our name there.
    pub client_id: String,
    /// OAUTHBEARER: our secret there.
    pub client_secret: String,
    /// The file that holds it instead.
    pub client_secret_file: PathBuf,
    /// OAUTHBEARER: the scope to ask for. Empty: none.
    pub scope: String,
    /// Whether topics that are missing are made.
    pub manage_topics: bool,
    /// Partitions of a topic that is made; 0 is the broker's default.
    pub partitions: u16,
    /// Copies of a topic that is made; 0 is the broker's default.
    pub replication_factor: u16,
    /// Any property of librdkafka, passed on after all others.
    pub properties: BTreeMap<String, Property>,
    /// Whether alerts may be sent so that a broker can lose them.
    pub i_accept_loss: bool,
    /// Topic of sightings for workers; `[scale]` names it. Empty: they are not sent.
    #[serde(skip)]
    pub sightings_topic: String,
}

/// How batches are packed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// As small as zstd was before zstd.
    Gzip,
    /// Quick, and large.
    Snappy,
    /// Quick.
    Lz4,
    /// Small, and quick enough.
    #[default]
    Zstd,
}

impl Compression {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Whether the connection is encrypted and who we are is proved.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// As the other settings need it; a password or token is never sent in the clear unless that is said.
    #[default]
    Auto,
    /// Neither.
    Plaintext,
    /// Encrypted.
    Ssl,
    /// Proved.
    SaslPlaintext,
    /// Both.
    SaslSsl,
}

impl Security {
    /// librdkafka's name, once it is known which.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Auto | Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    pub(super) const fn is_encrypted(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    pub(super) const fn is_proved(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// How who we are is proved.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub enum Mechanism {
    /// OAUTHBEARER where a token is configured; with a user it must be said.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// The password itself.
    #[serde(rename = "PLAIN")]
    Plain,
    /// Proof of the password, SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    Scram256,
    /// Proof of the password, SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    Scram512,
    /// A token.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
}

impl Mechanism {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Auto | Self::OauthBearer => "OAUTHBEARER",
            Self::Plain => "PLAIN",
            Self::Scram256 => "SCRAM-SHA-256",
            Self::Scram512 => "SCRAM-SHA-512",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            alerts_topic: "heelguard.alerts.v1".to_owned(),
            transactions_topic: "heelguard.transactions.v1".to_owned(),
            tls_topic: "heelguard.tls.v1".to_owned(),
            inventory_topic: "heelguard.inventory.v1".to_owned(),
            health_topic: "heelguard.health.v1".to_owned(),
            form: Form::default(),
            compression: Compression::default(),
            security: Security::default(),
            mechanism: Mechanism::default(),
            user: String::new(),
            password: String::new(),
            password_file: PathBuf::new(),
            ca_file: PathBuf::new(),
            cert_file: PathBuf::new(),
            key_file: PathBuf::new(),
            key_password: String::new(),
            key_password_file: PathBuf::new(),
            token_file: PathBuf::new(),
            token_url: String::new(),
            token_ca_file: PathBuf::new(),
            client_id: String::new(),
            client_secret: String::new(),
            client_secret_file: PathBuf::new(),
            scope: String::new(),
            manage_topics: false,
            partitions: 0,
            replication_factor: 0,
            properties: BTreeMap::new(),
            i_accept_loss: false,
            sightings_topic: String::new(),
        }
    }
}

impl Config {
    /// Whether anything is sent.
    pub fn is_on(&self) -> bool {
        !self.brokers.is_empty()
    }

    /// Refuses what cannot be meant. `name` is the section's.
    pub fn check(&self, name: &str) -> Result<(), String> {
        if !self.is_on() {
            return Ok(());
        }
        let section = format!("sinks.{name}");
        self.check_brokers(&section)?;
        self.check_topics(&section)?;
        self.check_proof(&section)?;
        self.check_idle(&section)?;
        property::check(&self.properties, &section, !self.alerts_topic.is_empty() && !self.i_accept_loss)
    }

    /// The lanes that something is sent from.
    pub fn lanes(&self) -> Vec<Lane> {
        let has_topic = |lane: Lane| Kind::ALL.iter().any(|kind| kind.lane() == lane && self.sends(*kind));
        Lane::ALL.iter().copied().filter(|lane| self.is_on() && has_topic(*lane)).collect()
    }

    /// The topic of a kind; empty when it is not sent.
    pub(super) fn topic(&self, kind: Kind) -> &str {
        match kind {
            Kind::Alert => &self.alerts_topic,
            Kind::Transaction => &self.transactions_topic,
            Kind::Connection => &self.tls_topic,
            Kind::Inventory => &self.inventory_topic,
            Kind::Health => &self.health_topic,
            Kind::Sightings => &self.sightings_topic,
        }
    }

    pub(super) fn sends(&self, kind: Kind) -> bool {
        // Connections wait among transactions; nobody keeps those in the spool for the sake of these.
        let waits_alone = kind == Kind::Connection && self.transactions_topic.is_empty();
        !self.topic(kind).is_empty() && !waits_alone
    }

    /// What `security` means.
    pub(super) fn effective_security(&self) -> Security {
        let has_file = !self.ca_file.as_os_str().is_empty() || !self.cert_file.as_os_str().is_empty();
        match self.security {
            Security::Auto if self.has_proof() => Security::SaslSsl,
            Security::Auto if has_file => Security::Ssl,
            Security::Auto => Security::Plaintext,
            said => said,
        }
    }

    fn has_token(&self) -> bool {
        !self.token_file.as_os_str().is_empty() || !self.token_url.is_empty()
    }

    fn has_proof(&self) -> bool {
        !self.user.is_empty() || self.has_token() || self.mechanism != Mechanism::Auto
    }

    fn check_brokers(&self, section: &str) -> Result<(), String> {
        match self.brokers.split(',').map(str::trim).find(|broker| !is_broker(broker)) {
            Some(odd) => Err(format!(
                "{section}.brokers: `{odd}` is no broker; allowed is host:port, several separated by commas"
            )),
            None => Ok(()),
        }
    }

    fn check_topics(&self, section: &str) -> Result<(), String> {
        let settings = [
            ("alerts_topic", &self.alerts_topic),
            ("transactions_topic", &self.transactions_topic),
            ("tls_topic", &self.tls_topic),
            ("inventory_topic", &self.inventory_topic),
            ("health_topic", &self.health_topic),
        ];
        if !Kind::ALL.iter().any(|kind| self.sends(*kind)) {
            return Err(format!(
                "{section}: every topic is empty, so nothing would be sent; name one, or empty brokers"
            ));
        }
        match settings.iter().find(|(_, topic)| !topic.is_empty() && !is_topic(topic)) {
            Some((setting, topic)) => Err(format!(
                "{section}.{setting}: `{topic}` is no name of a topic; allowed are up to {TOPIC_BYTES_MAX} of a-z, A-Z, 0-9, `.`, `_` and `-`"
            )),
            None => Ok(()),
        }
    }

    fn check_proof(&self, section: &str) -> Result<(), String> {
        let (ca_file, cert_file, key_file) = (&self.ca_file, &self.cert_file, &self.key_file);
        TlsFiles { section, ca_file, cert_file, key_file }.check()?;
        let security = self.effective_security();
        if (is_named(&self.ca_file) || is_named(&self.cert_file)) && !security.is_encrypted() {
            return Err(format!(
                "{section}.security: `{}` uses no certificates, but some are configured; allowed with them are ssl and sasl_ssl",
                security.name()
            ));
        }
        if !security.is_proved() {
            return if self.has_proof() {
                Err(format!(
                    "{section}.security: `{}` proves no user, but one is configured; allowed with one are sasl_ssl and sasl_plaintext",
                    security.name()
                ))
            } else {
                Ok(())
            };
        }
        match self.mechanism {
            Mechanism::Auto | Mechanism::OauthBearer => self.check_token(section),
            Mechanism::Plain | Mechanism::Scram256 | Mechanism::Scram512 => self.check_password(section),
        }
    }

    /// Refuses what would do nothing: whoever gives a password wants to be asked for it.
    fn check_idle(&self, section: &str) -> Result<(), String> {
        let has_user = !self.user.is_empty();
        let has_key = is_named(&self.key_file);
        let has_url = !self.token_url.is_empty();
        let settings = [
            ("password", !self.password.is_empty(), "user", has_user),
            ("password_file", is_named(&self.password_file), "user", has_user),
            ("key_password", !self.key_password.is_empty(), "key_file", has_key),
            ("key_password_file", is_named(&self.key_password_file), "key_file", has_key),
            ("token_ca_file", is_named(&self.token_ca_file), "token_url", has_url),
            ("client_id", !self.client_id.is_empty(), "token_url", has_url),
            ("client_secret", !self.client_secret.is_empty(), "token_url", has_url),
            ("client_secret_file", is_named(&self.client_secret_file), "token_url", has_url),
            ("scope", !self.scope.is_empty(), "token_url", has_url),
            ("partitions", self.partitions > 0, "manage_topics", self.manage_topics),
            ("replication_factor", self.replication_factor > 0, "manage_topics", self.manage_topics),
        ];
        match settings.iter().find(|(_, is_set, _, is_used)| *is_set && !*is_used) {
            Some((setting, _, needed, _)) => Err(format!(
                "{section}.{setting} does nothing without {section}.{needed}; set that too, or remove it"
            )),
            None => Ok(()),
        }
    }

    fn check_password(&self, section: &str) -> Result<(), String> {
        if self.user.is_empty() {
            return Err(format!("{section}.user: {} needs one", self.mechanism.name()));
        }
        if self.password.is_empty() && self.password_file.as_os_str().is_empty() {
            return Err(format!("{section}.password_file: {} needs a password", self.mechanism.name()));
        }
        Ok(())
    }

    fn check_token(&self, section: &str) -> Result<(), String> {
        if self.mechanism == Mechanism::Auto && !self.has_token() {
            return Err(format!(
                "{section}.mechanism: say which; allowed are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER"
            ));
        }
        match (self.token_file.as_os_str().is_empty(), self.token_url.is_empty()) {
            (true, true) => {
                return Err(format!("{section}.token_file: OAUTHBEARER needs a token_file or a token_url"));
            }
            (false, false) => {
                return Err(format!("{section}.token_file and {section}.token_url are both set; keep one"));
            }
            _ => {}
        }
        if !self.token_url.is_empty() {
            token::check_url(section, &self.token_url)?;
            if self.client_id.is_empty() {
                return Err(format!("{section}.client_id: {section}.token_url needs one"));
            }
        }
        if self.manage_topics {
            return Err(format!(
                "{section}.manage_topics: not possible with OAUTHBEARER; make the topics by hand"
            ));
        }
        Ok(())
    }
}

fn is_named(file: &Path) -> bool {
    !file.as_os_str().is_empty()
}

/// `host:port`, `[v6]:port` or `host`.
fn is_broker(text: &str) -> bool {
    let odd =
        |character: char| character.is_whitespace() || character.is_control() || "/@?#".contains(character);
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, "9092"),
    };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = bare.map_or(!host.contains([':', '[', ']']), |bare| bare.contains(':'));
    !host.is_empty() && is_host && !host.contains(odd) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether Kafka takes this name of a topic.
pub fn is_topic(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=TOPIC_BYTES_MAX).contains(&text.len()) && text != "." && text != ".." && text.bytes().all(is_allowed)
}
