//! Datagrams of QUIC: any bytes, and any frames inside packets that were sealed under the right keys.
//! Every datagram is accounted for, and nothing is held when the capture is over.

use super::input::{Input, turn};
use crate::support::craft::{Tcp, endpoint};
use crate::support::hello::{client_hello, names, server_hello};
use crate::support::initial::{self, Sender, crypto, packet};
use heelguard::decode::Segment;
use heelguard::flow;
use heelguard::tls::TlsShared;
use heelguard::tls::quic::Quic;
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// A datagram that a client may begin with.
const FIRST_BYTES: usize = 1_200;
const RAW: u8 = 4;

pub fn run(data: &[u8]) {
    let ends = ["203.0.113.7:51000", "10.0.0.5:443"].map(endpoint);
    let mut quic = Quic::new(flow::Config::default());
    let mut shared = TlsShared::default();
    let mut now = EventTime::from_secs(1_000);
    let mut datagrams = 0;
    for (number, turn) in (0..).zip(Input::new(data).turns()) {
        now = now.after(Duration::from_millis(if turn.kind & 0x40 > 0 { 40_000 } else { 1 }));
        let is_client = turn.kind & 1 == 0;
        let version = if turn.kind & 2 > 0 { initial::V2 } else { initial::V1 };
        let side = if is_client { initial::CLIENT } else { initial::SERVER };
        let payload = if turn.kind & RAW > 0 {
            turn.bytes.to_vec()
        } else {
            packet(Sender { version, ..side }, number, turn.bytes, FIRST_BYTES)
        };
        let [src, dst] = if is_client { ends } else { [ends[1], ends[0]] };
        let tcp = Tcp { time: now, payload, ..Tcp::new(src, dst) };
        quic.push(&Segment { is_datagram: true, ..tcp.segment() }, &mut shared);
        datagrams += 1;
        assert!(quic.advance(now, &mut shared) <= now);
    }
    quic.finish(now, &mut shared);
    assert_eq!(shared.counters.quic.datagrams, datagrams);
    assert_eq!(shared.counters.imbalance_so_far(), None);
    assert!(shared.connections.len() as u64 <= datagrams, "no connection without a datagram of its own");
}

pub fn seeds() -> Vec<Vec<u8>> {
    // Without the record's head.
    let hello = client_hello(&names(&[b"api.example.com"]))[5..].to_vec();
    let answer = server_hello()[5..].to_vec();
    let (first, rest) = hello.split_at(20);
    let whole = [turn(0, crypto(0, &hello)), turn(1, crypto(0, &answer))].concat();
    let pieces = [crypto(20, rest), vec![0, 1], crypto(0, first), vec![2, 0, 0, 0, 0]].concat();
    let raw = packet(initial::CLIENT, 0, &crypto(0, &hello), FIRST_BYTES);
    vec![
        whole.clone(),
        [turn(2, crypto(0, &hello)), turn(3, crypto(0, &answer)), turn(0x40, crypto(0, &hello))].concat(),
        turn(0, pieces),
        [turn(0, crypto(20, rest)), turn(0, crypto(0, first))].concat(),
        [turn(RAW, &raw), turn(RAW | 1, [0xff, 0, 0, 0, 1, 4, 1, 2, 3, 4, 0, 9, 9])].concat(),
        [whole, turn(RAW | 1, [&[0x40], &[7; 40][..]].concat())].concat(),
    ]
}
