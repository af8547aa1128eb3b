//! `[scale]`: whether a sensor judges what it sees, and how those who judge for several share the work.
//! It is given the section of the configuration, and the sinks, one of which names the Kafka to use.
//! It promises to name the key and what is allowed.

use super::board::Half;
use super::log::state_topic;
use crate::sinks::config::Sinks;
use crate::sinks::kafka::{self, is_topic};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::ops::RangeInclusive;

const PARTITIONS: RangeInclusive<u16> = 1..=1_000;
const LATENESS_MS: RangeInclusive<u32> = 0..=600_000;
const IDLE_S: RangeInclusive<u32> = 1..=86_400;
const SNAPSHOT_S: RangeInclusive<u32> = 1..=3_600;
const HELD: RangeInclusive<usize> = 1_000..=100_000_000;
/// Longest name of a sensor, a pair or a group.
const NAME_BYTES_MAX: usize = 128;

/// The two topics of state are called by these.
const STATE_HALVES: [Half; 2] = [Half::Sightings, Half::Lanes];

/// `[scale]`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether `run` and `replay` send what they see to workers instead of judging it themselves.
    pub forward: bool,
    /// The Kafka section of `[sinks]` whose brokers, TLS and SASL are used.
    pub sink: String,
    /// Topic from sensors to workers.
    pub sightings_topic: String,
    /// Topic between workers.
    pub lanes_topic: String,
    /// Topic in which sensors tell each other what issuers publish about their keys; empty: each knows what it sees.
    pub keys_topic: String,
    /// Two topics of the workers' state have this name and an ending.
    pub state_topic: String,
    /// The group of the workers that share the work.
    pub group: String,
    /// Partitions of the topic between workers, when it is made: no more workers have work to do.
    pub partitions: u16,
    /// Sensors that are waited for before anything is judged; none: whoever comes.
    pub sensors: Vec<String>,
    /// The pair of sensors that this one belongs to, which see the same traffic. Empty: none.
    pub pair: String,
    /// How much later than the others a sensor may tell what it saw, in milliseconds.
    pub lateness_ms: u32,
    /// A sensor that is not heard of for so many seconds is no longer waited for.
    pub idle_s: u32,
    /// Seconds between two snapshots of a worker's state.
    pub snapshot_s: u32,
    /// Transactions a second of one tenant that are judged; 0: all.
    pub tenant_rate_max: u32,
    /// Transactions that a worker holds back to put them in order.
    pub held_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            forward: false,
            sink: "kafka".to_owned(),
            sightings_topic: "heelguard.sightings.v1".to_owned(),
            lanes_topic: "heelguard.lanes.v1".to_owned(),
            keys_topic: "heelguard.keys.v1".to_owned(),
            state_topic: "heelguard.state.v1".to_owned(),
            group: "heelguard-detect".to_owned(),
            partitions: 12,
            sensors: Vec::new(),
            pair: String::new(),
            lateness_ms: 2_000,
            idle_s: 30,
            snapshot_s: 30,
            tenant_rate_max: 0,
            held_max: 200_000,
        }
    }
}

impl Config {
    /// Refuses what cannot be meant.
    pub fn check(&self, sinks: &Sinks) -> Result<(), String> {
        self.check_topics()?;
        name("scale.group", &self.group)?;
        self.sensors.iter().try_for_each(|sensor| name("scale.sensors", sensor))?;
        if !self.pair.is_empty() {
            name("scale.pair", &self.pair)?;
        }
        within("partitions", &self.partitions, &PARTITIONS)?;
        within("lateness_ms", &self.lateness_ms, &LATENESS_MS)?;
        within("idle_s", &self.idle_s, &IDLE_S)?;
        within("snapshot_s", &self.snapshot_s, &SNAPSHOT_S)?;
        within("held_max", &self.held_max, &HELD)?;
        if self.forward {
            self.kafka(sinks)?;
        }
        Ok(())
    }

    /// The section whose brokers are used.
    pub fn kafka<'a>(&self, sinks: &'a Sinks) -> Result<&'a kafka::Config, String> {
        let sink = &self.sink;
        sinks.kafka(sink).ok_or_else(|| {
            let asks = if self.forward { "scale.forward" } else { "scale.sink" };
            format!(
                "{asks}: what sensors see goes through Kafka, and there is no Kafka section sinks.{sink} with brokers; set \
                 sinks.kafka.brokers, or name in scale.sink a section with type = \"kafka\" and brokers"
            )
        })
    }

    fn check_topics(&self) -> Result<(), String> {
        let [sightings, lanes] = STATE_HALVES.map(|half| state_topic(&self.state_topic, half));
        let mut topics = vec![("sightings_topic", &self.sightings_topic), ("lanes_topic", &self.lanes_topic)];
        if !self.keys_topic.is_empty() {
            topics.push(("keys_topic", &self.keys_topic));
        }
        topics.extend([("state_topic", &sightings), ("state_topic", &lanes)]);
        if self.state_topic.is_empty() {
            return Err("scale.state_topic: a name is wanted".to_owned());
        }
        for (place, (key, topic)) in topics.iter().enumerate() {
            if !is_topic(topic) {
                return Err(format!(
                    "scale.{key}: `{topic}` is no name of a topic; allowed are up to 249 of a-z, A-Z, 0-9, `.`, `_` and `-`"
                ));
            }
            if topics.iter().take(place).any(|(_, other)| other == topic) {
                return Err(format!(
                    "scale.{key}: another topic of [scale] is called {topic} too; wanted is one of its own"
                ));
            }
        }
        Ok(())
    }
}

fn name(key: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.contains(char::is_control) {
        return Err(format!(
            "{key}: wanted a name of 1 to {NAME_BYTES_MAX} bytes without control characters"
        ));
    }
    Ok(())
}

fn within<T: PartialOrd + Display>(key: &str, value: &T, allowed: &RangeInclusive<T>) -> Result<(), String> {
    if allowed.contains(value) {
        return Ok(());
    }
    Err(format!("scale.{key} = {value}: allowed is {} to {}", allowed.start(), allowed.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sinks(text: &str) -> Sinks {
        toml::from_str(text).unwrap()
    }

    fn complaint(text: &str, far: &str) -> String {
        let config: Config = toml::from_str(text).unwrap();
        config.check(&sinks(far)).unwrap_err()
    }

    #[test]
    fn without_a_word_nothing_is_forwarded_and_nothing_is_wrong() {
        let config: Config = toml::from_str("").unwrap();
        assert_eq!(config, Config::default());
        assert!(!config.forward);
        assert_eq!(config.check(&Sinks::default()), Ok(()));
    }

    #[test]
    fn who_forwards_names_brokers() {
        let line = "scale.forward: what sensors see goes through Kafka, and there is no Kafka section sinks.kafka with \
                    brokers; set sinks.kafka.brokers, or name in scale.sink a section with type = \"kafka\" and \
                    brokers";
        assert_eq!(complaint("forward = true", ""), line);
        let pager = "[pager]\ntype = 'webhook'\nurl = 'https://x'";
        let other = complaint("forward = true\nsink = 'pager'", pager);
        assert!(other.contains("no Kafka section sinks.pager with brokers"), "{other}");
        let config: Config = toml::from_str("forward = true\nsink = 'bus'").unwrap();
        let bus = sinks("[bus]\ntype = 'kafka'\nbrokers = 'kafka:9092'");
        assert_eq!(config.check(&bus), Ok(()));
        assert_eq!(config.kafka(&bus).unwrap().brokers, "kafka:9092");
    }

    #[test]
    fn what_cannot_work_is_named_with_what_can() {
        let cases = [
            ("sightings_topic = 'a b'", "scale.sightings_topic: `a b` is no name of a topic; allowed are"),
            ("lanes_topic = ''", "scale.lanes_topic: `` is no name of a topic"),
            ("keys_topic = 'heelguard.lanes.v1'", "scale.keys_topic: another topic of [scale]"),
            ("state_topic = ''", "scale.state_topic: a name is wanted"),
            ("lanes_topic = 'heelguard.sightings.v1'", "scale.lanes_topic: another topic of [scale]"),
            ("lanes_topic = 'heelguard.state.v1-lanes'", "scale.state_topic: another topic of [scale]"),
            ("group = ''", "scale.group: wanted a name of 1 to 128 bytes"),
            ("sensors = ['a', '']", "scale.sensors: wanted a name of 1 to 128 bytes"),
            ("pair = \"a\\nb\"", "scale.pair: wanted a name of 1 to 128 bytes"),
            ("partitions = 0", "scale.partitions = 0: allowed is 1 to 1000"),
            ("lateness_ms = 600001", "scale.lateness_ms = 600001: allowed is 0 to 600000"),
            ("idle_s = 0", "scale.idle_s = 0: allowed is 1 to 86400"),
            ("snapshot_s = 0", "scale.snapshot_s = 0: allowed is 1 to 3600"),
            ("held_max = 999", "scale.held_max = 999: allowed is 1000 to 100000000"),
        ];
        for (text, wanted) in cases {
            let said = complaint(text, "");
            assert!(said.starts_with(wanted), "{text}: {said}");
        }
        assert!(toml::from_str::<Config>("forwards = true").is_err());
    }
}
