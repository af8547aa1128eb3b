//! IP and TCP headers: what a Linux host takes, and the nearest that it does not.

use super::*;
use crate::decode::{TcpFlags, TcpOptions};

fn check(ip: &[u8], expected: &str) {
    Bench::default().check(&ethernet(if ip[0] >> 4 == 6 { 0x86dd } else { 0x0800 }, ip), expected);
}

#[test]
fn padding_is_not_payload() {
    let mut frame = frame4(7, b"");
    frame.resize(60, b'X');
    Bench::default().check(&frame, "7 ");
    let mut frame = frame6(7, b"GET");
    frame.resize(90, b'X');
    Bench::default().check(&frame, "7 GET");
}

#[test]
fn a_snap_length_cuts_payload_and_says_so_and_a_packet_longer_than_its_frame_is_refused() {
    let frame = frame4(7, b"GET / HTTP/1.1");
    let mut bench = Bench { cut: 10, ..Bench::default() };
    bench.check(&frame[..frame.len() - 10], "7 GET  +10");
    bench.check(&frame[..40], "malformed");
    bench.cut = 40;
    bench.check(&frame[..40], "truncated");
    assert_eq!(bench.anomalies(Anomaly::CaptureTruncated), 3);
    bench.cut = 0;
    bench.check(&frame[..frame.len() - 10], "malformed");
    bench.finish();
}

#[test]
fn a_frame_still_to_be_cut_has_length_zero_but_a_short_one_has_not() {
    let zero_length = |payload: &[u8]| {
        let mut ip = ipv4(&tcp(A4, B4, 7, &[], payload));
        ip[2..4].copy_from_slice(&[0, 0]);
        ip
    };
    let long = "x".repeat(3_000);
    check(&zero_length(long.as_bytes()), &format!("7 {long}"));
    check(&zero_length(b"x"), "malformed");
    let mut ip = ipv6(6, &tcp(A6, B6, 7, &[], long.as_bytes()));
    ip[4..6].copy_from_slice(&[0, 0]);
    check(&ip, &format!("7 {long}"));
}

#[test]
fn ip_headers_that_contradict_themselves() {
    let good = ipv4(&tcp(A4, B4, 7, &[], b"GET"));
    for (at, value) in [(0, 0x65), (0, 0x44), (0, 0x4f), (2, 0xff), (3, 19)] {
        let mut bad = good.clone();
        bad[at] = value;
        check(&bad, "malformed");
    }
    let mut bad = frame6(7, b"GET");
    bad[14] = 0x40;
    Bench::default().check(&bad, "malformed");
}

#[test]
fn ipv4_options_pass_but_source_routes_and_broken_ones_do_not() {
    let with = |options: &[u8]| ipv4_part(1, 0, 6, options, &tcp(A4, B4, 7, &[], b"GET"));
    check(&with(&[1, 1, 1, 0]), "7 GET");
    check(&with(&[148, 4, 0, 0]), "7 GET");
    check(&with(&[131, 3, 4, 0]), "malformed");
    check(&with(&[1, 137, 3, 4]), "malformed");
    check(&with(&[7, 1, 0, 0]), "malformed");
    check(&with(&[7, 5, 0, 0]), "malformed");
}

const PADDING: [u8; 6] = [1, 4, 0, 0, 0, 0];

fn extension(next: u8, body: [u8; 6]) -> Vec<u8> {
    [&[next, 0][..], &body].concat()
}

#[test]
fn ipv6_extension_headers_pass_up_to_the_limit() {
    let segment = tcp(A6, B6, 7, &[], b"GET");
    let chain = |count: usize| {
        let mut payload = segment.clone();
        for i in 0..count {
            payload = [&extension(if i == 0 { 6 } else { 60 }, PADDING)[..], &payload].concat();
        }
        ipv6(if count == 0 { 6 } else { 60 }, &payload)
    };
    check(&chain(1), "7 GET");
    check(&chain(16), "7 GET");
    let mut bench = Bench::default();
    bench.check(&ethernet(0x86dd, &chain(17)), "ext_limit");
    bench.check(&ethernet(0x86dd, &chain(100)), "ext_limit");
    assert_eq!(bench.anomalies(Anomaly::IpExtLimit), 2);
    bench.finish();
}

#[test]
fn ipv6_extension_headers_that_linux_drops() {
    let segment = tcp(A6, B6, 7, &[], b"GET");
    let behind = |kind: u8, body: [u8; 6]| ipv6(kind, &[&extension(6, body)[..], &segment].concat());
    check(&behind(0, PADDING), "7 GET");
    check(&behind(43, [0, 0, 0, 0, 0, 0]), "7 GET");
    check(&behind(43, [0, 1, 0, 0, 0, 0]), "malformed");
    // An unknown option may be skipped or not, as its type says.
    check(&behind(60, [0x1e, 4, 0, 0, 0, 0]), "7 GET");
    check(&behind(60, [0x5e, 4, 0, 0, 0, 0]), "malformed");
    // Padding must be zero, options must end with the header.
    check(&behind(60, [1, 4, 0, 0, 1, 0]), "malformed");
    check(&behind(0, [1, 5, 0, 0, 0, 0]), "malformed");
    // Hop-by-hop only in front.
    let late = [&extension(0, PADDING)[..], &extension(6, PADDING), &segment].concat();
    check(&ipv6(60, &late), "malformed");
    // Authentication counts four-byte units.
    let authenticated = [&[6, 4, 0, 0][..], &[9; 20], &segment].concat();
    check(&ipv6(51, &authenticated), "7 GET");
    check(&ipv6(59, &segment), "not_tcp");
    // A header longer than the packet.
    check(&ipv6(60, &[6, 200, 1, 4, 0, 0, 0, 0]), "malformed");
}

#[test]
fn a_jumbogram_is_as_long_as_its_option_says() {
    let payload = "x".repeat(70_000);
    let segment = tcp(A6, B6, 7, &[], payload.as_bytes());
    let jumbo = |length: u32| {
        let [a, b, c, d] = length.to_be_bytes();
        let mut ip = ipv6(0, &[&[6, 0, 0xc2, 4, a, b, c, d][..], &segment].concat());
        ip[4..6].copy_from_slice(&[0, 0]);
        ip.extend_from_slice(b"padding");
        ip
    };
    let whole = 8 + segment.len() as u32;
    check(&jumbo(whole), &format!("7 {payload}"));
    check(&jumbo(whole + 8), "malformed");
    check(&jumbo(500), "malformed");
    let mut ordinary = jumbo(whole);
    ordinary[4..6].copy_from_slice(&[1, 0]);
    check(&ordinary, "malformed");
}

#[test]
fn every_field_of_tcp() {
    let mut bytes = tcp(A4, B4, 0x0102_0304, &[], b"x");
    bytes[8..16].copy_from_slice(&[5, 6, 7, 8, 0x50, 0xff, 0x12, 0x34]);
    bytes[18..20].copy_from_slice(&[0x56, 0x78]);
    let tcp = crate::decode::tcp::parse(&bytes, 0).unwrap();
    assert_eq!((tcp.src_port, tcp.dst_port, tcp.seq, tcp.ack), (40_000, 80, 0x0102_0304, 0x0506_0708));
    assert_eq!((tcp.flags, tcp.window, tcp.urgent), (TcpFlags(0xff), 0x1234, 0x5678));
    bytes[12] = 0x40;
    assert!(crate::decode::tcp::parse(&bytes, 0).is_err(), "an offset inside the header");
    bytes[12] = 0x60;
    assert!(crate::decode::tcp::parse(&bytes, 0).is_err(), "an offset behind the segment");
}

#[test]
fn tcp_options_up_to_the_first_broken_one() {
    let check = |flags: u8, options: &[u8], expected: TcpOptions| {
        let mut bytes = tcp(A4, B4, 7, options, b"");
        bytes[13] = flags;
        assert_eq!(crate::decode::tcp::parse(&bytes, 0).unwrap().options, expected, "{options:?}");
    };
    let none = TcpOptions::default();
    let (syn, ack) = (TcpFlags::SYN, TcpFlags::ACK);
    check(syn, &[2, 4, 5, 0xb4, 1, 3, 3, 7], TcpOptions { window_scale: Some(7), ..none });
    check(ack, &[3, 3, 7, 0], none);
    let stamps = [8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    let stamped = TcpOptions { timestamps: Some((1, 2)), ..none };
    check(ack, &[&[1, 1][..], &stamps].concat(), stamped);
    check(ack, &[&stamps[..], &[0, 0]].concat(), stamped);
    check(ack, &[&stamps[..], &[9, 1]].concat(), TcpOptions { malformed: true, ..stamped });
    check(ack, &[8, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], none);
    check(ack, &[8, 10, 0, 0], TcpOptions { malformed: true, ..none });
    check(ack, &[0, 1, 1, 5], none);
    check(ack, &[&[19, 18][..], &[9; 16], &[1, 1]].concat(), TcpOptions { signed: true, ..none });
    check(ack, &[29, 4, 1, 1], TcpOptions { signed: true, ..none });
    check(ack, &[19, 4, 1, 1], none);
    check(syn, &[4, 2, 1, 1], TcpOptions { sack_permitted: true, ..none });
    check(ack, &[4, 2, 1, 1], none);
    check(syn, &[34, 6, 1, 2, 3, 4, 1, 1], TcpOptions { fast_open: true, ..none });
    check(syn, &[34, 2, 1, 1], none);
    check(syn, &[254, 8, 0xf9, 0x89, 1, 2, 3, 4], TcpOptions { fast_open: true, ..none });
    check(ack, &[34, 6, 1, 2, 3, 4, 1, 1], none);
}
