//! What the sensor makes of a capture: its own decoder and flow table, and a handler that writes bytes down.

use crate::peer::Passed;
use heelguard::capture::{LinkType, Offload, Packet};
use heelguard::decode::{Config as DecodeConfig, Decoder, Endpoint};
use heelguard::flow::{CloseReason, Config, Direction, FlowInfo, FlowTable, StreamHandler};
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::time::EventTime;

/// IP packets with nothing before them.
const LINKTYPE_RAW: LinkType = LinkType(101);

/// What one side sent, as the sensor tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub bytes: Vec<u8>,
    /// Bytes it says are missing, each gap with its place.
    pub gaps: Vec<(usize, u64)>,
    pub fin: bool,
    pub reset: bool,
    pub flows: usize,
    pub anomalies: AnomalySet,
}

/// What `sender` sent, in all the flows that these packets are.
pub fn read(packets: &[Passed], sender: Endpoint) -> Told {
    let mut decoder = Decoder::new(DecodeConfig::default());
    let mut flows = FlowTable::<Listener>::new(Config::default());
    let mut shared = Shared { sender, told: Told::default() };
    for Passed { time, packet } in packets {
        let length = u32::try_from(packet.len()).expect("a short packet");
        let offload = Offload::default();
        let packet = Packet { time: *time, link: LINKTYPE_RAW, data: packet, original_len: length, offload };
        if let Some(segment) = decoder.decode(packet) {
            flows.push(&segment, &mut shared);
        }
    }
    decoder.finish();
    flows.finish(packets.last().map_or(EventTime::ZERO, |last| last.time), &mut shared);
    for counters in [decoder.counters(), flows.counters()] {
        assert_eq!(counters.imbalance(), None, "the accounts add up");
        shared.told.anomalies.merge(classes(counters));
    }
    shared.told
}

fn classes(counters: &heelguard::metrics::Counters) -> AnomalySet {
    let mut set = AnomalySet::EMPTY;
    let counted = heelguard_detectors::anomaly::Anomaly::ALL.iter();
    counted.filter(|&&anomaly| counters.anomalies.get(anomaly) > 0).for_each(|&anomaly| set.insert(anomaly));
    set
}

struct Shared {
    sender: Endpoint,
    told: Told,
}

/// One flow's handler: which direction it writes down.
struct Listener(Direction);

impl StreamHandler for Listener {
    type Shared = Shared;

    fn opened(flow: &FlowInfo, shared: &mut Shared) -> Self {
        shared.told.flows += 1;
        let initiated = flow.initiator == shared.sender;
        Self(if initiated { Direction::FromInitiator } else { Direction::FromResponder })
    }

    fn data(&mut self, _: &mut FlowInfo, way: Direction, _: EventTime, bytes: &[u8], shared: &mut Shared) {
        if way == self.0 {
            shared.told.bytes.extend(bytes);
        }
    }

    fn gap(&mut self, _: &mut FlowInfo, way: Direction, _: EventTime, missing: u64, shared: &mut Shared) {
        if way == self.0 {
            shared.told.gaps.push((shared.told.bytes.len(), missing));
        }
    }

    fn half_closed(&mut self, _: &mut FlowInfo, way: Direction, _: EventTime, shared: &mut Shared) {
        shared.told.fin |= way == self.0;
    }

    fn closed(self, _: FlowInfo, _: EventTime, reason: CloseReason, shared: &mut Shared) {
        shared.told.reset |= reason == CloseReason::Reset;
    }
}
