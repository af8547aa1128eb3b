//! An eye of the tests' own: frames, checksums, streams, messages.
//! It is given frames with their times and counts what is in them; whatever is not sound ends the test.
//! It promises to use nothing of the sensor, so that neither can hide the other's mistake.

use heelguard::demo::Totals;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// One direction of one connection.
pub(crate) type HalfFlow = (IpAddr, u16, IpAddr, u16);

/// What was read from frames.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    last_nanos: u64,
    connections: u64,
    pub(crate) repeated: u64,
    pub(crate) swapped: u64,
    pub(crate) streams: HashMap<HalfFlow, Stream>,
}

/// A direction's bytes by sequence number.
#[derive(Default)]
pub(crate) struct Stream {
    next: u32,
    finished: bool,
    early: BTreeMap<u32, Vec<u8>>,
    pub(crate) bytes: Vec<u8>,
}

impl Reading {
    pub(crate) fn packet(&mut self, nanos: u64, frame: &[u8]) {
        assert!(nanos >= self.last_nanos, "packets come in the order of time");
        assert!(frame.len() <= 1_514, "no frame is larger than Ethernet allows");
        self.last_nanos = nanos;
        self.packets += 1;
        self.bytes += frame.len() as u64;
        let (src, dst, tcp) = match u16::from_be_bytes([frame[12], frame[13]]) {
            0x0800 => ipv4(&frame[14..]),
            0x86DD => ipv6(&frame[14..]),
            other => panic!("ether type {other:#x}"),
        };
        let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
        let word = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
        let payload = &tcp[usize::from(tcp[12] >> 4) * 4..];
        let key = (src, port(0), dst, port(2));
        let (seq, ack, flags) = (word(4), word(8), tcp[13]);
        if flags & 0x02 != 0 {
            let fresh = Stream { next: seq.wrapping_add(1), ..Stream::default() };
            let before = self.streams.insert(key, fresh);
            assert!(before.is_none_or(|old| old.finished), "no port is used again while it is open");
            self.connections += u64::from(flags & 0x10 == 0);
            return;
        }
        let stream = self.streams.get_mut(&key).expect("every connection has its handshake");
        self.repeated += u64::from(!payload.is_empty() && stream.next.wrapping_sub(seq).cast_signed() > 0);
        self.swapped += u64::from(seq.wrapping_sub(stream.next).cast_signed() > 0);
        if !payload.is_empty() && seq.wrapping_sub(stream.next).cast_signed() >= 0 {
            stream.early.insert(seq, payload.to_vec());
        }
        while let Some(bytes) = stream.early.remove(&stream.next) {
            stream.next = stream.next.wrapping_add(bytes.len() as u32);
            stream.bytes.extend(bytes);
        }
        stream.finished |= flags & 0x05 != 0;
        let opposite = self.streams.get(&(key.2, key.3, key.0, key.1)).expect("both directions");
        let unsent = ack.wrapping_sub(opposite.next).cast_signed();
        assert!(unsent <= 1, "nothing is acknowledged before it was sent");
    }

    /// Every request and response of every connection, counted by status.
    fn messages(&self) -> (u64, BTreeMap<u16, u64>) {
        let mut requests = 0;
        let mut by_status = BTreeMap::new();
        for ((src, src_port, dst, dst_port), stream) in &self.streams {
            assert!(stream.early.is_empty(), "no hole is left");
            if stream.bytes.starts_with(b"HTTP/1.1 ") {
                let asked = &self.streams[&(*dst, *dst_port, *src, *src_port)];
                let methods = requests_of(&asked.bytes);
                requests += methods.len() as u64;
                let statuses = responses_of(&stream.bytes, &methods);
                assert_eq!(statuses.len(), methods.len(), "every request has its answer");
                for status in statuses {
                    *by_status.entry(status).or_default() += 1;
                }
            }
        }
        (requests, by_status)
    }

    pub(crate) fn agrees_with(&self, totals: &Totals) {
        let (requests, by_status) = self.messages();
        assert_eq!(self.packets, totals.packets);
        assert_eq!(self.bytes, totals.bytes);
        assert_eq!(self.connections, totals.connections);
        assert_eq!(requests, totals.transactions);
        assert_eq!(by_status, totals.by_status);
        for ((src, src_port, dst, dst_port), stream) in &self.streams {
            let other = &self.streams[&(*dst, *dst_port, *src, *src_port)];
            assert!(stream.finished || other.finished, "every connection ends");
        }
    }
}

fn ipv4(packet: &[u8]) -> (IpAddr, IpAddr, &[u8]) {
    let header = &packet[..20];
    assert_eq!(header[0], 0x45);
    assert_eq!(usize::from(u16::from_be_bytes([header[2], header[3]])), packet.len());
    assert_eq!(ones_complement(&[header]), 0xFFFF, "IPv4 checksum");
    let (src, dst) = (&header[12..16], &header[16..20]);
    let tcp = &packet[20..];
    let length = (tcp.len() as u16).to_be_bytes();
    assert_eq!(ones_complement(&[src, dst, &[0, 6], &length, tcp]), 0xFFFF, "TCP checksum");
    let address = |bytes: &[u8]| IpAddr::from(<[u8; 4]>::try_from(bytes).expect("four bytes"));
    (address(src), address(dst), tcp)
}

fn ipv6(packet: &[u8]) -> (IpAddr, IpAddr, &[u8]) {
    assert_eq!(packet[0] >> 4, 6);
    let (src, dst, tcp) = (&packet[8..24], &packet[24..40], &packet[40..]);
    let length = u16::from_be_bytes([packet[4], packet[5]]);
    assert_eq!(usize::from(length), tcp.len());
    assert_eq!(ones_complement(&[src, dst, &[0, 6], &length.to_be_bytes(), tcp]), 0xFFFF, "TCP checksum");
    let address = |bytes: &[u8]| IpAddr::from(<[u8; 16]>::try_from(bytes).expect("sixteen bytes"));
    (address(src), address(dst), tcp)
}

/// The sum of all parts' 16-bit words with the carry brought round; all ones when a checksum fits.
fn ones_complement(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
    }
    sum as u16
}

/// How many requests a direction carries: none if it carries answers.
pub(crate) fn requests_if_any(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"HTTP/") { 0 } else { requests_of(bytes).len() }
}

/// The methods of a stream of requests, each followed by `Content-Length` bytes.
fn requests_of(mut bytes: &[u8]) -> Vec<String> {
    let mut methods = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = split_head(bytes);
        let length = header(&head, "content-length").map_or(0, |value| value.parse().expect("a length"));
        assert!(header(&head, "host").is_some());
        methods.push(head.split(' ').next().expect("a method").to_owned());
        bytes = &rest[length..];
    }
    methods
}

/// The statuses of a stream of responses, their bodies read to the last byte.
fn responses_of(mut bytes: &[u8], methods: &[String]) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = split_head(bytes);
        let status: u16 = head[9..12].parse().expect("a status");
        let bodiless = methods[statuses.len()] == "HEAD" || status == 204 || status == 304;
        let (body, rest) = match header(&head, "content-length") {
            _ if bodiless => (Vec::new(), rest),
            Some(length) => {
                let (body, rest) = rest.split_at(length.parse().expect("a length"));
                (body.to_vec(), rest)
            }
            None => chunked(rest),
        };
        check_body(&head, &body);
        statuses.push(status);
        bytes = rest;
    }
    statuses
}

/// JSON is JSON, compressed or not.
fn check_body(head: &str, body: &[u8]) {
    if body.is_empty() {
        return;
    }
    let mut plain = Vec::new();
    let text = if header(head, "content-encoding").as_deref() == Some("gzip") {
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body), &mut plain).expect("gzip");
        &plain
    } else {
        body
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(text).expect("JSON");
}

fn split_head(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
    (String::from_utf8(bytes[..end].to_vec()).expect("text"), &bytes[end..])
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

fn chunked(mut bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n").expect("a chunk size");
        let size = std::str::from_utf8(&bytes[..end]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("hex");
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        assert_eq!(&bytes[end + 2 + size..end + 4 + size], b"\r\n");
        bytes = &bytes[end + 4 + size..];
        if size == 0 {
            return (body, bytes);
        }
    }
}
