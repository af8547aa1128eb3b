//! Requests in bursts: what many of them at once cost is all there is to see.
//! It is given a count and acts as one program that sends so many at a time, burst after burst on one connection.
//! It promises one target, one key and answers of a few bytes, so that nothing else costs anything.

use crate::demo::message::Request;
use crate::demo::places::PLACES;
use crate::demo::random::Random;
use crate::demo::script::json;
use crate::demo::timeline::{Actor, Exchange, Lane, Then};
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Between two bursts of one program.
const PAUSE: Duration = Duration::from_millis(4);

/// A program that does not wait for answers.
pub(super) struct Client {
    address: IpAddr,
    key: String,
    together: u64,
    left: u64,
}

impl Client {
    pub(super) fn new(number: u64, together: u64, left: u64, mut random: Random) -> Self {
        let address = PLACES[(number % 10) as usize].v4(&mut random);
        Self { address, key: random.hex(32), together: together.max(1), left }
    }
}

impl Actor for Client {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if self.left == 0 {
            return None;
        }
        let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 20, 1, 11)), 80);
        let lane = Lane { client: self.address, server, id: 0 };
        let now_out = self.together.min(self.left);
        self.left -= now_out;
        for nth in 1..=now_out {
            let request = Request {
                method: "GET",
                target: "/api/v1/search?q=all".to_owned(),
                host: "api.example.com",
                proof: format!("X-API-Key: {}\r\n", self.key),
                ..Request::default()
            };
            let then = match nth == now_out {
                false => Then::Together,
                true if self.left == 0 => Then::Close,
                true => Then::Keep,
            };
            out.push(Exchange { at: now, lane, rtt_us: 900, request, answer: json(200, "{}"), then });
        }
        Some(now.after(PAUSE))
    }
}
