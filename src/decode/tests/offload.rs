//! What the kernel knows about a frame beside its bytes: the tag it took out, and the state of the checksum.

use super::*;
use crate::capture::Checksum;
use crate::decode::Checksums;

fn vlans(frame: &[u8], vlan: Option<u16>) -> Vec<u16> {
    let mut decoder = Decoder::new(Config::default());
    let packet = Packet {
        time: EventTime::ZERO,
        link: ETHERNET,
        data: frame,
        original_len: frame.len() as u32,
        offload: Offload { vlan, ..Offload::default() },
    };
    decoder.decode(packet).unwrap().vlans.as_slice().to_vec()
}

#[test]
fn a_tag_that_was_taken_out_is_outside_of_those_left_in() {
    let plain = frame4(7, b"GET");
    let tagged = [&plain[..12], &[0x81, 0, 0, 6], &plain[12..]].concat();
    assert!(vlans(&plain, None).is_empty());
    assert_eq!(vlans(&plain, Some(5)), [5]);
    assert_eq!(vlans(&tagged, Some(5)), [5, 6]);
    assert_eq!(vlans(&tagged, Some(0)), [6], "a priority is no network");
}

/// A frame with a checksum that is wrong in a way no card leaves behind.
fn wrong(seq: u32) -> Vec<u8> {
    let mut frame = frame4(seq, b"GET /evil");
    frame[50..52].copy_from_slice(&[0xba, 0xad]);
    frame
}

fn bench(config: Config, checksum: Checksum) -> Bench {
    Bench { offload: Offload { vlan: None, checksum }, ..Bench::new(config) }
}

#[test]
fn a_checksum_that_was_not_written_yet_says_nothing_of_frame_or_sender() {
    let mut bench = bench(Config::default(), Checksum::Unwritten);
    bench.check(&wrong(1), "1 GET /evil");
    assert_eq!(bench.anomalies(Anomaly::TcpBadChecksum), 0);
    // The sender is not known as exact after it: its next one is counted and passes.
    bench.offload.checksum = Checksum::Unknown;
    bench.check(&wrong(2), "2 GET /evil");
    assert_eq!(bench.anomalies(Anomaly::TcpBadChecksum), 1);
    bench.finish();

    let strict = Config { checksums: Checksums::Strict, ..Config::default() };
    let mut strict = self::bench(strict, Checksum::Unwritten);
    strict.check(&wrong(1), "bad_tcp_checksum");
    strict.check(&frame4(1, b"GET"), "1 GET");
    strict.finish();
}

#[test]
fn a_checksum_that_was_found_right_is_not_summed_up_again_and_makes_its_sender_exact() {
    let mut bench = bench(Config::default(), Checksum::Right);
    bench.check(&wrong(1), "1 GET /evil");
    assert_eq!(bench.anomalies(Anomaly::TcpBadChecksum), 0);
    bench.offload.checksum = Checksum::Unknown;
    bench.check(&wrong(2), "bad_tcp_checksum");
    bench.check(&frame4(2, b"GET /good"), "2 GET /good");
    bench.finish();
}

#[test]
fn what_is_known_of_a_fragment_is_not_known_of_the_datagram() {
    let mut segment = tcp(A4, B4, 7, &[], b"GET /evil HTTP/1.1");
    segment[16..18].copy_from_slice(&[0xba, 0xad]);
    let part = |flags, bytes: &[u8]| ethernet(0x0800, &ipv4_part(9, flags, 6, &[], bytes));
    let mut bench = Bench::default();
    bench.check(&frame4(1, b"GET /good"), "1 GET /good");
    bench.offload.checksum = Checksum::Right;
    bench.check(&part(0x2000, &segment[..24]), "held");
    bench.check(&part(3, &segment[24..]), "bad_tcp_checksum");
    bench.finish();
}
