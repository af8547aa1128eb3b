//! Floods of whole requests, each new in one way: another key, path, host, method or forged token.
//! Each is given how many, and when; a connection carries many requests with their answers.
//! They promise a value of its own for every request.

use crate::floods::client;
use crate::packet::Connection;
use crate::story::{Beat, Out, Voice};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 8), 80);
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
/// Requests in a segment, as a client sends them that does not wait for answers; and connections that take turns.
const TOGETHER: u64 = 100;
const CONNECTIONS: u64 = 1_000;

/// What is new in each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum New {
    Identity,
    Path,
    Host,
    Method,
    /// A token that nobody signed, of a client of its own: each is an alert.
    ForgedToken,
}

/// One flood.
pub struct Requests {
    new: New,
    beat: Beat,
    count: u64,
    said: u64,
    connections: Vec<Connection>,
}

impl Requests {
    pub fn new(new: New, begin_us: u64, span_us: u64, count: u64) -> Self {
        let together = if new == New::ForgedToken { 1 } else { TOGETHER };
        Self {
            new,
            beat: Beat::new(begin_us, span_us, count.div_ceil(together)),
            count,
            said: 0,
            connections: Vec::new(),
        }
    }

    fn request(&self, number: u64) -> String {
        // Spread over all bits, as random values are.
        let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match self.new {
            New::Identity => format!(
                "GET /v1/me HTTP/1.1\r\nHost: flood.example\r\nAuthorization: Bearer {mixed:016x}{number:08x}\r\n\r\n"
            ),
            New::Path => {
                format!("GET /p{:x}/q{number:x} HTTP/1.1\r\nHost: paths.example\r\n\r\n", mixed >> 40)
            }
            New::Host => format!("GET / HTTP/1.1\r\nHost: h{number:x}.example\r\n\r\n"),
            New::Method => format!("M{number:X} / HTTP/1.1\r\nHost: methods.example\r\n\r\n"),
            New::ForgedToken => {
                let claims = BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"sub\":\"root\",\"n\":{number}}}"));
                format!(
                    "GET /v1/all HTTP/1.1\r\nHost: forged.example\r\n\
                     Authorization: Bearer eyJhbGciOiJub25lIn0.{claims}.\r\n\r\n"
                )
            }
        }
    }

    fn network(&self) -> u8 {
        match self.new {
            New::Identity => 41,
            New::Path => 42,
            New::Host => 43,
            New::Method => 44,
            New::ForgedToken => 45,
        }
    }
}

impl Voice for Requests {
    fn due_us(&self) -> Option<u64> {
        self.beat.due_us()
    }

    fn speak(&mut self, wire: &mut Out) -> io::Result<()> {
        let beat = self.beat.next();
        let joined = Connection::joined(client(self.network(), beat), SERVER);
        if self.new == New::ForgedToken {
            let mut connection = joined;
            return wire.exchange(&mut connection, self.request(beat).as_bytes(), ANSWER.as_bytes());
        }
        let until = self.count.min(self.said + TOGETHER);
        let asked: String = (self.said..until).map(|number| self.request(number)).collect();
        let answered = ANSWER.repeat(usize::try_from(until - self.said).unwrap());
        self.said = until;
        if beat < CONNECTIONS {
            self.connections.push(joined);
        }
        let connection = &mut self.connections[usize::try_from(beat % CONNECTIONS).unwrap()];
        wire.exchange(connection, asked.as_bytes(), answered.as_bytes())
    }
}
