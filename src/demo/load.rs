//! Traffic for measuring: as much of it as asked for, with the counts that a sensor must find.
//! It is given a kind and an amount and gives packets in the order of time.
//! It promises the shapes that real API servers and clients showed: head sizes, body sizes, codings, reuse.

mod burst;
mod downloads;
mod identities;
mod idle;
mod mixed;
mod tiny;

use super::carriage::Carriage;
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
/// How long tokens are valid, in the files and on the wire.
const MIXED_LIFETIME_S: u64 = 3_600;
const WORKING_DAY_S: u64 = 28_800;
/// Clients at work at one time.
const MIXED_CLIENTS: u64 = 200;
const TINY_CLIENTS: u64 = 256;
const GATEWAYS: u64 = 256;
const DOWNLOAD_CLIENTS: u64 = 16;
const BURST_CLIENTS: u64 = 8;

/// A generated load.
pub struct Load {
    timeline: Timeline,
}

impl Load {
    /// About `bytes` of mixed API traffic: users with tokens, keys and cookies, lists of all sizes.
    pub fn mixed(bytes: u64, seed: u64) -> Self {
        Self::mixed_with(START, MIXED_LIFETIME_S, bytes, seed, 1)
    }

    /// The same calls, up to `together` of them at once on a connection; for a carriage that can carry them so.
    pub fn mixed_together(bytes: u64, seed: u64, together: u64) -> Self {
        Self::mixed_with(START, MIXED_LIFETIME_S, bytes, seed, together)
    }

    /// The same at another time, with tokens that are valid for a working day: to be sent over a live interface.
    pub fn mixed_at(start: EventTime, bytes: u64, seed: u64) -> Self {
        Self::mixed_with(start, WORKING_DAY_S, bytes, seed, 1)
    }

    fn mixed_with(start: EventTime, lifetime_s: u64, bytes: u64, seed: u64, together: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        let transactions = (bytes / MIXED_TRANSACTION_BYTES).max(1);
        let users = (transactions / 8).clamp(50, 4_000);
        let users: Arc<[mixed::User]> =
            (0..users).map(|number| mixed::User::any(number, start, lifetime_s, &mut random)).collect();
        for number in 0..MIXED_CLIENTS {
            let left = share(transactions, MIXED_CLIENTS, number);
            let client = mixed::Client::new(number as u32, users.clone(), left, random.fork());
            let client = client.together(together);
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

    /// About `bytes` of the mixed traffic of one user, all of it on one connection.
    pub fn elephant(bytes: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        let users: Arc<[mixed::User]> = [mixed::User::any(0, START, MIXED_LIFETIME_S, &mut random)].into();
        let left = (bytes / MIXED_TRANSACTION_BYTES).max(1);
        timeline.enter(Box::new(mixed::Client::on_one_connection(users, left, random.fork())), START);
        Self { timeline }
    }

    /// About `bytes` of large answers: files, and lists of hundreds of thousands of bytes.
    pub fn downloads(bytes: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        for number in 0..DOWNLOAD_CLIENTS {
            let left = share(bytes, DOWNLOAD_CLIENTS, number);
            let client = downloads::Client::new(number, left, random.fork());
            timeline.enter(Box::new(client), START.after(Duration::from_millis(random.below(2_000))));
        }
        Self { timeline }
    }

    /// `connections` that carry one request each within a minute, and then wait: all are open at one time.
    pub fn idle(connections: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        timeline.enter(Box::new(idle::Clients::new(START, connections, random.fork())), START);
        Self { timeline }
    }

    /// `count` tiny requests on a few connections, `together` at once; for a carriage that can carry them so.
    pub fn burst(count: u64, together: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        for number in 0..BURST_CLIENTS {
            let left = share(count, BURST_CLIENTS, number);
            let client = burst::Client::new(number, together, left, random.fork());
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

    /// The same calls in another form; to be said before the first packet.
    #[must_use]
    pub fn carried_by(mut self, carriage: Box<dyn Carriage>) -> Self {
        self.timeline.carry_by(carriage);
        self
    }

    /// The next packet, in the order of time.
    pub fn next_packet(&mut self) -> Option<Packet<'_>> {
        self.timeline.next_frame().map(super::packet)
    }

    /// What was put on the wire so far.
    pub fn totals(&self) -> &Totals {
        self.timeline.totals()
    }

    /// Bytes of all messages so far, as HTTP/1 writes them.
    pub fn content_bytes(&self) -> u64 {
        self.timeline.content_bytes()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::TcpFlags;
    use crate::demo::{Call, Said};

    fn run(mut load: Load, mut look: impl FnMut(&[u8])) -> Totals {
        while let Some(packet) = load.next_packet() {
            look(packet.data);
        }
        load.totals().clone()
    }

    #[test]
    fn idle_connections_are_all_open_before_one_is_closed() {
        let (mut opened, mut open_at_first_end) = (0, None);
        let totals = run(Load::idle(3_000, 1), |frame| {
            // Ethernet and IPv4 without options: the flags are the 14th byte of TCP.
            let flags = TcpFlags(frame[14 + 20 + 13]);
            opened += u64::from(flags.0 == TcpFlags::SYN);
            if flags.has(TcpFlags::FIN) {
                open_at_first_end.get_or_insert(opened);
            }
        });
        assert_eq!((totals.connections, totals.transactions, open_at_first_end), (3_000, 3_000, Some(3_000)));
    }

    #[test]
    fn an_elephant_is_one_connection_and_downloads_are_few_and_large() {
        let elephant = run(Load::elephant(1_000_000, 1), |_| {});
        assert_eq!((elephant.connections, elephant.transactions), (1, 169));
        let downloads = run(Load::downloads(40_000_000, 1), |_| {});
        assert!(downloads.connections <= DOWNLOAD_CLIENTS && downloads.transactions < 100, "{downloads:?}");
        assert!(downloads.bytes > 40_000_000, "{downloads:?}");
    }

    /// Opens with a word of each side, and says the calls as they are.
    struct Polite;

    impl Carriage for Polite {
        fn port(&self) -> u16 {
            8_443
        }

        fn carry(&mut self, _: usize, is_new: bool, calls: &[Call], said: &mut Said) {
            said.clear();
            if is_new {
                said.client.extend_from_slice(b"hello");
                said.server.extend_from_slice(b"welcome");
                said.opening = [5, 7];
            }
            for call in calls {
                said.client.extend_from_slice(&call.request);
                said.server.extend_from_slice(&call.response);
            }
        }
    }

    #[test]
    fn another_carriage_carries_the_same_calls() {
        let plain = run(Load::mixed(600_000, 1), |_| {});
        let mut load = Load::mixed_together(600_000, 1, 6).carried_by(Box::new(Polite));
        let (mut payload, mut welcomes) = (0, 0);
        while let Some(packet) = load.next_packet() {
            let frame = packet.data;
            let ip = if frame[12..14] == [0x08, 0x00] { 20 } else { 40 };
            let tcp = &frame[14 + ip..];
            let ports = [&tcp[..2], &tcp[2..4]];
            assert!(ports.contains(&8_443_u16.to_be_bytes().as_slice()));
            let said = &tcp[usize::from(tcp[12] >> 4) * 4..];
            payload += said.len() as u64;
            welcomes += u64::from(said == b"welcome");
        }
        let totals = load.totals();
        assert_eq!((totals.transactions, &totals.by_status), (plain.transactions, &plain.by_status));
        assert!(totals.connections <= plain.connections, "{} connections", totals.connections);
        assert_eq!(welcomes, totals.connections);
        // One segment in two thousand is sent twice.
        let said = load.content_bytes() + 12 * totals.connections;
        assert!((said..said + said / 50).contains(&payload), "{payload} of {said}");
    }

    #[test]
    fn bursts_are_many_calls_on_few_connections() {
        let totals = run(Load::burst(5_000, 50, 1), |_| {});
        assert_eq!((totals.connections, totals.transactions), (BURST_CLIENTS, 5_000));
        assert!(totals.packets < 5_000, "{totals:?}");
    }
}
