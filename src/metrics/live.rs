//! What only a sensor on a live interface has to tell beside its counters: interfaces, queues, latencies.
//! It is given as rows by whoever runs the capture, once for each look at the counters.
//! It promises nothing of traffic: every name in here is a word of the program or of the configuration.

use serde::Serialize;

/// Everything that is told of a live sensor, for one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveRows {
    /// Each interface of the configuration.
    pub interfaces: Vec<InterfaceRow>,
    /// Each bounded queue between threads.
    pub queues: Vec<QueueRow>,
    /// Each stage that was measured.
    pub latencies: Vec<LatencyRow>,
    /// Everything that can be wrong with the mirror, and whether it is.
    pub troubles: Vec<(&'static str, bool)>,
}

/// One interface. What is counted is counted since the start, reopening included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InterfaceRow {
    /// Its name in the configuration.
    pub name: String,
    /// Whether packets can come.
    pub up: bool,
    /// Packets that came to the kernel, dropped ones too.
    pub received: u64,
    /// Packets that found no room in a ring.
    pub dropped: u64,
    /// Times the kernel waited for the sensor to free a block.
    pub freezes: u64,
}

/// One bounded queue, or all shards' queues of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueRow {
    /// What waits in it: `reports`, `merge` …
    pub name: &'static str,
    /// How much waits now.
    pub filled: u64,
    /// How much may.
    pub room: u64,
}

impl QueueRow {
    /// A queue and how much waits in it.
    pub fn of(name: &'static str, filled: usize, room: usize) -> Self {
        Self { name, filled: filled as u64, room: room as u64 }
    }
}

/// How long one stage took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LatencyRow {
    /// The stage.
    pub stage: &'static str,
    /// Measurements since the start.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum_s: f64,
    /// The middle one of the last minute, in seconds.
    pub p50_s: f64,
    /// The slowest in a hundred of the last minute.
    pub p99_s: f64,
    /// The slowest in a thousand of the last minute.
    pub p999_s: f64,
    /// The slowest of the last minute.
    pub max_s: f64,
}
