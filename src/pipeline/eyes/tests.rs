//! Mirrors that serve the sensor badly, each with the nearest one that serves it well.

use super::*;

/// Adds a second of one kind of traffic to the counters.
type Traffic = fn(&mut Counters);

/// A judge, all counters so far, and how late it is.
struct Sensor {
    eyes: Eyes,
    counters: Counters,
    second: u64,
}

impl Sensor {
    fn new(mtu: Option<u32>) -> Self {
        Self { eyes: Eyes::new(mtu), counters: Counters::default(), second: 1_000 }
    }

    /// What is told in minutes of such traffic.
    fn watch(&mut self, minutes: &[Traffic]) -> Vec<String> {
        let mut told = Vec::new();
        for traffic in minutes {
            for _ in 0..61 {
                traffic(&mut self.counters);
                self.second += 1;
                told.extend(self.eyes.look(&self.counters, EventTime::from_secs(self.second)));
            }
        }
        told
    }
}

/// Three kinds of minutes: bad, then so-so, then good; only the turns are told, and only once each.
fn check(bad: Traffic, so_so: Traffic, good: Traffic, begins: &str, ends: Option<&str>) {
    let mut sensor = Sensor::new(None);
    assert!(sensor.watch(&[good, so_so]).is_empty(), "nothing was wrong yet");
    let told = sensor.watch(&[bad, bad, so_so, bad, so_so]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(begins), "{told:?}");
    assert_eq!(sensor.eyes.troubles().iter().filter(|(_, is_on)| *is_on).count(), 1);
    let told = sensor.watch(&[good, good, so_so]);
    assert_eq!(told, ends.map(str::to_owned).into_iter().collect::<Vec<_>>());

    // A file of the same traffic.
    let all_of = |traffic| {
        let mut sensor = Sensor::new(None);
        sensor.watch(&[traffic]);
        verdict(&sensor.counters)
    };
    let told = all_of(bad);
    assert!(told.len() == 1 && told[0].contains(begins), "{told:?}");
    assert_eq!((all_of(so_so), all_of(good)), (Vec::new(), Vec::new()));
}

fn flows(counters: &mut Counters, one_way: u64, two_way: u64) {
    counters.sight.one_way_flows += one_way;
    counters.sight.two_way_flows += two_way;
}

#[test]
fn one_direction_is_missing_and_comes_back() {
    check(
        |c| flows(c, 21, 79),
        |c| flows(c, 15, 85),
        |c| flows(c, 10, 90),
        "of connections show one direction only",
        Some("both directions are seen again"),
    );
}

#[test]
fn a_line_gives_the_share_the_state_and_the_remedy() {
    let mut counters = Counters::default();
    flows(&mut counters, 317, 1_000);
    assert_eq!(
        verdict(&counters),
        [
            "24.0 % of connections show one direction only, so no answer is known there; mirror both directions \
          (receive and transmit) of the port, or both lines of the tap"
        ]
    );
}

#[test]
fn a_few_connections_are_no_judgement_until_they_are_many() {
    let mut sensor = Sensor::new(None);
    flows(&mut sensor.counters, 19, 0);
    assert!(sensor.watch(&[|_| ()]).is_empty() && verdict(&sensor.counters).is_empty());
    flows(&mut sensor.counters, 1, 0);
    assert_eq!((sensor.watch(&[|_| ()]).len(), verdict(&sensor.counters).len()), (1, 1));
}

#[test]
fn the_mirror_sends_everything_twice() {
    fn copies(counters: &mut Counters, copied: u64, retransmitted: u64) {
        counters.segments.received += 1_000;
        counters.sight.copied_segments += copied;
        (0..retransmitted).for_each(|_| counters.anomalies.count(Anomaly::TcpRetransmission));
    }
    check(
        |c| copies(c, 300, 300),
        |c| copies(c, 50, 50),
        |c| copies(c, 20, 300),
        "of segments come twice",
        Some("packets come once again"),
    );
}

#[test]
fn the_mtu_cuts_what_the_mirror_wraps() {
    fn tunnel(counters: &mut Counters, cut: u64) {
        counters.sight.tunnel_packets += 1_000;
        counters.sight.cut_tunnel_packets += cut;
    }
    check(
        |c| tunnel(c, 11),
        |c| tunnel(c, 10),
        |c| tunnel(c, 2),
        "60 bytes more MTU",
        Some("packets in tunnels are whole again"),
    );
}

#[test]
fn a_snap_length_cuts_packets() {
    fn cut(counters: &mut Counters, cut: u64) {
        counters.packets.read += 1_000;
        (0..cut).for_each(|_| counters.anomalies.count(Anomaly::CaptureTruncated));
    }
    check(|c| cut(c, 400), |c| cut(c, 10), |c| cut(c, 2), "snap length", Some("packets are whole again"));
}

#[test]
fn giant_frames_are_told_once_and_jumbo_frames_belong_to_a_jumbo_wire() {
    fn frames(counters: &mut Counters, jumbo: u64, giant: u64) {
        counters.packets.read += 1_000;
        counters.sight.jumbo_frames += jumbo;
        counters.sight.giant_frames += giant;
    }
    check(|c| frames(c, 0, 2), |c| frames(c, 900, 1), |c| frames(c, 900, 0), "ethtool -K", None);
    let told = |mtu| Sensor::new(mtu).watch(&[|c| frames(c, 900, 0)]).len();
    assert_eq!((told(Some(1_500)), told(Some(9_000)), told(None)), (1, 0, 0));
}

#[test]
fn most_traffic_is_encrypted() {
    fn bytes(counters: &mut Counters, percent: u64) {
        counters.bytes.delivered += 1 << 20;
        counters.sight.encrypted_bytes += (1 << 20) * percent / 100;
    }
    check(
        |c| bytes(c, 51),
        |c| bytes(c, 45),
        |c| bytes(c, 40),
        "begin with TLS",
        Some("most traffic can be read again"),
    );
}

#[test]
fn bytes_are_lost_before_they_reach_the_sensor() {
    fn bytes(counters: &mut Counters, missing_pm: u64) {
        counters.bytes.delivered += 1_000_000 - missing_pm * 1_000;
        counters.bytes.missing += missing_pm * 1_000;
    }
    check(
        |c| bytes(c, 20),
        |c| bytes(c, 8),
        |c| bytes(c, 5),
        "of bytes were acknowledged by their receivers and never seen",
        Some("next to nothing is lost again"),
    );
}

#[test]
fn counters_that_go_back_are_no_trouble() {
    let (mut eyes, mut counters) = (Eyes::new(None), Counters::default());
    flows(&mut counters, 0, 1_000);
    eyes.look(&counters, EventTime::from_secs(1));
    assert!(eyes.look(&Counters::default(), EventTime::from_secs(100)).is_empty());
    assert!(eyes.troubles().iter().all(|(_, is_on)| !is_on));
}
