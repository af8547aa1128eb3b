//! Link layers: the same IP packet in every envelope.

use super::*;

fn in_envelope(link: u32, envelope: &[u8], expected: &str) {
    let packet = ipv4(&tcp(A4, B4, 7, &[], b"GET"));
    in_envelope_of(link, envelope, &packet, expected);
}

fn in_envelope_6(link: u32, envelope: &[u8], expected: &str) {
    let packet = ipv6(6, &tcp(A6, B6, 7, &[], b"GET"));
    in_envelope_of(link, envelope, &packet, expected);
}

fn in_envelope_of(link: u32, envelope: &[u8], packet: &[u8], expected: &str) {
    let mut bench = Bench { link: LinkType(link), ..Bench::default() };
    bench.check(&[envelope, packet].concat(), expected);
    // Every shorter frame is refused in peace.
    let frame = [envelope, packet].concat();
    for len in 0..frame.len() {
        let packet = Packet {
            time: EventTime::ZERO,
            link: LinkType(link),
            data: &frame[..len],
            original_len: len as u32,
            offload: Offload::default(),
        };
        assert!(bench.decoder.decode(packet).is_none(), "{len} of {} bytes", frame.len());
    }
    bench.finish();
}

fn macs(rest: &[u8]) -> Vec<u8> {
    [&[2; 12][..], rest].concat()
}

#[test]
fn ethernet_and_its_tags() {
    in_envelope(1, &macs(&[0x08, 0]), "7 GET");
    in_envelope_6(1, &macs(&[0x86, 0xdd]), "7 GET");
    in_envelope(1, &macs(&[0x81, 0, 0x20, 5, 0x08, 0]), "7 GET");
    in_envelope(1, &macs(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x08, 0]), "7 GET");
    let tag = [0x91, 0, 0, 1];
    in_envelope(1, &macs(&[&tag.repeat(4)[..], &[0x08, 0]].concat()), "7 GET");
    in_envelope(1, &macs(&[&tag.repeat(5)[..], &[0x08, 0]].concat()), "malformed");
}

#[test]
fn vlan_ids_are_kept_outermost_first_and_priority_tags_are_no_vlan() {
    let packet = ipv4(&tcp(A4, B4, 7, &[], b"GET"));
    let frame =
        [&macs(&[0x88, 0xa8, 0xe0, 5, 0x81, 0, 0, 6, 0x81, 0, 0x20, 0, 0x08, 0])[..], &packet].concat();
    let mut decoder = Decoder::new(Config::default());
    let packet = Packet {
        time: EventTime::ZERO,
        link: ETHERNET,
        data: &frame,
        original_len: frame.len() as u32,
        offload: Offload::default(),
    };
    assert_eq!(decoder.decode(packet).unwrap().vlans.as_slice(), [5, 6]);
}

#[test]
fn other_link_types() {
    in_envelope(0, &[2, 0, 0, 0], "7 GET");
    in_envelope(0, &[0, 0, 0, 2], "7 GET");
    in_envelope(108, &[0, 0, 0, 2], "7 GET");
    for family in [10, 23, 24, 28, 30] {
        in_envelope_6(0, &[family, 0, 0, 0], "7 GET");
        in_envelope_6(108, &[0, 0, 0, family], "7 GET");
    }
    in_envelope(0, &[7, 0, 0, 0], "not_ip");
    for link in [12, 14, 101] {
        in_envelope(link, &[], "7 GET");
        in_envelope_6(link, &[], "7 GET");
    }
    in_envelope(228, &[], "7 GET");
    in_envelope_6(229, &[], "7 GET");
    in_envelope(113, &[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, 0x08, 0], "7 GET");
    in_envelope(276, &[0x08, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0], "7 GET");
    in_envelope(147, &[], "unknown_link");
}

/// A data frame's header: subtype, flags, and what stands behind the addresses.
fn wireless(subtype: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    [&[subtype, flags, 0, 0][..], &[2; 18], &[0x10, 0], rest, &snap].concat()
}

#[test]
fn wireless_frames_in_the_clear() {
    in_envelope(105, &wireless(0x08, 1, &[]), "7 GET");
    in_envelope(105, &wireless(0x08, 3, &[4; 6]), "7 GET");
    in_envelope(105, &wireless(0x88, 2, &[0, 0]), "7 GET");
    in_envelope(105, &wireless(0x88, 0x82, &[0, 0, 1, 2, 3, 4]), "7 GET");
    // Several packets in one frame: the first.
    let subframe = [&[0x80, 0][..], &[2; 12], &[0, 51]].concat();
    in_envelope(105, &wireless(0x88, 2, &subframe), "7 GET");
    // Encrypted, in fragments, without data, no data at all.
    in_envelope(105, &wireless(0x88, 0x42, &[0, 0]), "not_ip");
    in_envelope(105, &wireless(0x08, 0x05, &[]), "not_ip");
    in_envelope(105, &wireless(0xc8, 2, &[0, 0]), "not_ip");
    in_envelope(105, &wireless(0x80, 0, &[]), "not_ip");
}

#[test]
fn what_the_radio_tells_is_stepped_over() {
    let radio = |radio: &[u8], frame: Vec<u8>| [radio, &frame].concat();
    in_envelope(127, &radio(&[0, 0, 8, 0, 0, 0, 0, 0], wireless(0x08, 1, &[])), "7 GET");
    // A clock, and flags that say that the header is padded; with a second mask before them.
    let clock = [&[0, 0, 17, 0, 3, 0, 0, 0][..], &[9; 8], &[0x20]].concat();
    in_envelope(127, &radio(&clock, wireless(0x88, 2, &[0, 0, 0, 0])), "7 GET");
    let masks = [&[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0][..], &[9; 8], &[0x20]].concat();
    in_envelope(127, &radio(&masks, wireless(0x88, 2, &[0, 0, 0, 0])), "7 GET");
    in_envelope(127, &radio(&[0, 0, 9, 0, 2, 0, 0, 0, 0x10], wireless(0x88, 2, &[0, 0])), "7 GET");
}

#[test]
fn tags_of_switches_and_of_service_chains() {
    in_envelope(1, &macs(&[0x89, 0x26, 0, 1, 0, 2, 0x08, 0]), "7 GET");
    in_envelope(1, &macs(&[0x81, 0, 0, 5, 0x89, 0x26, 0, 1, 0, 2, 0x81, 0, 0, 6, 0x08, 0]), "7 GET");
    in_envelope(1, &macs(&[0x89, 0x4f, 0x0f, 0xc2, 1, 1, 0, 0, 1, 255]), "7 GET");
    let frame = macs(&[0x08, 0]);
    in_envelope(1, &[&macs(&[0x89, 0x4f, 0x0f, 0xc2, 1, 3, 0, 0, 1, 255])[..], &frame].concat(), "7 GET");
    in_envelope(1, &macs(&[0x89, 0x4f, 0x0f, 0xc2, 1, 9, 0, 0, 1, 255]), "not_ip");
}

#[test]
fn arcnet_of_both_kinds_and_both_protocols() {
    for (link, addresses) in [(7, &[0xbe, 0x50][..]), (129, &[0xbe, 0x50, 0xab, 0x08][..])] {
        let with = |rest: &[u8]| [addresses, rest].concat();
        in_envelope(link, &with(&[240]), "7 GET");
        in_envelope(link, &with(&[212, 0, 1, 2]), "7 GET");
        in_envelope_6(link, &with(&[196, 0, 1, 2]), "7 GET");
        in_envelope(link, &with(&[212, 1, 1, 2]), "not_ip");
        in_envelope(link, &with(&[213, 0, 1, 2]), "not_ip");
    }
}

#[test]
fn point_to_point_links() {
    in_envelope(9, &[0xff, 3, 0, 0x21], "7 GET");
    in_envelope(9, &[0x21], "7 GET");
    in_envelope_6(9, &[0, 0x57], "7 GET");
    in_envelope(9, &[0xc0, 0x21], "not_ip");
    in_envelope(50, &[0xff, 3, 0, 0x21], "7 GET");
    in_envelope(50, &[0x0f, 0, 0x08, 0], "7 GET");
    in_envelope(104, &[0x8f, 0, 0x08, 0], "7 GET");
    in_envelope(1, &macs(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 45, 0, 0x21]), "7 GET");
    in_envelope(51, &[0x11, 0, 0, 1, 0, 45, 0, 0x21], "7 GET");
}

#[test]
fn what_is_not_ip_or_hides_it_is_named() {
    in_envelope(1, &macs(&[0x08, 6]), "not_ip");
    in_envelope(1, &macs(&[0, 51, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0]), "7 GET");
    in_envelope(1, &macs(&[0, 38, 0x42, 0x42, 3]), "not_ip");
    for (protocol, reason) in [(17, "not_tcp"), (50, "not_tcp"), (47, "tunnel"), (137, "malformed")] {
        in_envelope_of(1, &macs(&[0x08, 0]), &ipv4_part(1, 0, protocol, &[], &[0; 20]), reason);
        in_envelope_of(1, &macs(&[0x86, 0xdd]), &ipv6(protocol, &[0; 20]), reason);
    }
}
