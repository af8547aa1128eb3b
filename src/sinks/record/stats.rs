//! `heelguard.stats/1`: every counter at the end of a replay, as one JSON object.
//! It is given the summed counters, the sinks' own and the services seen.
//! It promises `"balanced": true` only when every stage's account adds up, sinks included.

use crate::metrics::{Counters, FaultCounters, ScaleCounters, SinkCounters};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// One server and what was spoken with it, in connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceRow {
    /// The host name clients asked for, else the address.
    pub host: String,
    /// The port, of TCP or UDP.
    pub port: u16,
    /// Connections under TLS that could not be read.
    pub tls: u64,
    /// HTTP/1.x connections.
    pub http1: u64,
    /// HTTP/2 connections.
    pub http2: u64,
    /// QUIC connections, of which nothing is read.
    pub quic: u64,
    /// Connections of another or no known protocol.
    pub unknown: u64,
}

/// The counters as they are written.
#[derive(Serialize)]
pub struct StatsRecord<'a> {
    schema: &'static str,
    balanced: bool,
    capture: Rows,
    packets: Packets,
    segments: Rows,
    bytes: Rows,
    flows: Rows,
    http: Rows,
    transactions: Rows,
    alerts: Rows,
    evicted: Rows,
    routes: Rows,
    sinks: Sinks<'a>,
    services: &'a [ServiceRow],
    anomalies: Rows,
    // What follows goes beyond the first version of the schema.
    mfa_outcomes: Rows,
    tokens: Rows,
    sight: Rows,
    tls: Rows,
    decrypt: Rows,
    secrets: Rows,
    quic: Rows,
    contents: Rows,
    // Where sensors see and workers judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<Rows>,
    // Of the program itself, where there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    faults: Option<Rows>,
    // Of a sensor that listens to interfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Rows>,
}

impl<'a> StatsRecord<'a> {
    /// The name of this form.
    pub const SCHEMA: &'static str = "heelguard.stats/1";

    /// The record of all counters; sinks by name.
    pub fn new(counters: &Counters, sinks: &'a [(String, SinkCounters)], services: &'a [ServiceRow]) -> Self {
        Self {
            schema: Self::SCHEMA,
            balanced: imbalance(counters, sinks).is_none(),
            capture: Rows(counters.capture.rows()),
            packets: Packets {
                read: counters.packets.read,
                processed: counters.packets.processed,
                dropped: Rows(counters.dropped.rows()),
            },
            segments: Rows(counters.segments.rows()),
            bytes: Rows(counters.bytes.rows()),
            flows: Rows(counters.flows.rows()),
            http: Rows(counters.http.rows()),
            transactions: Rows(counters.transactions.rows()),
            alerts: Rows(counters.alerts.rows()),
            evicted: Rows(counters.evicted.rows()),
            routes: Rows(counters.routes.rows()),
            sinks: Sinks(sinks),
            services,
            anomalies: Rows(counters.anomalies.rows()),
            mfa_outcomes: Rows(counters.mfa_outcomes.rows()),
            tokens: Rows(counters.tokens.rows()),
            sight: Rows(counters.sight.rows()),
            tls: Rows(counters.tls.rows()),
            decrypt: Rows(counters.decrypt.rows()),
            secrets: Rows(counters.secrets.rows()),
            quic: Rows(counters.quic.rows()),
            contents: Rows(counters.contents.rows()),
            scale: (counters.scale != ScaleCounters::default()).then(|| Rows(counters.scale.rows())),
            faults: (counters.faults != FaultCounters::default()).then(|| Rows(counters.faults.rows())),
            live: (counters.live.received > 0).then(|| Rows(counters.live.rows())),
        }
    }

    /// The same record while the run goes on: what is between two stages is in no account.
    pub(super) fn so_far(self, counters: &Counters, sinks: &[(String, SinkCounters)]) -> Self {
        let balanced = counters.imbalance_so_far().or_else(|| imbalance_of(sinks)).is_none();
        Self { balanced, ..self }
    }
}

/// The first account that does not add up, sinks included; `None` when all do.
pub(crate) fn imbalance(counters: &Counters, sinks: &[(String, SinkCounters)]) -> Option<String> {
    counters.imbalance().or_else(|| imbalance_of(sinks))
}

fn imbalance_of(sinks: &[(String, SinkCounters)]) -> Option<String> {
    let (name, sink) =
        sinks.iter().find(|(_, sink)| sink.queued != sink.delivered + sink.spooled + sink.lost)?;
    let left = sink.delivered + sink.spooled + sink.lost;
    Some(format!("sink {name}: {} in, {left} accounted for", sink.queued))
}

/// Named numbers, written as an object in their order.
struct Rows(Vec<(&'static str, u64)>);

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

#[derive(Serialize)]
struct Packets {
    read: u64,
    processed: u64,
    dropped: Rows,
}

struct Sinks<'a>(&'a [(String, SinkCounters)]);

impl Serialize for Sinks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, counters) in self.0 {
            map.serialize_entry(name, &Rows(counters.rows()))?;
        }
        map.end()
    }
}
