//! Packets in tunnels that came in pieces, cut, or with wrong checksums.

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// Packets of tunnels, and how many of them the tunnel cut.
fn sight(bench: Bench) -> (u64, u64) {
    let sight = bench.finish().counters().sight.clone();
    (sight.tunnel_packets, sight.cut_tunnel_packets)
}

/// Each way to wrap a frame, outside of which lengths are right whatever is inside.
fn wrapped(frame: &[u8]) -> [Vec<u8>; 4] {
    let erspan = [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0][..], frame].concat();
    let geneve = [&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9][..], frame].concat();
    [
        in_vxlan(1, frame),
        outer(GRE, &erspan),
        outer(UDP, &udp(6_081, &geneve)),
        outer(4, frame.get(14..).unwrap_or(&[])),
    ]
}

#[test]
fn a_tunnel_without_room_cuts_and_what_it_cut_is_missing() {
    let frame = inner();
    for whole in wrapped(&frame) {
        let mut bench = Bench::default();
        bench.check(&whole, "1 GET / HTTP/1.1\r\n\r\n");
        assert_eq!(sight(bench), (1, 0));
    }
    for cut in wrapped(&frame[..frame.len() - 4]) {
        let mut bench = Bench::default();
        bench.check(&cut, "1 GET / HTTP/1.1 +4");
        assert_eq!(sight(bench), (1, 1));
    }
    // Its headers are gone.
    for cut in wrapped(&frame[..14 + 20 + 19]) {
        let mut bench = Bench::default();
        bench.check(&cut, "truncated");
        assert_eq!(sight(bench), (1, 1));
    }
}

#[test]
fn what_the_snap_length_cut_is_missing_and_the_tunnel_is_not_blamed() {
    for whole in wrapped(&inner()) {
        let mut bench = Bench { cut: 4, ..Bench::default() };
        bench.check(&whole[..whole.len() - 4], "1 GET / HTTP/1.1 +4");
        assert_eq!(sight(bench), (0, 0));
        let end = whole.len() - REQUEST.len() - 1;
        let mut bench = Bench { cut: (whole.len() - end) as u32, ..Bench::default() };
        bench.check(&whole[..end], "truncated");
        assert_eq!(sight(bench), (0, 0));
    }
}

/// An IPv4 packet's frame as two fragments, the second one first.
fn halves(id: u16, protocol: u8, payload: &[u8]) -> [Vec<u8>; 2] {
    let at = (payload.len() / 2) & !7;
    let first = ipv4_part(id, 0x2000, protocol, &[], &payload[..at]);
    let last = ipv4_part(id, (at / 8) as u16, protocol, &[], &payload[at..]);
    [ethernet(0x0800, &last), ethernet(0x0800, &first)]
}

#[test]
fn fragments_outside_inside_and_both() {
    let request = "1 GET / HTTP/1.1\r\n\r\n";
    let mut bench = Bench::default();
    let [last, first] = halves(1, UDP, &udp(4_789, &vxlan(5, &inner())));
    bench.check(&last, "held");
    bench.check(&first, request);

    let [last, first] = halves(2, 6, &tcp(A4, B4, 1, &[], REQUEST));
    bench.check(&in_vxlan(5, &last), "held");
    bench.check(&in_vxlan(5, &first), request);

    let parts = halves(3, 6, &tcp(A4, B4, 1, &[], REQUEST)).map(|part| udp(4_789, &vxlan(5, &part)));
    let [one, two] = [halves(4, UDP, &parts[0]), halves(5, UDP, &parts[1])];
    for held in [&one[0], &two[0], &one[1]] {
        bench.check(held, "held");
    }
    bench.check(&two[1], request);
    assert_eq!(bench.anomalies(Anomaly::IpFragment), 5);
    assert_eq!(sight_after(bench, 8), 5);
}

/// Packets of tunnels, after so many that were processed.
fn sight_after(bench: Bench, processed: u64) -> u64 {
    let decoder = bench.finish();
    assert_eq!(decoder.counters().packets.processed, processed);
    decoder.counters().sight.tunnel_packets
}

#[test]
fn fragments_of_two_networks_with_the_same_addresses_do_not_mix() {
    let [last, first] = halves(2, 6, &tcp(A4, B4, 1, &[], REQUEST));
    let mut bench = Bench::default();
    bench.check(&in_vxlan(5, &last), "held");
    bench.check(&in_vxlan(6, &first), "held");
    bench.check(&in_vxlan(5, &first), "1 GET / HTTP/1.1\r\n\r\n");
    assert_eq!(bench.finish().counters().dropped.rows(), [("frag_timeout", 1)]);
}

#[test]
fn a_datagram_in_pieces_that_is_no_tunnel_is_dropped_with_all_its_pieces() {
    let mut bench = Bench::default();
    let [last, first] = halves(1, UDP, &udp(53, &[7; 100]));
    bench.check(&last, "held");
    bench.check(&first, "not_tcp");
    assert_eq!(bench.finish().counters().dropped.rows(), [("not_tcp", 2)]);
}

/// The request with one bit wrong, under the checksum of the right one.
fn spoilt() -> Vec<u8> {
    let mut frame = inner();
    frame[14 + 20 + 20] ^= 0x20;
    frame
}

#[test]
fn checksums_inside_are_judged_and_senders_are_known_by_network() {
    let mut bench = Bench::default();
    bench.check(&in_vxlan(5, &inner()), "1 GET / HTTP/1.1\r\n\r\n");
    bench.check(&in_vxlan(5, &spoilt()), "bad_tcp_checksum");
    // Nothing is known of the host that has this address elsewhere.
    bench.check(&in_vxlan(6, &spoilt()), "1 gET / HTTP/1.1\r\n\r\n");
    bench.check(&spoilt(), "1 gET / HTTP/1.1\r\n\r\n");
    let mut header = inner();
    header[14 + 10] ^= 1;
    bench.check(&in_vxlan(5, &header), "bad_ip_checksum");
    bench.finish();
}

#[test]
fn what_the_kernel_found_right_is_the_outer_checksum() {
    use crate::capture::Checksum;
    let offload = Offload { checksum: Checksum::Right, ..Offload::default() };
    let mut bench = Bench { offload, ..Bench::default() };
    bench.check(&in_vxlan(5, &inner()), "1 GET / HTTP/1.1\r\n\r\n");
    bench.check(&in_vxlan(5, &spoilt()), "bad_tcp_checksum");
    // What the card was still to write is the inner one, if there is one.
    bench.offload.checksum = Checksum::Unwritten;
    bench.check(&in_vxlan(5, &spoilt()), "1 gET / HTTP/1.1\r\n\r\n");
    bench.finish();
}

#[test]
fn frames_are_counted_by_what_a_wire_can_carry() {
    let frames = |length: usize| {
        let mut bench = Bench::default();
        bench.check(&ethernet(0x0806, &vec![0; length - 14]), "not_ip");
        let sight = bench.finish().counters().sight.clone();
        (sight.jumbo_frames, sight.giant_frames)
    };
    assert_eq!((frames(1_522), frames(1_523)), ((0, 0), (1, 0)));
    assert_eq!((frames(9_238), frames(9_239)), ((1, 0), (0, 1)));
}
