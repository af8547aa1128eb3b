//! Segments as byte streams: what the end host's application received, in order, with its gaps.
//! It is given `Segment`s and hands bytes and gaps to a `StreamHandler`, one per flow.
//! It promises what Linux delivers (overlaps, windows, resets, urgent bytes), in bounded memory.

mod accept;
mod conversation;
mod delivery;
mod fifo;
mod halfopen;
mod keepers;
mod key;
mod linger;
mod overlap;
mod recent;
mod seq;
mod slot;
mod stream;
mod table;
mod turns;

pub(crate) use key::FlowKey;
pub use table::FlowTable;

use crate::decode::{Endpoint, Tunnel, Vlans};
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::time::EventTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the side that opened the flow (of a flow joined midstream: see `Origin`).
    FromInitiator,
    /// To the side that opened the flow.
    FromResponder,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::FromInitiator => Self::FromResponder,
            Self::FromResponder => Self::FromInitiator,
        }
    }

    /// 0 for the initiator's bytes, 1 for the responder's.
    pub fn index(self) -> usize {
        usize::from(self == Self::FromResponder)
    }
}

/// How the flow's first segment looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A SYN or SYN-ACK was seen: initiator and responder are certain.
    Handshake,
    /// Joined later: the initiator is a guess (the higher port), the handler may decide otherwise.
    Midstream,
}

/// What a handler may know of its flow.
#[derive(Clone, Debug)]
pub struct FlowInfo {
    /// The side that opened the flow.
    pub initiator: Endpoint,
    /// The side that accepted it.
    pub responder: Endpoint,
    /// VLAN ids of the first packet.
    pub vlans: Vlans,
    /// The innermost tunnel of the first packet.
    pub tunnel: Tunnel,
    /// The first packet's time.
    pub opened_at: EventTime,
    /// How certain the roles are.
    pub origin: Origin,
    /// Oddities of this flow that no exchange has taken yet; the handler takes them with `take()`.
    pub anomalies: AnomalySet,
}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Both sides sent FIN.
    Fin,
    /// A valid reset.
    Reset,
    /// The same endpoints opened a new connection.
    Reused,
    /// Nothing was seen for the idle timeout.
    Idle,
    /// Given up for a limit.
    Evicted,
    /// The capture ended.
    CaptureEnd,
}

/// What a handler keeps, in bytes, beside itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Of messages that are not whole, or wait for their answers.
    pub messages: usize,
    /// As long as the connection: its state, and tables that what comes refers to.
    pub standing: usize,
}

/// A protocol above TCP: one value per flow. `flow` knows no protocol.
pub trait StreamHandler: Sized {
    /// Where all handlers of a shard put what they find, with their configuration and counters.
    type Shared;

    /// A flow begins.
    fn opened(flow: &FlowInfo, shared: &mut Self::Shared) -> Self;

    /// The next bytes in one direction.
    fn data(
        &mut self,
        flow: &mut FlowInfo,
        direction: Direction,
        at: EventTime,
        bytes: &[u8],
        shared: &mut Self::Shared,
    );

    /// `missing` bytes will not come in this direction; the next `data` follows after them.
    fn gap(
        &mut self,
        flow: &mut FlowInfo,
        direction: Direction,
        at: EventTime,
        missing: u64,
        shared: &mut Self::Shared,
    );

    /// One direction ended with a FIN that was reached in order; the other may go on.
    fn half_closed(
        &mut self,
        flow: &mut FlowInfo,
        direction: Direction,
        at: EventTime,
        shared: &mut Self::Shared,
    );

    /// Whether what is known of the flow could not be had again if it went on after a long silence: then it is kept for
    /// `kept_idle_timeout_ms`.
    fn is_worth_keeping(&self) -> bool {
        false
    }

    /// What it keeps now.
    fn kept(&self) -> Kept {
        Kept::default()
    }

    /// The flow is over; `at` is when that became known (for idleness: last packet plus timeout).
    fn closed(self, flow: FlowInfo, at: EventTime, reason: CloseReason, shared: &mut Self::Shared);
}

/// Limits and timeouts of flows. Times are packet time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Flows kept at once. Beyond it, one that was not used lately is given up.
    pub flows_max: usize,
    /// Connections of which only SYNs were seen. Beyond it, the oldest is forgotten.
    pub half_open_max: usize,
    /// Ended flows whose late segments are still recognised. Beyond it, the oldest is forgotten.
    pub closing_max: usize,
    /// Out-of-order bytes held for one direction, overhead included. Beyond it, the hole counts as lost.
    pub direction_buffer_bytes_max: usize,
    /// Out-of-order pieces held for one direction. Beyond it, the hole counts as lost.
    pub direction_segments_max: usize,
    /// Out-of-order bytes held for all flows, overhead included. Beyond it, the hole that has been open
    /// longest counts as lost.
    pub buffer_bytes_max: usize,
    /// Bytes that connections take with their state, their HPACK tables and unfinished handshakes. Beyond it, one that
    /// was not used lately is given up.
    pub connection_bytes_max: usize,
    /// Bytes kept of all flows' messages that are not whole, or wait for their answers. Beyond it, the flow that has
    /// kept more than 4 KiB for longest is given up, and where there is none one that was not used lately.
    pub message_bytes_max: usize,
    /// A flow without segments for this long is over.
    pub idle_timeout_ms: u64,
    /// The same for a flow whose handler could not read on if it were forgotten. Those that are idle beyond
    /// `idle_timeout_ms` are the first to give way at `flows_max`.
    pub kept_idle_timeout_ms: u64,
    /// A SYN without anything after it is forgotten after this time.
    pub half_open_timeout_ms: u64,
    /// Late segments of an ended flow are recognised for this long; also how long a flow with both FINs
    /// seen waits for bytes before them.
    pub closing_timeout_ms: u64,
    /// A hole counts as lost after this time where nobody says whether the receiver has the bytes (one-way
    /// captures). Longer than two retransmission timeouts at Linux's start value of one second, and short
    /// enough that a request is reported within five seconds.
    pub gap_timeout_ms: u64,
    /// Tells flows with the same endpoints apart by VLAN. Off by default: a router on a stick, QinQ and
    /// asymmetric trunks show the two directions of one connection with different tags.
    pub vlan_in_key: bool,
    /// Tells flows with the same endpoints apart by the network inside a tunnel (VNI of VXLAN and Geneve, subnet of
    /// NVGRE, key of GRE). On by default: tenants have the same addresses. Off where a mirror sends the two directions of
    /// one connection with different numbers.
    pub vni_in_key: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            flows_max: 1_000_000,
            half_open_max: 100_000,
            closing_max: 100_000,
            direction_buffer_bytes_max: 1 << 20,
            direction_segments_max: 2048,
            buffer_bytes_max: 32 << 20,
            connection_bytes_max: 112 << 20,
            message_bytes_max: 32 << 20,
            idle_timeout_ms: 600_000,
            kept_idle_timeout_ms: 3_600_000,
            half_open_timeout_ms: 30_000,
            closing_timeout_ms: 10_000,
            gap_timeout_ms: 3_000,
            vlan_in_key: false,
            vni_in_key: true,
        }
    }
}

impl Config {
    /// The part that one of so many shards has of the limits on tables and memory.
    #[must_use]
    pub fn of_one(&self, shards: usize) -> Self {
        let part = |whole: usize| (whole / shards.max(1)).max(1);
        Self {
            flows_max: part(self.flows_max),
            half_open_max: part(self.half_open_max),
            closing_max: part(self.closing_max),
            connection_bytes_max: part(self.connection_bytes_max),
            buffer_bytes_max: part(self.buffer_bytes_max),
            message_bytes_max: part(self.message_bytes_max),
            ..self.clone()
        }
    }

    fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    fn kept_idle_timeout(&self) -> Duration {
        Duration::from_millis(self.kept_idle_timeout_ms.max(self.idle_timeout_ms))
    }

    fn half_open_timeout(&self) -> Duration {
        Duration::from_millis(self.half_open_timeout_ms)
    }

    fn closing_timeout(&self) -> Duration {
        Duration::from_millis(self.closing_timeout_ms)
    }

    fn gap_timeout(&self) -> Duration {
        Duration::from_millis(self.gap_timeout_ms)
    }
}

#[cfg(test)]
pub(crate) mod tests_support;
