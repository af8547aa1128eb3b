//! A TCP connection with any bytes in it, as a capture, and hellos made to measure.

use crate::support::craft::{Tcp, endpoint, pcap};
use crate::support::sensor::{Run, run};
use heelguard::decode::TcpFlags;
use heelguard_detectors::time::EventTime;
use serde_json::Value;
use std::io::Write as _;
use std::time::Duration;

/// Who says something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A handshake, what is said in segments of `portion` bytes, and FINs.
pub(crate) fn capture(said: &[(Side, Vec<u8>)], portion: usize) -> Vec<u8> {
    let ends = [endpoint("203.0.113.7:51000"), endpoint("10.0.0.5:8443")];
    let mut now = EventTime::from_secs(1_794_000_000);
    let mut next = [1_000_u32, 9_000];
    let mut segments = Vec::new();
    let mut send = |side: usize, next: &mut [u32; 2], flags: u8, payload: &[u8]| {
        now = now.after(Duration::from_millis(1));
        let tcp = Tcp::new(ends[side], ends[1 - side]);
        let (seq, ack) = (next[side], next[1 - side]);
        segments.push(Tcp { time: now, seq, ack, flags, payload: payload.to_vec(), ..tcp });
        let control = u32::from(flags & (TcpFlags::SYN | TcpFlags::FIN) != 0);
        next[side] = seq.wrapping_add(payload.len() as u32 + control);
    };
    let opening = [(0, TcpFlags::SYN), (1, TcpFlags::SYN | TcpFlags::ACK), (0, TcpFlags::ACK)];
    for (side, flags) in opening {
        send(side, &mut next, flags, b"");
    }
    for (side, bytes) in said {
        for part in bytes.chunks(portion) {
            send(*side as usize, &mut next, TcpFlags::ACK | TcpFlags::PSH, part);
        }
    }
    let closing = [(0, TcpFlags::FIN), (1, TcpFlags::FIN), (0, 0)];
    for (side, flags) in closing {
        send(side, &mut next, flags | TcpFlags::ACK, b"");
    }
    pcap(&segments)
}

/// What the sensor makes of it.
pub(crate) fn told(said: &[(Side, Vec<u8>)], portion: usize) -> Run {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(&capture(said, portion)).expect("room for a capture");
    run(&[file.path()], 1).expect("it is a capture")
}

/// The one connection that was not read.
pub(crate) fn connection(said: &[(Side, Vec<u8>)], portion: usize) -> Value {
    let mut connections = told(said, portion).connection_values();
    assert_eq!(connections.len(), 1, "{connections:#?}");
    connections.remove(0)
}

pub(crate) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &vector16(body)].concat()
}

/// A handshake message over as many records as it takes.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (body.len() as u32).to_be_bytes();
    let message = [&[kind, a, b, c], body].concat();
    message.chunks(1 << 14).flat_map(|part| record(22, part)).collect()
}

pub(crate) fn vector16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

pub(crate) fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(content)].concat()
}

/// A `server_name` extension of these names.
pub(crate) fn names(names: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = names.iter().flat_map(|name| [&[0], vector16(name).as_slice()].concat()).collect();
    extension(0, &vector16(&list))
}

/// A client's hello with these extensions.
pub(crate) fn client_hello(extensions: &[u8]) -> Vec<u8> {
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 4, 0x13, 0x01, 0xC0, 0x2F, 1, 0], &vector16(extensions)];
    message(1, &body.concat())
}

/// A server's hello that takes TLS 1.2.
pub(crate) fn server_hello() -> Vec<u8> {
    message(2, &[&[3, 3][..], &[9; 32], &[0, 0xC0, 0x2F, 0]].concat())
}
