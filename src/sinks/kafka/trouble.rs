//! What is wrong, in one line: which setting or peer, and what to do.
//! It is given librdkafka's codes and complaints, whose texts it knows.
//! It promises no secret, no control character and no line longer than a screen's.

use super::config::{Config, Security};
use super::context::Complaint;
use super::probe::certificate_fault;
use rdkafka::types::RDKafkaErrorCode as Code;

/// A complaint that is not understood is shown up to here.
const TEXT_CHARS_MAX: usize = 300;

/// Where a line is about.
pub(super) struct Place<'a> {
    /// `sinks.NAME`.
    pub(super) section: &'a str,
    pub(super) config: &'a Config,
}

/// Why a record will never be taken.
pub(super) fn refusal(topic: &str, bytes: usize, code: Code) -> String {
    match code {
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            format!("{bytes} bytes are more than kafka topic {topic} takes (max.message.bytes)")
        }
        other => format!("kafka topic {topic} refuses the record: {}", described(other)),
    }
}

impl Place<'_> {
    /// The line for an answer about `topic`, with what librdkafka complained about meanwhile.
    pub(super) fn line(&self, topic: &str, code: Code, complaints: &[Complaint]) -> String {
        if let Some(line) = self.about_topic(topic, code) {
            return line;
        }
        // The last one speaks of the newest state; that all are down says nothing about why.
        let telling = complaints.iter().rev().find(|complaint| complaint.code != Code::AllBrokersDown);
        match telling {
            Some(complaint) => self.about_peer(complaint),
            None => self.without_complaint(topic, code),
        }
    }

    fn about_topic(&self, topic: &str, code: Code) -> Option<String> {
        let Self { section, .. } = self;
        let line = match code {
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                format!(
                    "kafka topic {topic} does not exist: create it, or set {section}.manage_topics = true"
                )
            }
            Code::TopicAuthorizationFailed => {
                format!(
                    "kafka denies writing to topic {topic}: allow Write and Describe on it to {}",
                    self.who()
                )
            }
            Code::ClusterAuthorizationFailed => {
                format!(
                    "kafka denies idempotent writing: allow IdempotentWrite on the cluster to {}",
                    self.who()
                )
            }
            Code::InvalidTopic => {
                format!("kafka takes no topic of the name {topic}: correct it in {section}")
            }
            Code::QueueFull => format!(
                "a record has no room in librdkafka's queue: raise queue.buffering.max.kbytes in {section}.properties"
            ),
            Code::InvalidRequiredAcks => format!("kafka refuses acks as set in {section}.properties"),
            Code::UnsupportedCompressionType => {
                format!(
                    "kafka does not take {}: change {section}.compression",
                    self.config.compression.name()
                )
            }
            Code::InvalidTimestamp => format!(
                "kafka {}: the broker refuses the time of our records: look at this machine's clock, or at \
                 message.timestamp.after.max.ms of topic {topic}",
                clean(&self.config.brokers)
            ),
            Code::PolicyViolation => format!("kafka topic {topic}: a policy of the cluster forbids it"),
            _ => return None,
        };
        Some(line)
    }

    fn without_complaint(&self, topic: &str, code: Code) -> String {
        let brokers = clean(&self.config.brokers);
        match code {
            Code::MessageTimedOut | Code::OperationTimedOut | Code::TimedOutQueue | Code::RequestTimedOut => {
                format!(
                    "kafka {brokers} does not acknowledge topic {topic} in time: look at the brokers, and whether \
                     enough replicas are in sync"
                )
            }
            Code::BrokerTransportFailure | Code::AllBrokersDown => {
                format!("kafka {brokers} cannot be reached: look at the brokers and {}.brokers", self.section)
            }
            other => format!("kafka topic {topic}: {}", described(other)),
        }
    }

    fn about_peer(&self, complaint: &Complaint) -> String {
        let Self { section, .. } = self;
        let Parts { peer, text, state } = parts(&complaint.text);
        let who = format!("kafka {}", clean(peer.unwrap_or(&self.config.brokers)));
        let has = |part: &str| text.contains(part);
        if complaint.code == Code::Resolve || has("Failed to resolve") {
            return format!("{who}: the host is unknown; correct {section}.brokers or the name service");
        }
        if has("Connection refused") {
            return format!("{who} refuses the connection; start the broker, or correct {section}.brokers");
        }
        if has("timed out") && complaint.code == Code::BrokerTransportFailure {
            return format!("{who} does not answer; look at the broker, the network and {section}.brokers");
        }
        if has("certificate verify failed")
            && let Some(fault) = peer.and_then(|peer| certificate_fault(self.config, section, peer))
        {
            return format!("{who}: {fault}");
        }
        self.about_tls(&who, text, state)
            .or_else(|| self.about_proof(&who, text, state, complaint.code))
            .unwrap_or_else(|| format!("{who}: {}", clean(text)))
    }

    fn about_tls(&self, who: &str, text: &str, state: &str) -> Option<String> {
        let Self { section, .. } = self;
        let has = |part: &str| text.contains(part);
        let is_refused = has("alert") && has("certificate") || has("alert unknown ca");
        let line = if has("certificate verify failed") {
            format!("{who}: its certificate is not to be trusted; look at it, and at {section}.ca_file")
        } else if is_refused && self.config.cert_file.as_os_str().is_empty() {
            format!("{who} wants a certificate of ours; set {section}.cert_file and {section}.key_file")
        } else if state.starts_with("SSL_HANDSHAKE") && hangs_up(text) || has("wrong version number") {
            format!("{who} does not speak TLS; correct the port, or {section}.security")
        } else if state.starts_with("APIVERSION_QUERY") && hangs_up(text) && !self.is_encrypted() {
            format!("{who} hangs up as TLS listeners do; set {section}.security = \"{}\"", self.encrypted())
        } else if is_refused {
            format!("{who} refuses our certificate: {}; look at {section}.cert_file", clean(text))
        } else {
            return None;
        };
        Some(line)
    }

    fn about_proof(&self, who: &str, text: &str, state: &str, code: Code) -> Option<String> {
        let Self { section, .. } = self;
        let has = |part: &str| text.contains(part);
        let line = if has("mechanism handshake failed") {
            let offered = text.rsplit_once("supported mechanisms: ").map_or("others", |(_, offered)| offered);
            format!(
                "{who} does not take {}; set {section}.mechanism to one of {}",
                self.config.mechanism.name(),
                clean(offered)
            )
        } else if state.starts_with("UP") && hangs_up(text) && !self.config.effective_security().is_proved() {
            format!("{who} hangs up; it may want a user: look at {section}.mechanism and {section}.user")
        } else if has("OAUTHBEARER") {
            format!("{who}: {}", clean(text))
        } else if code == Code::Authentication {
            format!(
                "{who} rejects the user or its password; correct {section}.user, {section}.password_file or {section}.mechanism"
            )
        } else {
            return None;
        };
        Some(line)
    }

    fn is_encrypted(&self) -> bool {
        self.config.effective_security().is_encrypted()
    }

    fn encrypted(&self) -> &'static str {
        if self.config.effective_security().is_proved() {
            Security::SaslSsl.name()
        } else {
            Security::Ssl.name()
        }
    }

    fn who(&self) -> String {
        if self.config.user.is_empty() { "our principal".to_owned() } else { clean(&self.config.user) }
    }
}

/// `ssl://host:9093/bootstrap: text (after 3ms in state CONNECT)`, taken apart.
struct Parts<'a> {
    peer: Option<&'a str>,
    text: &'a str,
    state: &'a str,
}

fn parts(complaint: &str) -> Parts<'_> {
    let (text, rest) = complaint.rsplit_once(" (after ").unwrap_or((complaint, ""));
    let state = rest.split_once("in state ").map_or("", |(_, state)| state);
    match text.split_once(": ") {
        Some((name, text)) if name.contains('/') => {
            let bare = name.split_once("://").map_or(name, |(_, bare)| bare);
            Parts { peer: bare.rsplit_once('/').map(|(peer, _)| peer), text, state }
        }
        _ => Parts { peer: None, text, state },
    }
}

/// Whether the other side ended the connection, in the words of librdkafka or OpenSSL.
fn hangs_up(text: &str) -> bool {
    ["Disconnected", "closed by peer", "unexpected eof", "Broken pipe", "Connection reset"]
        .iter()
        .any(|part| text.contains(part))
}

/// librdkafka's words for a code, without its prefix.
fn described(code: Code) -> String {
    code.to_string()
}

/// What another program said, as one line of bounded length.
fn clean(text: &str) -> String {
    let shown = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().take(TEXT_CHARS_MAX).map(shown).collect()
}
