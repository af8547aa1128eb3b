//! Connections that are open and silent: what one of them costs in memory is all there is to see.
//! It is given a moment and a count and opens as many connections, evenly, each with one request.
//! It promises that all are open before the first one is closed for its silence.

use crate::demo::message::{Answer, Request};
use crate::demo::places::PLACES;
use crate::demo::random::Random;
use crate::demo::script::json;
use crate::demo::timeline::{Actor, Exchange, Lane, Then};
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// All connections are opened within this time; servers close silent ones later.
const OPENING: Duration = Duration::from_secs(50);
/// Addresses that share the connections, and keys.
const ADDRESSES: u64 = 10_000;
const KEYS: u64 = 2_000;

/// All clients as one actor.
pub(super) struct Clients {
    start: EventTime,
    addresses: Vec<IpAddr>,
    keys: Vec<String>,
    count: u64,
    opened: u64,
    random: Random,
}

impl Clients {
    pub(super) fn new(start: EventTime, count: u64, mut random: Random) -> Self {
        let addresses = (0..ADDRESSES).map(|n| PLACES[(n % 10) as usize].v4(&mut random)).collect();
        let keys = (0..KEYS).map(|_| random.hex(32)).collect();
        Self { start, addresses, keys, count, opened: 0, random }
    }
}

impl Actor for Clients {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if self.opened == self.count {
            return None;
        }
        let client = *self.addresses.get((self.opened % ADDRESSES) as usize)?;
        let key = self.keys.get((self.opened % KEYS) as usize)?;
        let request = Request {
            method: "GET",
            target: format!("/api/v1/devices/{}/status", self.random.range(1, 5_000)),
            host: "api.example.com",
            caller: "User-Agent: device-agent/2.3 (linux)\r\nAccept: application/json\r\n".into(),
            proof: format!("X-API-Key: {key}\r\n"),
            ..Request::default()
        };
        let answer = Answer {
            service_us: self.random.range(200, 900),
            lines: "Connection: keep-alive\r\n".into(),
            ..json(200, r#"{"status":"online","battery":87,"seen":1794211200}"#)
        };
        let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 20, 1, 11)), 80);
        let lane = Lane { client, server, id: self.opened as u32 };
        out.push(Exchange { at: now, lane, rtt_us: 900, request, answer, then: Then::Keep });
        self.opened += 1;
        let passed = OPENING.as_nanos() as u64 / self.count * self.opened;
        Some(self.start.after(Duration::from_nanos(passed)))
    }
}
