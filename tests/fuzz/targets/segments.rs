//! Any segments of a few connections: flags, numbers, options and sizes as they come, under small limits or large ones.
//! Every byte and every flow is accounted for, and nothing is left when the capture is over.

use super::input::Input;
use crate::support::craft::{Tcp, endpoint};
use heelguard::decode::TcpOptions;
use heelguard::flow::{CloseReason, Config, Direction, FlowInfo, FlowTable, StreamHandler};
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// Who sends to whom.
const ENDS: [[&str; 2]; 4] = [
    ["198.51.100.4:51514", "10.0.0.5:8080"],
    ["10.0.0.5:8080", "198.51.100.4:51514"],
    ["[2001:db8::1]:51514", "[2001:db8::2]:443"],
    ["10.0.0.5:8080", "198.51.100.4:51515"],
];

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut config = Config::default();
    if input.byte() & 1 == 1 {
        config = Config {
            flows_max: 2,
            half_open_max: 2,
            closing_max: 2,
            direction_buffer_bytes_max: 400,
            direction_segments_max: 3,
            buffer_bytes_max: 600,
            ..config
        };
    }
    let ends = ENDS.map(|ends| ends.map(endpoint));
    let mut table = FlowTable::<Listener>::new(config);
    let mut told = Told::default();
    let mut now = EventTime::from_secs(1_000);
    while !input.is_empty() {
        let [src, dst] = input.one_of(&ends);
        let mut tcp = Tcp::new(src, dst);
        tcp.flags = input.byte();
        // Near to each other, most of them, around the place where numbers wrap.
        let near = |number: u16| u32::from(number).wrapping_sub(0x4000);
        (tcp.seq, tcp.ack) = (near(input.short()), near(input.short()));
        (tcp.window, tcp.urgent) = (input.short(), u16::from(input.byte()));
        let (odd, pause) = (input.byte(), input.byte());
        tcp.options = TcpOptions {
            window_scale: (odd & 1 > 0).then_some(odd >> 4),
            timestamps: (odd & 2 > 0).then(|| (near(input.short()), near(input.short()))),
            signed: odd & 0x1c == 0x04,
            sack_permitted: odd & 8 > 0,
            fast_open: odd & 0x30 == 0x10,
            malformed: odd & 0x60 == 0x60,
        };
        tcp.missing = if pause & 0x1f == 7 { u32::from(pause) } else { 0 };
        tcp.payload = input.piece().to_vec();
        let pause = if pause & 3 == 3 { u64::from(pause) * 200 } else { 1 };
        now = now.after(Duration::from_millis(pause));
        tcp.time = now;
        table.push(&tcp.segment(), &mut told);
        if pause > 1 {
            assert!(table.advance(now, &mut told) <= now);
        }
        assert_eq!(table.counters().imbalance_so_far(), None);
    }
    table.finish(now, &mut told);
    let counters = table.counters();
    assert_eq!((counters.bytes.buffered, counters.flows.open), (0, 0), "all is over");
    assert_eq!(counters.imbalance(), None);
    assert_eq!(counters.bytes.delivered, told.delivered, "delivered bytes are counted");
    assert_eq!(told.open, 0, "every flow was closed");
}

#[derive(Default)]
struct Told {
    delivered: u64,
    open: u64,
}

struct Listener;

impl StreamHandler for Listener {
    type Shared = Told;

    fn opened(_: &FlowInfo, told: &mut Told) -> Self {
        told.open += 1;
        Self
    }

    fn data(&mut self, _: &mut FlowInfo, _: Direction, _: EventTime, bytes: &[u8], told: &mut Told) {
        assert!(!bytes.is_empty(), "no empty data");
        told.delivered += bytes.len() as u64;
    }

    fn gap(&mut self, _: &mut FlowInfo, _: Direction, _: EventTime, missing: u64, _: &mut Told) {
        assert!(missing > 0, "no empty gap");
    }

    // Bytes and another end may still follow: overlapping data may have taken the FIN's place, and the receiver says so.
    fn half_closed(&mut self, _: &mut FlowInfo, _: Direction, _: EventTime, _: &mut Told) {}

    fn closed(self, _: FlowInfo, _: EventTime, _: CloseReason, told: &mut Told) {
        told.open -= 1;
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let step = |ends: u8, flags: u8, seq: u16, ack: u16, odd: u8, pause: u8, payload: &[u8]| {
        let numbers = [seq, ack, 1_000].map(u16::to_le_bytes).concat();
        let stamps = if odd & 2 > 0 { vec![1, 0, 2, 0] } else { Vec::new() };
        let length = (payload.len() as u16).to_le_bytes();
        [&[ends, flags][..], &numbers, &[0, odd, pause], &stamps, &length, payload].concat()
    };
    let shake = || {
        [step(0, 2, 10, 0, 0, 0, b""), step(1, 18, 20, 11, 0, 0, b""), step(0, 16, 11, 21, 0, 0, b"")]
            .concat()
    };
    let talk = [
        step(0, 24, 11, 21, 0, 0, b"hello"),
        step(1, 24, 21, 16, 0, 0, b"there"),
        step(0, 17, 16, 26, 0, 0, b""),
    ];
    let holes = [
        step(0, 24, 15, 21, 2, 0, b"later"),
        step(0, 24, 13, 21, 0, 255, b"odd"),
        step(0, 4, 16, 26, 0, 0, b""),
    ];
    [0, 1]
        .into_iter()
        .flat_map(|small| {
            [
                [&[small], &shake()[..], &talk.concat()].concat(),
                [&[small], &shake()[..], &holes.concat()].concat(),
            ]
        })
        .collect()
}
