//! Floods that fill tables of packets, flows and messages before a request is whole.
//! Each is given how many, and when.
//! They promise one new thing with every beat: a SYN, a connection, a hole, a piece of a datagram.

use crate::packet::Connection;
use crate::story::{Beat, Out, Voice};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 9), 80);
const HOLE_BYTES: usize = 1_400;
const FRAGMENT_BYTES: usize = 1_400;
/// A head that is almost as long as heads may be.
const HEAD_BYTES: usize = 64_000;

/// What is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Handshakes that are never answered.
    Syns,
    /// Requests that never end.
    HalfRequests,
    /// Payload behind a byte that never comes.
    Holes,
    /// Datagrams whose rest never comes.
    Fragments,
    /// Heads that go on as long as they may.
    Heads,
}

/// One flood.
pub struct Flood {
    kind: Kind,
    beat: Beat,
    /// What its packets carry.
    payload: Vec<u8>,
}

impl Flood {
    pub fn new(kind: Kind, beat: Beat) -> Self {
        let payload = match kind {
            Kind::Syns => Vec::new(),
            Kind::HalfRequests => b"GET /slow HTTP/1.1\r\nHost: slow.example\r\nX-A:".to_vec(),
            Kind::Holes => vec![b'x'; HOLE_BYTES],
            Kind::Fragments => vec![b'x'; FRAGMENT_BYTES],
            Kind::Heads => {
                let mut head = b"GET /long HTTP/1.1\r\nHost: long.example\r\nX-A: ".to_vec();
                head.resize(HEAD_BYTES, b'a');
                head
            }
        };
        Self { kind, beat, payload }
    }
}

/// The client of a number; each kind has a network of its own.
pub fn client(network: u8, number: u64) -> SocketAddrV4 {
    let host = u32::try_from(number % (1 << 24)).unwrap();
    let port = u16::try_from(20_000 + (number >> 24)).unwrap();
    SocketAddrV4::new(Ipv4Addr::from(u32::from(network) << 24 | host), port)
}

impl Voice for Flood {
    fn due_us(&self) -> Option<u64> {
        self.beat.due_us()
    }

    fn speak(&mut self, wire: &mut Out) -> io::Result<()> {
        let number = self.beat.next();
        match self.kind {
            Kind::Syns => wire.syn(client(31, number), SERVER),
            Kind::HalfRequests => {
                let mut connection = wire.open(client(32, number), SERVER)?;
                wire.say(&mut connection, 0, &self.payload)
            }
            Kind::Holes => {
                let mut beyond: Connection = wire.open(client(33, number), SERVER)?.beyond(1);
                wire.say(&mut beyond, 0, &self.payload)
            }
            Kind::Fragments => {
                let id = u16::try_from(number % 65_536).unwrap();
                wire.fragment(*client(34, number).ip(), *SERVER.ip(), id, &self.payload)
            }
            Kind::Heads => {
                let mut connection = wire.open(client(35, number), SERVER)?;
                wire.say(&mut connection, 0, &self.payload)
            }
        }
    }
}
