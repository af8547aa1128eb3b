//! What a sensor that forwards hears of others: the keys that issuers publish.
//! It is given the configuration, and the way in which an operator is told.
//! It promises that a sensor starts where Kafka is away, and says what it does not know then.

use super::detect::cluster;
use super::{Failure, warn};
use crate::config::Raw;
use crate::pipeline::News;
use crate::scale::{self, Following};
use crate::sinks::delivery::Tell;
use std::time::Duration;

/// A replay waits no longer for what was told before.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(10);

/// The ways to and from the other sensors, open as long as this lives.
pub(super) struct Told {
    pub(super) news: News,
    following: Following,
    topic: String,
}

/// Begins to tell and to listen, where this sensor forwards and a topic for it is named.
pub(super) fn follow(raw: &Raw, tell: Tell) -> Result<Option<Told>, Failure> {
    let topic = raw.scale.keys_topic.clone();
    if !raw.scale.forward || topic.is_empty() {
        return Ok(None);
    }
    let (tenant, sensor) = (&raw.sensor.tenant, &raw.sensor.name);
    let (news, following) = scale::follow(&cluster(raw)?, &raw.scale, tenant, sensor, tell)
        .map_err(|error| Failure::running(format!("scale.keys_topic: {error:#}")))?;
    Ok(Some(Told { news, following, topic }))
}

impl Told {
    /// Waits until everything that was told before is known, or says that it is not.
    pub(super) fn catch_up(&self) {
        if !self.following.catch_up(CATCH_UP_WITHIN) {
            let (topic, within) = (&self.topic, CATCH_UP_WITHIN.as_secs());
            warn(&format!(
                "kafka topic {topic}: what other sensors saw of issuers' keys was not there within {within} s; signatures \
                 are checked by what is seen here, and by what comes yet"
            ));
        }
    }
}
