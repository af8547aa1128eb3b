//! Fragments: whole, tiny, reversed, repeated, overlapping, and those whose rest never comes.

use super::*;

const MORE: u16 = 0x2000;

/// A frame with bytes `at..until` of a TCP segment.
fn part4(id: u16, segment: &[u8], at: usize, until: usize) -> Vec<u8> {
    let more = if until < segment.len() { MORE } else { 0 };
    ethernet(0x0800, &ipv4_part(id, (at / 8) as u16 | more, 6, &[], &segment[at..until]))
}

fn part6(id: u8, segment: &[u8], at: usize, until: usize) -> Vec<u8> {
    let more = u16::from(until < segment.len());
    let [o0, o1] = (at as u16 | more).to_be_bytes();
    let header = [6, 0, o0, o1, 0, 0, 0, id];
    ethernet(0x86dd, &ipv6(44, &[&header[..], &segment[at..until]].concat()))
}

fn pieces(len: usize, step: usize) -> Vec<(usize, usize)> {
    (0..len).step_by(step).map(|at| (at, (at + step).min(len))).collect()
}

#[test]
fn tiny_fragments_reversed() {
    let segment = tcp(A4, B4, 7, &[], b"GET /tiny HTTP/1.1");
    let mut bench = Bench::default();
    let mut parts = pieces(segment.len(), 8);
    parts.reverse();
    let (last, rest) = parts.split_last().unwrap();
    for (at, until) in rest {
        bench.check(&part4(9, &segment, *at, *until), "held");
    }
    bench.check(&part4(9, &segment, last.0, last.1), "7 GET /tiny HTTP/1.1");
    assert_eq!(bench.anomalies(Anomaly::IpFragment), 1);
    assert_eq!(bench.finish().counters().packets.processed, parts.len() as u64);
}

#[test]
fn ipv6_fragments_and_a_first_one_that_hides_its_header() {
    let segment = tcp(A6, B6, 7, &[], b"GET /six HTTP/1.1");
    let mut bench = Bench::default();
    bench.check(&part6(1, &segment, 24, 32), "held");
    bench.check(&part6(1, &segment, 32, segment.len()), "held");
    bench.check(&part6(1, &segment, 0, 24), "7 GET /six HTTP/1.1");
    bench.check(&part6(2, &segment, 0, 8), "malformed");
    bench.check(&part6(3, &segment, 0, 20), "malformed");
    bench.finish();
}

#[test]
fn an_atomic_fragment_is_a_whole_packet() {
    let segment = tcp(A6, B6, 7, &[], b"GET");
    let mut bench = Bench::default();
    bench.check(&part6(1, &segment, 0, segment.len()), "7 GET");
    assert_eq!(bench.anomalies(Anomaly::IpFragment), 0);
    bench.finish();
}

#[test]
fn repeated_fragments_are_harmless_and_counted_once_each() {
    let segment = tcp(A4, B4, 7, &[], b"GET /twice HTTP/1.1");
    let mut bench = Bench::default();
    for _ in 0..2 {
        bench.check(&part4(9, &segment, 0, 16), "held");
        bench.check(&part4(9, &segment, 16, 24), "held");
        // Within what is known, over two pieces.
        bench.check(&part4(9, &segment, 8, 24), "held");
    }
    bench.check(&part4(9, &segment, 24, segment.len()), "7 GET /twice HTTP/1.1");
    assert_eq!(bench.anomalies(Anomaly::IpFragOverlap), 0);
    assert_eq!(bench.finish().counters().packets.processed, 7);
}

#[test]
fn a_repeated_fragment_with_other_bytes_changes_nothing_and_is_told() {
    let segment = tcp(A4, B4, 7, &[], b"GET /good HTTP/1.1");
    let other = tcp(A4, B4, 7, &[], b"GET /evil HTTP/1.1");
    let mut bench = Bench::default();
    bench.check(&part4(9, &segment, 0, 32), "held");
    bench.check(&part4(9, &other, 16, 32), "held");
    bench.check(&part4(9, &segment, 32, segment.len()), "7 GET /good HTTP/1.1");
    assert_eq!(bench.anomalies(Anomaly::IpFragOverlap), 1);
    bench.finish();
}

#[test]
fn an_overlap_ends_the_datagram() {
    let segment = tcp(A4, B4, 7, &[], b"GET /evil HTTP/1.1 and more of it");
    let mut bench = Bench::default();
    bench.check(&part4(9, &segment, 0, 24), "held");
    bench.check(&part4(9, &segment, 16, 32), "frag_overlap");
    assert_eq!(bench.anomalies(Anomaly::IpFragOverlap), 1);
    // What comes behind begins anew and never ends.
    bench.check(&part4(9, &segment, 32, segment.len()), "held");
    let counters = bench.finish().counters().clone();
    assert_eq!(counters.dropped.rows(), [("frag_overlap", 2), ("frag_timeout", 1)]);
}

#[test]
fn a_hole_filled_by_a_larger_fragment_is_an_overlap() {
    let segment = tcp(A4, B4, 7, &[], b"GET /evil HTTP/1.1 and more of it");
    let mut bench = Bench::default();
    bench.check(&part4(9, &segment, 0, 8), "held");
    bench.check(&part4(9, &segment, 16, 24), "held");
    bench.check(&part4(9, &segment, 0, 24), "frag_overlap");
    bench.finish();
}

#[test]
fn ends_that_contradict_each_other_end_the_datagram() {
    let long = tcp(A4, B4, 7, &[], b"GET /evil HTTP/1.1 and more of it");
    let short = &long[..40];
    let mut bench = Bench::default();
    bench.check(&part4(1, &long, 40, long.len()), "held");
    bench.check(&part4(1, short, 32, 40), "malformed");
    bench.check(&part4(2, short, 32, 40), "held");
    bench.check(&part4(2, &long, 40, long.len()), "malformed");
    // Past the largest datagram, and empty.
    bench.check(&ethernet(0x0800, &ipv4_part(3, 0x1fff, 6, &[], &[0; 16])), "malformed");
    bench.check(&ethernet(0x0800, &ipv4_part(4, MORE | 1, 6, &[], &[0; 4])), "malformed");
    bench.finish();
}

#[test]
fn other_protocols_and_other_vlans_do_not_mix() {
    let segment = tcp(A4, B4, 7, &[], b"GET");
    let mut bench = Bench::default();
    bench.check(&part4(9, &segment, 0, 8), "held");
    bench.check(&ethernet(0x0800, &ipv4_part(9, 1, 1, &[], &segment[8..])), "not_tcp");
    let mut tagged = part4(9, &segment, 8, segment.len());
    tagged.splice(12..12, [0x81, 0, 0, 5]);
    bench.check(&tagged, "held");
    bench.check(&part4(9, &segment, 8, segment.len()), "7 GET");
    assert_eq!(bench.finish().counters().dropped.rows(), [("not_tcp", 1), ("frag_timeout", 1)]);
}

#[test]
fn the_rest_may_take_thirty_seconds_and_no_longer() {
    let segment = tcp(A4, B4, 7, &[], b"GET");
    let mut bench = Bench::default();
    bench.check(&part4(1, &segment, 0, 16), "held");
    bench.seconds += 29;
    bench.check(&part4(1, &segment, 16, segment.len()), "7 GET");
    bench.check(&part4(2, &segment, 0, 16), "held");
    bench.seconds += 30;
    bench.check(&part4(2, &segment, 16, segment.len()), "frag_timeout");
    assert_eq!(bench.finish().counters().dropped.rows(), [("frag_timeout", 2)]);
}

#[test]
fn a_flood_of_fragments_is_bounded_and_the_oldest_go_first() {
    let segment = tcp(A4, B4, 7, &[], &[b'x'; 600]);
    let mut bench = Bench::new(Config { fragment_bytes_max: 100_000, ..Config::default() });
    for id in 0..2_000 {
        let frame = part4(id, &segment, 0, 600);
        let packet = Packet {
            time: EventTime::from_secs(1_000),
            link: ETHERNET,
            data: &frame,
            original_len: frame.len() as u32,
            offload: Offload::default(),
        };
        assert!(bench.decoder.decode(packet).is_none());
    }
    let whole = format!("7 {}", "x".repeat(600));
    bench.check(&part4(1_999, &segment, 600, segment.len()), &whole);
    // The first part of this one was given up long ago.
    bench.check(&part4(1_000, &segment, 600, segment.len()), "held");
    let counters = bench.finish().counters().clone();
    let given_up: u64 =
        counters.dropped.rows().iter().filter(|row| row.0 == "frag_cap").map(|row| row.1).sum();
    assert!(given_up > 1_900, "{given_up} given up");
}

#[test]
fn a_checksum_is_judged_over_the_whole_datagram() {
    let mut bench = Bench::default();
    bench.check(&frame4(1, b"x"), "1 x");
    let mut segment = tcp(A4, B4, 7, &[], b"GET /evil");
    segment[16] ^= 0xff;
    bench.check(&part4(9, &segment, 0, 16), "held");
    bench.check(&part4(9, &segment, 16, segment.len()), "bad_tcp_checksum");
    assert_eq!(bench.finish().counters().dropped.rows(), [("bad_tcp_checksum", 2)]);
}
