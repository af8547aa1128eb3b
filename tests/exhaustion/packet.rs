//! Packets written straight into a pipe: Ethernet, IPv4 and TCP with right checksums, or a part of a datagram.
//! It is given ends, numbers and bytes, and the time of the capture.
//! It promises to keep one packet in memory, and to count what it wrote.

use crate::support::craft::checksum;
use heelguard::decode::TcpFlags;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Payload of one segment: as large as receive offload makes them.
const SEGMENT_BYTES: usize = 60_000;
const CAPTURE_HEAD: [u8; 24] =
    [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
const MACS_AND_IPV4: [u8; 14] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
const MORE_FRAGMENTS: u16 = 0x2000;
const NO_FRAGMENTS: u16 = 0x4000;

/// A capture that is being written.
pub struct Wire<W> {
    out: W,
    /// Time of what is written next.
    pub now_us: u64,
    pub packets: u64,
    frame: Vec<u8>,
}

/// One connection: its ends, and the next number of client and server.
#[derive(Clone, Copy)]
pub struct Connection {
    ends: [SocketAddrV4; 2],
    next: [u32; 2],
}

impl Connection {
    /// Of a client that the capture did not see begin.
    pub fn joined(client: SocketAddrV4, server: SocketAddrV4) -> Self {
        Self { ends: [client, server], next: [1_000, 5_000] }
    }

    /// The same connection, seen further on.
    pub fn beyond(mut self, bytes: u32) -> Self {
        self.next[0] += bytes;
        self
    }
}

impl<W: Write> Wire<W> {
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&CAPTURE_HEAD)?;
        Ok(Self { out, now_us: 0, packets: 0, frame: Vec::new() })
    }

    pub fn syn(&mut self, client: SocketAddrV4, server: SocketAddrV4) -> io::Result<()> {
        let connection = Connection { ends: [client, server], next: [999, 0] };
        self.segment(&connection, 0, TcpFlags::SYN, &[])
    }

    /// A connection from its beginning.
    pub fn open(&mut self, client: SocketAddrV4, server: SocketAddrV4) -> io::Result<Connection> {
        self.syn(client, server)?;
        let answer = Connection { ends: [client, server], next: [1_000, 4_999] };
        self.segment(&answer, 1, TcpFlags::SYN | TcpFlags::ACK, &[])?;
        let connection = Connection::joined(client, server);
        self.segment(&connection, 0, TcpFlags::ACK, &[])?;
        Ok(connection)
    }

    /// Bytes of the client (0) or the server (1).
    pub fn say(&mut self, connection: &mut Connection, side: usize, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(SEGMENT_BYTES) {
            self.segment(connection, side, TcpFlags::ACK | TcpFlags::PSH, part)?;
            connection.next[side] = connection.next[side].wrapping_add(u32::try_from(part.len()).unwrap());
        }
        Ok(())
    }

    /// A request and its answer.
    pub fn exchange(&mut self, connection: &mut Connection, request: &[u8], answer: &[u8]) -> io::Result<()> {
        self.say(connection, 0, request)?;
        self.now_us += 1;
        self.say(connection, 1, answer)
    }

    /// The first part of a datagram whose rest never comes.
    pub fn fragment(&mut self, src: Ipv4Addr, dst: Ipv4Addr, id: u16, payload: &[u8]) -> io::Result<()> {
        self.begin(src, dst, id, MORE_FRAGMENTS, payload.len());
        self.frame.extend(payload);
        self.put()
    }

    fn segment(&mut self, connection: &Connection, side: usize, flags: u8, payload: &[u8]) -> io::Result<()> {
        let (from, to) = (connection.ends[side], connection.ends[1 - side]);
        self.begin(*from.ip(), *to.ip(), 1, NO_FRAGMENTS, 20 + payload.len());
        let start = self.frame.len();
        self.frame.extend(from.port().to_be_bytes());
        self.frame.extend(to.port().to_be_bytes());
        self.frame.extend(connection.next[side].to_be_bytes());
        self.frame.extend(connection.next[1 - side].to_be_bytes());
        self.frame.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        self.frame.extend(payload);
        let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
        let pseudo = [&from.ip().octets()[..], &to.ip().octets(), &[0, 6], &length].concat();
        let sum = checksum(&[&pseudo, &self.frame[start..]]);
        self.frame[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
        self.put()
    }

    fn begin(&mut self, src: Ipv4Addr, dst: Ipv4Addr, id: u16, fragments: u16, length: usize) {
        self.frame.clear();
        self.frame.extend(MACS_AND_IPV4);
        self.frame.extend([0x45, 0]);
        self.frame.extend(u16::try_from(20 + length).unwrap().to_be_bytes());
        self.frame.extend(id.to_be_bytes());
        self.frame.extend(fragments.to_be_bytes());
        self.frame.extend([64, 6, 0, 0]);
        self.frame.extend(src.octets());
        self.frame.extend(dst.octets());
        let sum = checksum(&[&self.frame[14..]]);
        self.frame[24..26].copy_from_slice(&sum.to_be_bytes());
    }

    fn put(&mut self) -> io::Result<()> {
        let whole = |value: u64| u32::try_from(value).unwrap().to_le_bytes();
        let length = u32::try_from(self.frame.len()).unwrap().to_le_bytes();
        let head = [whole(self.now_us / 1_000_000), whole(self.now_us % 1_000_000), length, length];
        self.packets += 1;
        self.out.write_all(&head.concat())?;
        self.out.write_all(&self.frame)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
