//! Traffic for measuring: as much of it as asked for, with the counts that a sensor must find.
//! It is given a kind and an amount and gives packets in the order of time.
//! It promises the shapes that real API servers and clients showed: head sizes, body sizes, codings, reuse.

mod identities;
mod mixed;
mod tiny;

use super::random::Random;
use super::timeline::{Timeline, Totals};
use crate::capture::Packet;
use heelguard_detectors::time::EventTime;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// When every load begins: Monday, 9 November 2026, 08:00 UTC.
const START: EventTime = EventTime::from_secs(1_794_211_200);
/// Frames of a mixed transaction, in bytes, on average.
const MIXED_TRANSACTION_BYTES: u64 = 5_900;
/// How long tokens are valid that are sent over a wire.
const WORKING_DAY_S: u64 = 28_800;
/// Clients at work at one time.
const MIXED_CLIENTS: u64 = 200;
const TINY_CLIENTS: u64 = 256;
const GATEWAYS: u64 = 256;

/// A generated load.
pub struct Load {
    timeline: Timeline,
}

impl Load {
    /// About `bytes` of mixed API traffic: users with tokens, keys and cookies, lists of all sizes.
    pub fn mixed(bytes: u64, seed: u64) -> Self {
        Self::mixed_with(START, mixed::TOKEN_LIFETIME_S, bytes, seed)
    }

    /// The same at another time, with tokens that are valid for a working day: to be sent over a live interface.
    pub fn mixed_at(start: EventTime, bytes: u64, seed: u64) -> Self {
        Self::mixed_with(start, WORKING_DAY_S, bytes, seed)
    }

    fn mixed_with(start: EventTime, lifetime_s: u64, bytes: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        let transactions = (bytes / MIXED_TRANSACTION_BYTES).max(1);
        let users = (transactions / 8).clamp(50, 4_000);
        let users: Arc<[mixed::User]> =
            (0..users).map(|number| mixed::User::with_tokens(number, start, lifetime_s, &mut random)).collect();
        for number in 0..MIXED_CLIENTS {
            let left = share(transactions, MIXED_CLIENTS, number);
            let client = mixed::Client::new(number as u32, users.clone(), left, random.fork());
            timeline.enter(Box::new(client), start.after(Duration::from_millis(random.below(2_000))));
        }
        Self { timeline }
    }

    /// `count` requests of about 70 bytes with as small answers, 100 on a connection.
    pub fn tiny(count: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        let keys: Arc<[String]> =
            (1..=2_000).map(|number| format!("{}{number:08x}", random.hex(8))).collect();
        for number in 0..TINY_CLIENTS {
            let left = share(count, TINY_CLIENTS, number);
            let client = tiny::Client::new(number, keys.clone(), left, random.fork());
            timeline.enter(Box::new(client), START.after(Duration::from_micros(random.below(8_000))));
        }
        Self { timeline }
    }

    /// `count` tiny requests that a gateway forwards for `identities` clients in turn, each with a key of its own.
    pub fn identities(identities: u64, count: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        for number in 0..GATEWAYS {
            let left = share(count, GATEWAYS, number);
            let gateway = identities::Gateway::new(number, GATEWAYS, identities, left, random.fork());
            timeline.enter(Box::new(gateway), START.after(Duration::from_micros(random.below(8_000))));
        }
        Self { timeline }
    }

    /// The next packet, in the order of time.
    pub fn next_packet(&mut self) -> Option<Packet<'_>> {
        self.timeline.next_frame().map(super::packet)
    }

    /// What was put on the wire so far.
    pub fn totals(&self) -> &Totals {
        self.timeline.totals()
    }

    /// Writes all packets that are left as a capture file.
    pub fn write_pcap(&mut self, out: &mut impl io::Write) -> io::Result<()> {
        super::write_pcap(&mut self.timeline, out)
    }
}

/// The part of `total` that falls to one of `parts`; the parts add up.
fn share(total: u64, parts: u64, part: u64) -> u64 {
    total / parts + u64::from(part < total % parts)
}
