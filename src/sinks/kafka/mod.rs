//! Kafka: records of the spool's lanes, a topic a kind, each answered for by the broker before it counts.
//! It is given batches and hands them to librdkafka, one idempotent producer a lane.
//! It promises that a batch counts when every record of it is acknowledged by all replicas, or refused for good;
//! that a record no broker takes never stops the others; and one line about what is wrong.

mod client;
mod cluster;
mod config;
mod context;
mod destination;
mod flight;
mod message;
mod probe;
mod producer;
mod property;
mod shorten;
mod token;
mod topics;
mod trouble;

#[cfg(test)]
mod tests;

pub use cluster::{Cluster, MESSAGE_BYTES_MAX};
pub use config::{Compression, Config, Mechanism, Security, is_topic};
pub use property::Property;

use super::destination::Destination;
use super::record::Labels;
use super::spool::Lane;

/// Makes the destination of a lane. Reads secrets and certificates, touches no network.
pub fn open(
    config: &Config,
    name: &str,
    labels: &Labels,
    lane: Lane,
) -> Result<Box<dyn Destination>, String> {
    config.check(name)?;
    Ok(Box::new(destination::Kafka::new(config, name, labels, lane)?))
}
