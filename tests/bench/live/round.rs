//! One round of traffic, kept in memory, to be sent again and again as other connections.
//! It is given a load's packets once, and gives each frame with the ports and sequence numbers of a round.
//! It promises right checksums, and that an address and port come again only after many rounds.

use heelguard::demo::Load;
use heelguard_detectors::time::EventTime;
use std::ops::Range;
use std::time::SystemTime;

const SEED: u64 = 20_261_122;

/// Where headers begin in frames of Ethernet, by IP version.
const TCP_IN_V4: usize = 34;
const TCP_IN_V6: usize = 54;
/// Clients' ports in a load, as in the generator: all but the well-known ones.
const PORT_MIN: u16 = 1_025;
const PORTS: u64 = 65_536 - PORT_MIN as u64;
/// How far sequence numbers move from round to round.
const SEQUENCE_STEP: u32 = 0x0101_6B31;

/// All frames of a load.
pub(crate) struct Round {
    bytes: Vec<u8>,
    frames: Vec<Range<usize>>,
    connections: u64,
    /// Transactions in one round.
    pub transactions: u64,
}

impl Round {
    /// Mixed traffic of this hour, so that its tokens are valid while it is sent.
    pub(crate) fn of_mixed(bytes: u64) -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::of(Load::mixed_at(EventTime::from_secs(since_1970.as_secs()), bytes, SEED))
    }

    /// Everything that is in the load.
    pub(crate) fn of(mut load: Load) -> Self {
        let (mut bytes, mut frames) = (Vec::new(), Vec::new());
        while let Some(packet) = load.next_packet() {
            let start = bytes.len();
            bytes.extend_from_slice(packet.data);
            frames.push(start..bytes.len());
        }
        let totals = load.totals();
        Self { bytes, frames, connections: totals.connections, transactions: totals.transactions }
    }

    /// Packets in one round.
    pub(crate) fn packets(&self) -> u64 {
        self.frames.len() as u64
    }

    /// Bytes of a frame, on average.
    pub(crate) fn mean_bytes(&self) -> f64 {
        self.bytes.len() as f64 / self.packets().max(1) as f64
    }

    /// Writes frame `at` of the round with this number; `false` behind the last one.
    pub(super) fn write(&self, at: usize, number: u64, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(frame) = self.frames.get(at).and_then(|range| self.bytes.get(range.clone())) else {
            return false;
        };
        out.extend_from_slice(frame);
        // Every frame of a load is TCP; another one would go out as it is.
        let tcp = if frame.get(12..14) == Some(&[0x86, 0xDD]) { TCP_IN_V6 } else { TCP_IN_V4 };
        if let Some(head) = out.get_mut(tcp..).and_then(<[u8]>::first_chunk_mut) {
            shift(head, number.wrapping_mul(self.connections), (number as u32).wrapping_mul(SEQUENCE_STEP));
        }
        true
    }
}

/// Moves a TCP header to another client port and other sequence numbers.
fn shift(head: &mut [u8; 20], ports: u64, sequence: u32) {
    let before = *head;
    // The client's port is the higher one: servers of a load listen on 80.
    let client = if word(head, 0) > word(head, 2) { 0 } else { 2 };
    let port = u64::from(word(head, client).saturating_sub(PORT_MIN));
    let port = PORT_MIN + ((port + ports % PORTS) % PORTS) as u16;
    head[client..client + 2].copy_from_slice(&port.to_be_bytes());
    let has_ack = head[13] & 0x10 != 0;
    for field in if has_ack { &[4, 8][..] } else { &[4][..] } {
        let number = u32::from(word(head, *field)) << 16 | u32::from(word(head, field + 2));
        head[*field..field + 4].copy_from_slice(&number.wrapping_add(sequence).to_be_bytes());
    }
    // RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), over the words that can have changed.
    let mut sum = u32::from(!word(&before, 16));
    for at in [0, 2, 4, 6, 8, 10] {
        sum += u32::from(!word(&before, at)) + u32::from(word(head, at));
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    head[16..18].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

fn word(head: &[u8; 20], at: usize) -> u16 {
    u16::from_be_bytes([head[at], head[at + 1]])
}
