//! Scale-out: many sensors, one detection, with Kafka between them.
//! Sensors send frames of sightings, and tell each other what issuers publish; workers, one consumer group, put them in order, find out who is who, and judge, each
//! its share of the keys.
//! It promises the alerts of one process, by their ids, whatever number of sensors and workers there is and however often
//! a worker is lost; docs/scale-out.md says what differs, and how far.
//!
//! ```text
//! sensors → sightings (one order) → Attribution: order · twins · legs · lineage · routes · rules of the tenant
//!                                        ↓ parcels, by lane and key
//!                                   lanes (partitions) → LaneShare: the rules of all other lanes
//! ```

mod attribution;
mod board;
pub mod config;
mod dealer;
pub mod frame;
pub(crate) mod fuzzing;
mod lanes;
mod log;
mod news;
mod order;
mod parcel;
mod state;
mod twins;
mod worker;

pub use config::Config;
pub use news::{Following, follow};
pub use worker::{Worker, prepare};

use crate::identity::secret::ListedKeys;
use crate::identity::{LineageConfig, RoutesConfig};
use crate::openapi::Book;
use crate::pipeline::Options;
use heelguard_detectors::runtime::RuntimeConfig;
use std::sync::Arc;

/// What is judged by: the part of a pipeline's options that is behind the sensors.
#[derive(Clone)]
pub struct Judging {
    /// Who is who, over time.
    pub lineage: LineageConfig,
    /// How much is learned of routes.
    pub routes: RoutesConfig,
    /// Descriptions of APIs, where there are any.
    pub described: Option<Arc<Book>>,
    /// Rules, episodes, suppression.
    pub detection: RuntimeConfig,
    /// Keys that the operator lists as compromised: listed here, they are for all sensors.
    pub(crate) listed: Arc<ListedKeys>,
}

impl From<Options> for Judging {
    fn from(Options { lineage, routes, described, detection, identity, .. }: Options) -> Self {
        Self { lineage, routes, described, detection, listed: identity.listed() }
    }
}

#[cfg(test)]
mod tests;
