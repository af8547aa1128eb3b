//! What goes over the cables: conversations as frames, plain, tagged and wrapped.
//! It is given numbers and names and gives frames in order.
//! It promises a connection of its own for each number, and the same bytes each time.

use crate::conversation;
use serde_json::Value;
use std::fmt::Write as _;

const PCAP_HEAD_BYTES: usize = 24;
const SERVER: [u8; 4] = [10, 0, 0, 5];
/// Where an IPv4 source is in an untagged Ethernet frame.
const SOURCE: std::ops::Range<usize> = 26..30;
/// Frames of one exchange.
pub const EXCHANGE_FRAMES: u64 = 10;

/// The frames of a conversation.
pub fn frames(text: &str) -> Vec<Vec<u8>> {
    let capture = conversation::pcap(text);
    let mut rest = &capture[PCAP_HEAD_BYTES..];
    let mut frames = Vec::new();
    while let Some(length) = rest.get(8..12).and_then(|length| length.first_chunk()) {
        let (frame, more) = rest[16..].split_at(u32::from_le_bytes(*length) as usize);
        frames.push(frame.to_vec());
        rest = more;
    }
    frames
}

/// One request and its answer for each number, in connections of their own.
pub fn exchanges(numbers: std::ops::Range<u16>) -> Vec<Vec<u8>> {
    let items = "item ".repeat(150);
    let mut text = String::new();
    for number in numbers {
        write!(
            text,
            "@open a 84.128.212.178:{} -> 10.0.0.5:443 at 2026-11-21T10:00:00Z\n\
             @a> +1ms\n\
             GET /v1/items?page={number} HTTP/1.1\n\
             Host: api.example.com\n\
             User-Agent: curl/8.7.1\n\
             @a< +1ms\n\
             HTTP/1.1 200 OK\n\
             Content-Type: application/json\n\
             \n\
             {{\"items\":\"{items}\"}}\n\
             @close a +1ms\n",
            20_000 + number
        )
        .unwrap();
    }
    frames(&text)
}

/// A right password, then so many wrong codes and at last a right one or none.
pub fn codes(account: &str, port: u16, wrong: u32, right: bool) -> Vec<Vec<u8>> {
    let host = "Host: api.example.com\nContent-Type: application/json\n";
    let json = "Content-Type: application/json\n";
    let mut text = format!(
        "@open a 84.128.212.178:{port} -> 10.0.0.5:443 at 2026-11-21T10:00:00Z\n\
         @a> +1s\n\
         POST /login HTTP/1.1\n{host}\n\
         {{\"username\":\"{account}@example.com\",\"password\":\"correct horse 41\"}}\n\
         @a< +200ms\n\
         HTTP/1.1 401 Unauthorized\n{json}\n\
         {{\"error\":\"mfa_required\",\"mfa_token\":\"tkt_{account}_9f2c41d07ab3\"}}\n"
    );
    let mut code = |digits: u32, answer: &str| {
        write!(
            text,
            "@a> +9s\n\
             POST /mfa/verify HTTP/1.1\n{host}\n\
             {{\"mfa_token\":\"tkt_{account}_9f2c41d07ab3\",\"code\":\"{digits:06}\"}}\n\
             @a< +150ms\n{answer}\n"
        )
        .unwrap();
    };
    for number in 1..=wrong {
        code(
            number * 111_111 % 1_000_000,
            &format!("HTTP/1.1 401 Unauthorized\n{json}\n{{\"error\":\"invalid_code\"}}"),
        );
    }
    if right {
        code(481_523, &format!("HTTP/1.1 200 OK\n{json}\n{{\"access_token\":\"at_{account}_5b1c77e0\"}}"));
    }
    text.push_str("@close a +1s\n");
    frames(&text)
}

/// Whether a frame comes from the server.
pub fn is_answer(frame: &[u8]) -> bool {
    frame[SOURCE] == SERVER
}

/// The frame with an 802.1Q tag.
pub fn tagged(frame: &[u8], vlan: u16) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(12);
    [addresses, &[0x81, 0x00], &vlan.to_be_bytes(), rest].concat()
}

/// The frame inside VXLAN (RFC 7348), between two tunnel ends. The outer source port differs by direction, as it does
/// where each end hashes for itself.
pub fn wrapped(frame: &[u8], vni: u32) -> Vec<u8> {
    let (from, to, port) = if is_answer(frame) { (2, 1, 50_001) } else { (1, 2, 60_002) };
    let outer = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 1, from], [2, 0, 0, 0, 1, to])
        .ipv4([192, 0, 2, from], [192, 0, 2, to], 64)
        .udp(port, 4_789);
    let payload = [&[8, 0, 0, 0], &(vni << 8).to_be_bytes(), frame].concat();
    let mut bytes = Vec::new();
    outer.write(&mut bytes, &payload).unwrap();
    bytes
}

/// The frame as one of two switches mirrors it: ERSPAN type II in GRE, a session each.
pub fn mirrored(frame: &[u8], is_second: bool) -> Vec<u8> {
    let number = u8::from(is_second);
    let outer = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 2, number], [2, 0, 0, 0, 2, 9]).ipv4(
        [192, 0, 2, 10 + number],
        [192, 0, 2, 99],
        64,
    );
    let head = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, number + 1, 0, 0, 0, 0];
    let mut bytes = Vec::new();
    outer.write(&mut bytes, etherparse::IpNumber::GRE, &[&head[..], frame].concat()).unwrap();
    bytes
}

/// Host, path, status and ports of transactions, in order: what two sensors on one cable agree on.
pub fn outline(transactions: &[Value]) -> Vec<String> {
    let mut outline: Vec<String> = transactions
        .iter()
        .map(|record| {
            let (flow, request) = (&record["flow"], &record["request"]);
            let parts =
                [&flow["src_port"], &request["path"], &record["response"]["status"], &record["completeness"]];
            parts.map(Value::to_string).join(" ")
        })
        .collect();
    outline.sort();
    outline
}
