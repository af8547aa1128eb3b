//! What is wrong with the mirror, told from the counters: a direction that is missing, packets that come twice or are
//! cut, giant frames, encryption, loss.
//! It is given all counters now and then, with the packets' time, or once at the end of a capture.
//! It promises a line when a state begins and one when it ends, never one in between, each with what to do about it.
//!
//! A share is taken of what came since the last judgement, once that is enough to judge by. A state begins above one
//! share and ends at a smaller one, so that a share that swings around a limit is not told again and again.

use crate::metrics::Counters;
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// What an ordinary Ethernet carries; on such a wire a jumbo frame is a giant too.
const ORDINARY_MTU: u32 = 1_500;

/// One thing that can be wrong.
struct Trouble {
    /// Its name in metrics.
    name: &'static str,
    /// The part that is bad, and all there is.
    count: fn(&Counters, Wire) -> (u64, u64),
    /// It begins above this many in a thousand.
    begins_pm: u64,
    /// It ends at this many in a thousand, or fewer.
    ends_pm: u64,
    /// A judgement takes so many of all there is.
    enough: u64,
    /// And so long.
    span: Duration,
    /// What is said when it begins: the share goes before, what to do comes after.
    begins: (&'static str, &'static str),
    /// What is said when it ends; nothing where it is only worth knowing.
    ends: Option<&'static str>,
}

/// What is known of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    /// Frames up to 1,500 bytes and their headers.
    Ordinary,
    /// Jumbo frames, or nobody knows.
    Any,
}

const TROUBLES: &[Trouble] = &[
    Trouble {
        name: "one_way",
        count: |c, _| (c.sight.one_way_flows, c.sight.one_way_flows + c.sight.two_way_flows),
        begins_pm: 200,
        ends_pm: 100,
        enough: 20,
        span: Duration::from_secs(10),
        begins: (
            "of connections show one direction only, so no answer is known there",
            "mirror both directions (receive and transmit) of the port, or both lines of the tap",
        ),
        ends: Some("both directions are seen again"),
    },
    Trouble {
        name: "copies",
        count: |c, _| (c.sight.copied_segments, c.segments.received),
        begins_pm: 50,
        ends_pm: 20,
        enough: 1_000,
        span: Duration::from_secs(10),
        begins: (
            "of segments come twice within a millisecond: the mirror duplicates, and half its room is wasted",
            "mirror each packet at one place: one direction of the ports, or of the VLAN, not both",
        ),
        ends: Some("packets come once again"),
    },
    Trouble {
        name: "cut_tunnels",
        count: |c, _| (c.sight.cut_tunnel_packets, c.sight.tunnel_packets),
        begins_pm: 10,
        ends_pm: 2,
        enough: 100,
        span: Duration::from_secs(10),
        begins: (
            "of packets in tunnels are longer than what came of them: the MTU on the way cuts them",
            "give every link between mirror and sensor 60 bytes more MTU than the mirrored network has",
        ),
        ends: Some("packets in tunnels are whole again"),
    },
    Trouble {
        name: "cut_packets",
        count: |c, _| (c.anomalies.get(Anomaly::CaptureTruncated), c.packets.read),
        begins_pm: 10,
        ends_pm: 2,
        enough: 100,
        span: Duration::from_secs(10),
        begins: (
            "of packets are cut by the snap length: tokens and bodies end in the middle",
            "capture whole packets (tcpdump: -s 0)",
        ),
        ends: Some("packets are whole again"),
    },
    Trouble {
        name: "giant_frames",
        count: |c, wire| {
            let long = if wire == Wire::Ordinary { c.sight.jumbo_frames } else { 0 };
            (c.sight.giant_frames + long, c.packets.read)
        },
        begins_pm: 1,
        ends_pm: 0,
        enough: 1_000,
        span: Duration::from_secs(10),
        begins: (
            "of frames are longer than the wire carries: offloads join them; nothing is lost, but sizes and copies are \
             not those of the wire",
            "ethtool -K INTERFACE gro off lro off tso off gso off",
        ),
        ends: None,
    },
    Trouble {
        name: "encrypted",
        count: |c, _| (c.sight.encrypted_bytes + c.quic.bytes, c.bytes.delivered + c.quic.bytes),
        begins_pm: 500,
        ends_pm: 400,
        enough: 1 << 20,
        span: Duration::from_secs(10),
        begins: (
            "of bytes are in connections that begin with TLS or are QUIC, and are not read",
            "mirror behind the place where TLS ends: load balancer, ingress or sidecar",
        ),
        ends: Some("most traffic can be read again"),
    },
    Trouble {
        name: "loss",
        count: |c, _| (c.bytes.missing, c.bytes.missing + c.bytes.delivered),
        begins_pm: 10,
        ends_pm: 5,
        enough: 1 << 20,
        span: Duration::from_mins(1),
        begins: (
            "of bytes were acknowledged by their receivers and never seen: lost on the way to the sensor, or by it",
            "look for drops at the mirror port (too much for its speed), then at the kernel's counter here",
        ),
        ends: Some("next to nothing is lost again"),
    },
];

/// The judge of a live sensor.
#[derive(Debug)]
pub struct Eyes {
    wire: Wire,
    states: Vec<State>,
}

/// How one trouble stands.
#[derive(Clone, Debug, Default)]
struct State {
    is_on: bool,
    /// Bad ones and all, at the last judgement.
    counted: (u64, u64),
    judged: EventTime,
}

impl Eyes {
    /// A judge for interfaces with this MTU, the smallest of all; none if it is not known.
    pub fn new(mtu: Option<u32>) -> Self {
        let is_ordinary = mtu.is_some_and(|mtu| mtu <= ORDINARY_MTU);
        let wire = if is_ordinary { Wire::Ordinary } else { Wire::Any };
        Self { wire, states: vec![State::default(); TROUBLES.len()] }
    }

    /// Takes all counters so far, about once a second; gives what has begun or ended, to be told.
    pub fn look(&mut self, counters: &Counters, now: EventTime) -> Vec<String> {
        let pairs = TROUBLES.iter().zip(&mut self.states);
        pairs.filter_map(|(trouble, state)| state.judge(trouble, counters, self.wire, now)).collect()
    }

    /// Every trouble there can be, and whether it is there.
    pub fn troubles(&self) -> Vec<(&'static str, bool)> {
        TROUBLES.iter().zip(&self.states).map(|(trouble, state)| (trouble.name, state.is_on)).collect()
    }
}

/// What is wrong with a capture that is over: the judgement of all of it at once.
pub fn verdict(counters: &Counters) -> Vec<String> {
    let told = |trouble: &Trouble| {
        let (bad, all) = (trouble.count)(counters, Wire::Any);
        (all >= trouble.enough && exceeds(bad, all, trouble.begins_pm)).then(|| trouble.beginning(bad, all))
    };
    TROUBLES.iter().filter_map(told).collect()
}

impl State {
    fn judge(
        &mut self,
        trouble: &Trouble,
        counters: &Counters,
        wire: Wire,
        now: EventTime,
    ) -> Option<String> {
        if self.judged == EventTime::ZERO {
            self.judged = now;
        }
        let counted = (trouble.count)(counters, wire);
        let bad = counted.0.saturating_sub(self.counted.0);
        let all = counted.1.saturating_sub(self.counted.1);
        if all < trouble.enough || now.since(self.judged) < trouble.span {
            return None;
        }
        (self.counted, self.judged) = (counted, now);
        if !self.is_on && exceeds(bad, all, trouble.begins_pm) {
            self.is_on = true;
            return Some(trouble.beginning(bad, all));
        }
        let ended = trouble.ends.filter(|_| self.is_on && !exceeds(bad, all, trouble.ends_pm))?;
        self.is_on = false;
        Some(ended.to_owned())
    }
}

impl Trouble {
    fn beginning(&self, bad: u64, all: u64) -> String {
        let (what, remedy) = self.begins;
        let tenths = u128::from(bad) * 1_000 / u128::from(all.max(1));
        format!("{}.{} % {what}; {remedy}", tenths / 10, tenths % 10)
    }
}

/// Whether a part is more than so many in a thousand.
fn exceeds(part: u64, all: u64, per_mille: u64) -> bool {
    u128::from(part) * 1_000 > u128::from(all) * u128::from(per_mille)
}

#[cfg(test)]
mod tests;
