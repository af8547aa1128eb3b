//! Large answers: the work per byte is all there is.
//! It is given a number of bytes and acts as one of several clients that fetch files and long lists.
//! It promises bodies of two hundred kilobytes to eight megabytes, most of them of a type that holds no records.

use crate::demo::message::{Answer, Content, Form, Request};
use crate::demo::places::PLACES;
use crate::demo::random::Random;
use crate::demo::records::Kind;
use crate::demo::timeline::{Actor, Exchange, Lane, Then};
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A program that fetches one large thing after the other, on one connection.
pub(super) struct Client {
    address: IpAddr,
    key: String,
    left: u64,
    random: Random,
}

impl Client {
    pub(super) fn new(number: u64, left: u64, mut random: Random) -> Self {
        let address = PLACES[(number % 10) as usize].v4(&mut random);
        Self { address, key: random.hex(32), left, random }
    }
}

impl Actor for Client {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if self.left == 0 {
            return None;
        }
        let is_file = self.random.chance(700);
        let largest = if is_file { 8_000_000 } else { 2_000_000 };
        let bytes = self.random.log_uniform(200_000, largest);
        self.left = self.left.saturating_sub(bytes);
        let number = self.random.range(1, 2_000);
        let target = if is_file { format!("/api/v1/files/{number}") } else { "/api/v1/export".to_owned() };
        let request = Request {
            method: "GET",
            target,
            host: "api.example.com",
            proof: format!("X-API-Key: {}\r\n", self.key),
            ..Request::default()
        };
        let answer = Answer {
            status: 200,
            service_us: self.random.log_uniform(300, 12_000),
            body: if is_file { Content::File(bytes) } else { Content::Sized(Kind::Customers, bytes) },
            form: if self.random.chance(300) { Form::Chunked } else { Form::Sized },
            ..Answer::default()
        };
        let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 20, 1, 12)), 80);
        let lane = Lane { client: self.address, server, id: 0 };
        let then = if self.left == 0 { Then::Close } else { Then::Keep };
        out.push(Exchange { at: now, lane, rtt_us: 900, request, answer, then });
        // The next one is asked for when this one is surely there.
        Some(now.after(Duration::from_secs(1)))
    }
}
