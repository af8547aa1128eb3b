//! Ever more identities behind one gateway: tiny requests, each with a key and a client of its own.
//! It is given how many identities there are and acts as one of the gateway's connections.
//! It promises that all identities come in turn, in an order that looks like chance, so that none is ever near the last.

use crate::demo::message::{Answer, Request};
use crate::demo::random::Random;
use crate::demo::script::json;
use crate::demo::timeline::{Actor, Exchange, Lane, Then};
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Requests on one connection.
const PER_CONNECTION: u64 = 100;
/// Prime, and so large that neighbours in time are far apart in number.
const STRIDE: u64 = 982_451_653;

/// One of the gateway's programs, which forwards requests as they come.
pub(super) struct Gateway {
    number: u64,
    gateways: u64,
    identities: u64,
    done: u64,
    left: u64,
    random: Random,
}

impl Gateway {
    /// The one with this number of so many, with `left` requests to forward.
    pub(super) fn new(number: u64, gateways: u64, identities: u64, left: u64, random: Random) -> Self {
        Self { number, gateways, identities: identities.max(1), done: 0, left, random }
    }
}

impl Actor for Gateway {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if self.left == 0 {
            return None;
        }
        let turn = self.done * self.gateways + self.number;
        let identity = (turn % self.identities * STRIDE) % self.identities;
        // Behind the gateway each identity has an address: all of 100.0.0.0/8 and on.
        let client = Ipv4Addr::from_bits(0x6400_0000 + identity as u32);
        let key = Random::new(identity).hex(24);
        let request = Request {
            method: "GET",
            target: format!("/t/{}", self.random.range(1, 5_000)),
            host: "api",
            proof: format!("X-API-Key: {key}{identity:08x}\r\nX-Forwarded-For: {client}\r\n"),
            ..Request::default()
        };
        let answer = Answer {
            service_us: self.random.range(30, 120),
            lines: "Connection: keep-alive\r\n".into(),
            ..json(200, r#"{"ok":true}"#)
        };
        self.done += 1;
        self.left -= 1;
        let last = self.left == 0 || self.left.is_multiple_of(PER_CONNECTION);
        let lane = Lane {
            client: IpAddr::V4(Ipv4Addr::new(10, 20, 0, (self.number % 200) as u8 + 1)),
            server: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 20, 1, 11)), 80),
            id: self.number as u32,
        };
        let then = if last { Then::Close } else { Then::KeepBrisk };
        out.push(Exchange { at: now, lane, rtt_us: 90, request, answer, then });
        let pause_us = if last { 12_000 } else { self.random.range(3_000, 9_000) };
        Some(now.after(Duration::from_micros(pause_us)))
    }
}
