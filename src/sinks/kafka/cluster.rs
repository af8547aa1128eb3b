//! A Kafka cluster for those who do more than deliver records: what to connect with, and its topics.
//! It is given a section of `[sinks]`, so that brokers, TLS, SASL and tokens are said once.
//! It promises that what is written by it is acknowledged by all replicas, and one line about what is wrong.

use super::client::{self, Packing};
use super::config::Config;
use super::producer::Producer;
use super::token::TokenSource;
use super::topics::{self, Topic};
use super::trouble::Place;
use rdkafka::ClientConfig;
use rdkafka::client::OAuthToken;
use std::sync::Arc;

/// Bytes of one message; brokers take as many where nobody told them otherwise.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Messages that wait in a producer at most.
const RECORDS_MAX: usize = 100_000;

/// A cluster, and who we are there. Clones are the same.
#[derive(Clone)]
pub struct Cluster {
    config: Arc<Config>,
    /// `sinks.NAME`, for messages.
    section: Arc<str>,
    tokens: Arc<TokenSource>,
}

impl Cluster {
    /// `section` is where `config` is written, as `sinks.kafka`. Reads secrets; touches no network.
    pub fn new(config: &Config, section: &str) -> Result<Self, String> {
        let tokens = Arc::new(TokenSource::new(config, section)?);
        let cluster = Self { config: Arc::new(config.clone()), section: section.into(), tokens };
        // Certificates and passwords that cannot be read are better told now.
        cluster.producer_properties()?;
        Ok(cluster)
    }

    /// A token that holds now, for `ClientContext::generate_oauth_token`: asked for where OAUTHBEARER is configured.
    pub fn token(&self) -> Result<OAuthToken, String> {
        self.tokens.token()
    }

    /// The properties of a member of a group. Nothing is committed unless somebody does.
    pub fn consumer_properties(&self, group: &str) -> Result<ClientConfig, String> {
        client::reading(&self.config, &self.section, group)
    }

    /// The properties of a producer that loses and repeats nothing as long as it lives.
    pub fn producer_properties(&self) -> Result<ClientConfig, String> {
        let mut client = client::properties(&self.config, &self.section, RECORDS_MAX, Packing::Together)?;
        // Whoever accepts to lose records does not mean what others go on from.
        client
            .remove("request.required.acks")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string());
        Ok(client)
    }

    /// Looks whether topics are there: name, partitions, whether the newest record of a key is kept for ever. Makes those
    /// that are missing where `manage_topics` says so.
    pub fn make_topics(&self, wanted: &[(&str, u16, bool)]) -> Result<(), String> {
        let topics = wanted.iter().map(|&(name, partitions, is_compacted)| Topic {
            name,
            partitions,
            is_compacted,
            is_roomy: true,
        });
        self.look(topics, self.config.manage_topics).map(drop)
    }

    /// How many partitions a topic has.
    pub fn partitions(&self, topic: &str) -> Result<usize, String> {
        let topic = Topic { name: topic, partitions: 0, is_compacted: false, is_roomy: false };
        let found = self.look(std::iter::once(topic), false)?;
        Ok(found.into_iter().next().unwrap_or(0))
    }

    fn look<'a>(&self, topics: impl Iterator<Item = Topic<'a>>, manage: bool) -> Result<Vec<usize>, String> {
        let properties = self.producer_properties()?;
        let tokens = TokenSource::new(&self.config, &self.section)?;
        let producer =
            Producer::new(&properties, tokens).map_err(|problem| client::refusal(&self.section, &problem))?;
        let place = Place { section: &self.section, config: &self.config };
        topics::look(&producer, &properties, topics, &place, manage).map_err(|trouble| trouble.message)
    }
}
