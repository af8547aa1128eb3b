//! Tiny requests, one after the other: the work per request is all there is.
//! It is given keys and a count and acts as one of many equal programs.
//! It promises 100 requests on a connection, closed by the client.

use crate::demo::message::{Answer, Request};
use crate::demo::places::PLACES;
use crate::demo::random::Random;
use crate::demo::script::json;
use crate::demo::timeline::{Actor, Exchange, Lane, Then};
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Requests on one connection.
const PER_CONNECTION: u64 = 100;

/// A program that sends tiny requests as fast as they are answered.
pub(super) struct Client {
    keys: Arc<[String]>,
    address: IpAddr,
    left: u64,
    random: Random,
}

impl Client {
    pub(super) fn new(number: u64, keys: Arc<[String]>, left: u64, mut random: Random) -> Self {
        let address = PLACES[(number % 10) as usize].v4(&mut random);
        Self { keys, address, left, random }
    }
}

impl Actor for Client {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if self.left == 0 {
            return None;
        }
        let at = self.random.below(self.keys.len() as u64) as usize;
        let key = self.keys.get(at)?;
        let request = Request {
            method: "GET",
            target: format!("/t/{}", self.random.range(1, 5_000)),
            host: "api",
            proof: format!("X-API-Key: {key}\r\n"),
            ..Request::default()
        };
        let answer = Answer {
            service_us: self.random.range(30, 120),
            lines: "Connection: keep-alive\r\n".into(),
            ..json(200, r#"{"ok":true}"#)
        };
        self.left -= 1;
        let last = self.left == 0 || self.left.is_multiple_of(PER_CONNECTION);
        let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 20, 1, 11)), 80);
        let lane = Lane { client: self.address, server, id: 0 };
        let then = if last { Then::Close } else { Then::KeepBrisk };
        out.push(Exchange { at: now, lane, rtt_us: 90, request, answer, then });
        let pause_us = if last { 12_000 } else { self.random.range(3_000, 9_000) };
        Some(now.after(Duration::from_micros(pause_us)))
    }
}
