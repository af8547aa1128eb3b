//! Wrong checksums: decoys of an attacker, and the same bytes as a network card's offload leaves them.

use super::*;
use crate::decode::Checksums;

/// A frame whose TCP checksum field holds `sum`.
fn with_sum(seq: u32, payload: &[u8], sum: [u8; 2]) -> Vec<u8> {
    let mut frame = frame4(seq, payload);
    frame[50..52].copy_from_slice(&sum);
    frame
}

#[test]
fn a_decoy_among_good_segments_is_dropped() {
    let mut bench = Bench::default();
    bench.check(&frame4(1, b"GET /good"), "1 GET /good");
    bench.check(&with_sum(10, b"GET /evil", [0xba, 0xad]), "bad_tcp_checksum");
    bench.check(&with_sum(10, b"GET /evil", [0, 0]), "bad_tcp_checksum");
    bench.check(&frame4(10, b"GET /more"), "10 GET /more");
    assert_eq!(bench.anomalies(Anomaly::TcpBadChecksum), 2);
    bench.finish();
}

#[test]
fn a_sender_whose_checksums_are_all_wrong_is_accepted_and_counted() {
    let mut bench = Bench::default();
    for seq in 1..=3 {
        bench.check(&with_sum(seq, b"x", [0xba, 0xad]), &format!("{seq} x"));
    }
    assert_eq!(bench.anomalies(Anomaly::TcpBadChecksum), 3);
    bench.finish();
}

#[test]
fn a_checksum_left_to_the_network_card_is_none_of_both() {
    let left = partial_sum(A4, B4, 21);
    let left_by_windows = partial_sum(A4, B4, 0);
    let mut bench = Bench::default();
    bench.check(&with_sum(1, b"x", left), "1 x");
    bench.check(&with_sum(2, b"x", left_by_windows), "2 x");
    assert_eq!(bench.anomalies(Anomaly::TcpBadChecksum), 0);
    // From a sender that writes right ones it is doubtful: joined on receipt, or a decoy.
    bench.check(&frame4(3, b"x"), "3 x");
    bench.check(&with_sum(4, b"x", left), "4 x");
    assert_eq!(bench.anomalies(Anomaly::TcpBadChecksum), 1);
    bench.finish();
}

#[test]
fn strict_drops_all_of_them_and_off_drops_none() {
    let frames = [with_sum(1, b"x", [0xba, 0xad]), with_sum(1, b"x", partial_sum(A4, B4, 21))];
    let mut strict = Bench::new(Config { checksums: Checksums::Strict, ..Config::default() });
    let mut off = Bench::new(Config { checksums: Checksums::Off, ..Config::default() });
    off.check(&frame4(1, b"x"), "1 x");
    for frame in &frames {
        strict.check(frame, "bad_tcp_checksum");
        off.check(frame, "1 x");
    }
    assert_eq!(strict.anomalies(Anomaly::TcpBadChecksum), 2);
    assert_eq!(off.anomalies(Anomaly::TcpBadChecksum), 0);
}

#[test]
fn a_frame_longer_than_any_wire_carries_passes_and_one_that_fits_does_not() {
    let mut bench = Bench::default();
    bench.check(&frame4(1, b"x"), "1 x");
    let long = "x".repeat(9_300);
    bench.check(&with_sum(2, long.as_bytes(), [0xba, 0xad]), &format!("2 {long}"));
    bench.check(&with_sum(2, &long.as_bytes()[..9_000], [0xba, 0xad]), "bad_tcp_checksum");
    bench.finish();
}

#[test]
fn a_segment_cut_by_the_snap_length_cannot_be_judged() {
    let mut bench = Bench::default();
    bench.check(&frame4(1, b"x"), "1 x");
    bench.cut = 4;
    let frame = with_sum(2, b"GET / HTTP", [0xba, 0xad]);
    bench.check(&frame[..frame.len() - 4], "2 GET /  +4");
    bench.finish();
}

#[test]
fn odd_lengths_and_ipv6() {
    let mut bench = Bench::default();
    for len in 0..40 {
        let payload = "y".repeat(len);
        bench.check(&frame4(1, payload.as_bytes()), &format!("1 {payload}"));
        bench.check(&frame6(1, payload.as_bytes()), &format!("1 {payload}"));
    }
    assert_eq!(bench.anomalies(Anomaly::TcpBadChecksum), 0);
    let mut decoy = frame6(1, b"evil");
    decoy[75] ^= 1;
    bench.check(&decoy, "bad_tcp_checksum");
    bench.finish();
}

#[test]
fn a_bad_header_checksum_is_a_decoy_unless_the_sender_never_wrote_a_right_one() {
    let mut decoy = frame4(10, b"GET /evil");
    decoy[24] ^= 0xff;
    let mut bench = Bench::default();
    bench.check(&frame4(1, b"GET /good"), "1 GET /good");
    bench.check(&decoy, "bad_ip_checksum");
    assert_eq!(bench.anomalies(Anomaly::IpBadChecksum), 1);
    bench.finish();

    let mut bench = Bench::default();
    bench.check(&decoy, "10 GET /evil");
    assert_eq!(bench.anomalies(Anomaly::IpBadChecksum), 1);
    bench.finish();
}
