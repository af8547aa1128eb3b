//! Traffic that raises alerts whose number is known: each exchange shows a key in clear text on a host of its own,
//! which is one alert.
//! It is given how many, and promises the same bytes each time.

use super::conversation;
use std::time::{Duration, UNIX_EPOCH};

/// Packet time between two exchanges. Ten seconds, after which a checkpoint is due, are 250 of them.
pub const SPACING: Duration = Duration::from_millis(40);
/// When the first begins: 2026-11-21T10:00:00Z.
const START: Duration = Duration::from_hours(498_682);
const PCAP_HEAD_BYTES: usize = 24;
/// So many packets after which the sensor surely works off what it has read.
const ROUND_PACKETS: usize = 4_096;

/// Exchanges in order of time.
pub struct Traffic {
    head: Vec<u8>,
    exchanges: Vec<Exchange>,
}

struct Exchange {
    /// When it begins, since 1970.
    begins: Duration,
    /// Its packets, as they lie in a capture.
    packets: Vec<u8>,
}

impl Traffic {
    /// So many exchanges.
    pub fn new(count: usize) -> Self {
        let mut head = Vec::new();
        let exchange = |number: usize| {
            let begins = START + SPACING * u32::try_from(number).expect("few");
            let mut capture = conversation::pcap(&text(number, begins));
            let packets = capture.split_off(PCAP_HEAD_BYTES);
            head = capture;
            Exchange { begins, packets }
        };
        let exchanges = (0..count).map(exchange).collect();
        Self { head, exchanges }
    }

    /// How a capture begins.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The packets of one exchange.
    pub fn exchange(&self, number: usize) -> &[u8] {
        &self.exchanges[number].packets
    }

    /// Packets behind an exchange that mean nothing: enough for the sensor to look at what came before them.
    pub fn idle_after(&self, number: usize) -> Vec<u8> {
        let at = self.exchanges[number].begins + SPACING / 2;
        // An LLDP frame's head.
        let frame = [1, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc];
        let length = u32::try_from(frame.len()).expect("short");
        let mut packet = Vec::new();
        let seconds = u32::try_from(at.as_secs()).expect("before 2106");
        for word in [seconds, at.subsec_micros(), length, length] {
            packet.extend(word.to_le_bytes());
        }
        packet.extend(frame);
        packet.repeat(ROUND_PACKETS)
    }

    /// The first exchange that a sensor does not know which knows everything up to a time since 1970.
    pub fn unknown_after(&self, known: Duration) -> usize {
        self.exchanges.partition_point(|exchange| exchange.begins + SPACING / 4 <= known)
    }

    /// All of it.
    pub fn capture(&self) -> Vec<u8> {
        let packets = self.exchanges.iter().flat_map(|exchange| &exchange.packets);
        self.head.iter().chain(packets).copied().collect()
    }
}

fn text(number: usize, begins: Duration) -> String {
    let time = humantime::format_rfc3339_micros(UNIX_EPOCH + begins);
    let port = 20_000 + number % 40_000;
    format!(
        "@open a 84.128.212.178:{port} -> 10.0.0.5:443 at {time}\n\
         @a> +1ms\n\
         GET /v1/items HTTP/1.1\n\
         Host: h{number:05}.example.com\n\
         X-API-Key: hk_live_7c1f09ab52de4f6688301b7e2a94c5d0\n\
         User-Agent: curl/8.7.1\n\
         @a< +1ms\n\
         HTTP/1.1 200 OK\n\
         Content-Type: application/json\n\
         \n\
         {{\"id\":1}}\n\
         @close a +1ms\n"
    )
}

/// Packets in a piece of a capture; its head is none.
pub fn packets_in(bytes: &[u8]) -> u64 {
    let mut rest = if bytes.len() == PCAP_HEAD_BYTES { &[] } else { bytes };
    let mut count = 0;
    while let Some(length) = rest.get(8..12).and_then(|length| length.first_chunk()) {
        rest = &rest[16 + u32::from_le_bytes(*length) as usize..];
        count += 1;
    }
    count
}
