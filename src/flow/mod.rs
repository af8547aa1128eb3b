//! Segments as byte streams: what the end host's application received, in order, with its gaps.
//! It is given `Segment`s and hands bytes and gaps to a `StreamHandler`, one per flow.
//! It promises what Linux delivers (overlaps, windows, resets, urgent bytes), in bounded memory.

use crate::decode::{Endpoint, Vlans};
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::time::EventTime;

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

    /// The flow is over; `at` is when that became known (for idleness: last packet plus timeout).
    fn closed(self, flow: FlowInfo, at: EventTime, reason: CloseReason, shared: &mut Self::Shared);
}
