//! Conversations written as text, as the packets of a capture.
//! A test gives lines like those under `tests/cases/*/traffic.txt` and gets a pcap with handshakes, MSS-sized
//! segments, acknowledgements and FINs.
//! It promises the same bytes for the same text.
//!
//! ```text
//! @open a 203.0.113.7:51000 -> 10.0.0.5:8080 at 2026-11-21T10:00:00Z
//! @a> +1s
//! POST /login HTTP/1.1
//! Host: api.example.com
//!
//! {"username":"alice","password":"correct horse"}
//! @a< +200ms
//! HTTP/1.1 200 OK
//! @close a +1s
//! ```
//!
//! Times are relative to the event before. Where a body has no framing header, `Content-Length` is added; lines of a
//! multipart body end with CR LF.

use etherparse::PacketBuilder;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, UNIX_EPOCH};

const MSS: usize = 1_400;

/// One TCP connection while it is being written.
struct Connection {
    client: SocketAddr,
    server: SocketAddr,
    /// Next sequence number of client and server.
    next: [u32; 2],
}

/// Packets in the order they were written.
#[derive(Default)]
struct Capture {
    now_us: u64,
    packets: Vec<(u64, Vec<u8>)>,
}

/// The capture a text describes.
pub fn pcap(text: &str) -> Vec<u8> {
    let mut capture = Capture::default();
    let mut connections: BTreeMap<String, Connection> = BTreeMap::new();
    for (directive, body) in blocks(text) {
        let words: Vec<&str> = directive.split_whitespace().collect();
        match words.as_slice() {
            ["open", name, client, "->", server, "at", time] => {
                capture.set_time(time);
                let connection = Connection::new(client, server);
                capture.handshake(&connection);
                connections.insert((*name).to_string(), connection);
            }
            ["close", name, delay] => {
                capture.wait(delay);
                let mut connection = connections.remove(*name).expect("an open connection");
                capture.close(&mut connection);
            }
            [says, delay] => {
                capture.wait(delay);
                let (name, side) = says.split_at(says.len() - 1);
                let connection = connections.get_mut(name).expect("an open connection");
                capture.say(connection, usize::from(side == "<"), &message(&body));
            }
            other => panic!("not a directive: {other:?}"),
        }
    }
    capture.into_pcap()
}

/// Directives with the lines that follow each.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix('@'), blocks.last_mut()) {
            (Some(directive), _) => blocks.push((directive, Vec::new())),
            (None, Some((_, body))) => body.push(line),
            (None, None) => {}
        }
    }
    blocks
}

/// A message's bytes: head lines with CRLF, an empty line, the body as it stands.
fn message(lines: &[&str]) -> Vec<u8> {
    let end = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    let (head, rest) = lines.split_at(end);
    let body = rest.get(1..).unwrap_or_default().join("\n");
    let body = body.trim_end();
    let framed = head.iter().any(|line| {
        let lower = line.to_ascii_lowercase();
        lower.starts_with("content-length") || lower.starts_with("transfer-encoding")
    });
    // Lines of a multipart body end as lines of a head do (RFC 7578).
    let is_multipart = head.iter().any(|line| line.contains("multipart/form-data"));
    let body = if is_multipart { body.replace('\n', "\r\n") } else { body.to_owned() };
    let mut bytes: Vec<u8> = head.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
    let bodiless = ["HTTP/1.1 204", "HTTP/1.1 304", "HTTP/1.1 1", "GET ", "DELETE ", "HEAD "];
    let needs_length = !bodiless.iter().any(|start| head.first().is_some_and(|l| l.starts_with(start)));
    if !framed && (needs_length || !body.is_empty()) {
        bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body.bytes());
    bytes
}

impl Connection {
    fn new(client: &str, server: &str) -> Self {
        let parse = |text: &str| text.parse::<SocketAddr>().expect("an address with a port");
        let (client, server) = (parse(client), parse(server));
        let start = u32::from(client.port()).wrapping_mul(0x0101_0101);
        Self { client, server, next: [start, start ^ 0x5555_5555] }
    }
}

impl Capture {
    fn set_time(&mut self, time: &str) {
        let time = humantime::parse_rfc3339(time).expect("a time");
        let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
        self.now_us = self.now_us.max(u64::try_from(since.as_micros()).expect("in range"));
    }

    fn wait(&mut self, delay: &str) {
        let delay = humantime::parse_duration(delay.trim_start_matches('+')).expect("a duration");
        self.now_us += u64::try_from(delay.as_micros()).expect("in range");
    }

    fn handshake(&mut self, c: &Connection) {
        let [client, server] = c.next;
        self.packet(c, 0, client.wrapping_sub(1), 0, "S", &[]);
        self.packet(c, 1, server.wrapping_sub(1), client, "SA", &[]);
        self.packet(c, 0, client, server, "A", &[]);
    }

    fn say(&mut self, c: &mut Connection, side: usize, bytes: &[u8]) {
        for piece in bytes.chunks(MSS) {
            let (seq, ack) = (c.next[side], c.next[1 - side]);
            self.packet(c, side, seq, ack, "PA", piece);
            c.next[side] = seq.wrapping_add(u32::try_from(piece.len()).expect("a short piece"));
            self.packet(c, 1 - side, ack, c.next[side], "A", &[]);
        }
    }

    fn close(&mut self, c: &mut Connection) {
        for side in [0, 1] {
            let (seq, ack) = (c.next[side], c.next[1 - side]);
            self.packet(c, side, seq, ack, "FA", &[]);
            c.next[side] = seq.wrapping_add(1);
        }
        self.packet(c, 0, c.next[0], c.next[1], "A", &[]);
    }

    fn packet(&mut self, c: &Connection, side: usize, seq: u32, ack: u32, flags: &str, payload: &[u8]) {
        let (from, to) = if side == 0 { (c.client, c.server) } else { (c.server, c.client) };
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let ip = match (from.ip(), to.ip()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => ethernet.ipv4(a.octets(), b.octets(), 64),
            (IpAddr::V6(a), IpAddr::V6(b)) => ethernet.ipv6(a.octets(), b.octets(), 64),
            _ => panic!("addresses of two families"),
        };
        let mut tcp = ip.tcp(from.port(), to.port(), seq, 64_240);
        for flag in flags.chars() {
            tcp = match flag {
                'S' => tcp.syn(),
                'F' => tcp.fin(),
                'P' => tcp.psh(),
                _ => tcp.ack(ack),
            };
        }
        let mut bytes = Vec::new();
        tcp.write(&mut bytes, payload).expect("a packet");
        self.packets.push((self.now_us, bytes));
        self.now_us += 50;
    }

    fn into_pcap(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
            bytes.extend(word.to_le_bytes());
        }
        for (time, packet) in self.packets {
            let at = Duration::from_micros(time);
            let length = u32::try_from(packet.len()).expect("a short packet");
            let seconds = u32::try_from(at.as_secs()).expect("before 2106");
            for word in [seconds, at.subsec_micros(), length, length] {
                bytes.extend(word.to_le_bytes());
            }
            bytes.extend(packet);
        }
        bytes
    }
}
