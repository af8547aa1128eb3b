//! Each kind of tunnel around the same request.

use super::*;

fn check(protocol: u8, payload: &[u8], expected: &str) {
    check_way(ETHERNET, &outer(protocol, payload), expected);
}

fn gre(head: &[u8], rest: &[u8]) -> Vec<u8> {
    [head, rest].concat()
}

#[test]
fn ip_in_ip_of_both_versions() {
    let (four, six) = (inner()[14..].to_vec(), ipv6(6, &tcp(A6, B6, 1, &[], b"GET")));
    check(4, &four, "ipip - []");
    check(41, &six, "ipip - []");
    check_way(ETHERNET, &ethernet(0x86dd, &ipv6(4, &four)), "ipip - []");
    check_way(ETHERNET, &ethernet(0x86dd, &ipv6(41, &six)), "ipip - []");
    // Behind extension headers, too.
    let options = [41, 0, 1, 4, 0, 0, 0, 0];
    check_way(ETHERNET, &ethernet(0x86dd, &ipv6(60, &[&options[..], &six].concat())), "ipip - []");
    fate(4, &six, "malformed");
    fate(41, &four, "malformed");
}

#[test]
fn gre_with_all_its_fields() {
    let packet = inner()[14..].to_vec();
    check(GRE, &gre(&[0, 0, 8, 0], &packet), "gre - []");
    check(GRE, &gre(&[0x80, 0, 8, 0, 9, 9, 0, 0], &packet), "gre - []");
    check(GRE, &gre(&[0x20, 0, 8, 0, 0, 0, 0, 77], &packet), "gre 77 []");
    check(GRE, &gre(&[0xb0, 0, 8, 0, 9, 9, 0, 0, 0, 0, 0, 77, 0, 0, 0, 1], &packet), "gre 77 []");
    // Routes: two addresses, one address, the end.
    let routes = [8, 0, 0, 8, 1, 1, 1, 1, 2, 2, 2, 2, 8, 0, 0, 4, 3, 3, 3, 3, 0, 0, 0, 0];
    check(GRE, &gre(&[&[0x40, 0, 8, 0, 0, 0, 0, 0][..], &routes].concat(), &packet), "gre - []");
    let six = ipv6(6, &tcp(A6, B6, 1, &[], b"GET"));
    check(GRE, &gre(&[0, 0, 0x86, 0xdd], &six), "gre - []");
    check(GRE, &gre(&[0, 0, 0x65, 0x58], &inner()), "gre - []");
    check(GRE, &gre(&[0, 0, 0x88, 0x47, 0, 0, 0x11, 64], &packet), "mpls - []");
    check(GRE, &gre(&[0, 0, 0x88, 0x3e], &packet), "gre - []");
    check(GRE, &gre(&[0, 0, 0x88, 0x3e, 0, 0x55, 0, 0x48], &packet), "gre - []");
    check(UDP, &udp(4_754, &gre(&[0x20, 0, 8, 0, 0, 0, 0, 77], &packet)), "gre 77 []");
    fate(GRE, &[0, 0, 0, 0, 1, 2, 3, 4], "tunnel");
    fate(GRE, &[0, 2, 8, 0, 1, 2, 3, 4], "tunnel");
}

#[test]
fn nvgre_has_a_subnet_and_a_bridge_with_a_small_key_has_a_key() {
    check(GRE, &gre(&[0x20, 0, 0x65, 0x58, 0, 0x10, 0, 0x5a], &inner()), "nvgre 4096 []");
    check(GRE, &gre(&[0x20, 0, 0x65, 0x58, 0, 0x0f, 0xff, 0x5a], &inner()), "gre 1048410 []");
    check(GRE, &gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 5], &inner()), "gre 5 []");
    let tenant = |flow| {
        let frame = outer(GRE, &gre(&[0x20, 0, 0x65, 0x58, 0, 0x13, 0x88, flow], &inner()));
        decoded(&mut Decoder::new(Config::default()), ETHERNET, &frame).unwrap().1
    };
    assert_eq!(tenant(1), tenant(2), "the low byte spreads flows");
}

#[test]
fn erspan_of_three_types() {
    let frame = inner();
    check(GRE, &gre(&[0, 0, 0x88, 0xbe], &frame), "erspan - []");
    let second = |v: u8, session: u8| [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, v, session, 33, 0, 0, 0, 0];
    check(GRE, &gre(&second(0, 0), &frame), "erspan 33 []");
    check(GRE, &gre(&second(42, 0x10), &frame), "erspan 33 [42]");
    // The tag is in the frame still: it is told once.
    let tagged = [&frame[..12], &[0x81, 0, 0, 42], &frame[12..]].concat();
    check(GRE, &gre(&second(42, 0x18), &tagged), "erspan 33 [42]");
    let third = |kind: u8, flags: u8| {
        [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 42, 0, 33, 1, 2, 3, 4, 0, 0, kind, flags]
    };
    check(GRE, &gre(&third(0, 0), &frame), "erspan 33 [42]");
    check(GRE, &gre(&third(0, 1), &[&[7; 8][..], &frame].concat()), "erspan 33 [42]");
    check(GRE, &gre(&third(8, 0), &frame[14..]), "erspan 33 [42]");
}

#[test]
fn vxlan_and_what_grew_from_it() {
    let frame = inner();
    let packet = &frame[14..];
    check(UDP, &udp(4_789, &vxlan(5_001, &frame)), "vxlan 5001 []");
    check(UDP, &udp(8_472, &vxlan(1, &frame)), "vxlan 1 []");
    let tagged = [&frame[..12], &[0x81, 0, 0, 42], &frame[12..]].concat();
    check(UDP, &udp(4_789, &vxlan(1, &tagged)), "vxlan 1 [42]");
    // Group policy: the four bits that would name a protocol are a group's number.
    check(UDP, &udp(4_789, &gre(&[0x8c, 0, 0, 1, 0, 0, 1, 0], &frame)), "vxlan 1 []");
    for (protocol, inside) in [(1, packet), (3, &frame)] {
        check(UDP, &udp(4_790, &gre(&[0x0c, 0, 0, protocol, 0, 0, 1, 0], inside)), "vxlan 1 []");
    }
    let chain = [&[0x0f, 0xc2, 1, 1, 0, 0, 1, 255][..], packet].concat();
    check(UDP, &udp(4_790, &gre(&[0x0c, 0, 0, 4, 0, 0, 1, 0], &chain)), "vxlan 1 []");
    // To the port, with the bit that says that there is a network unset.
    fate(UDP, &udp(4_789, &gre(&[0, 0, 0, 0, 0, 0, 1, 0], &frame)), "not_tcp");
    // From the port, it is anything.
    fate(UDP, &udp_between(4_789, 53, &[7; 40]), "not_tcp");
}

#[test]
fn geneve_with_options_and_a_cloud_mirror_inside() {
    let frame = inner();
    check(UDP, &udp(6_081, &gre(&[0, 0, 0x65, 0x58, 0, 0, 9, 0], &frame)), "geneve 9 []");
    let options = [2, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 8, 1, 1, 9, 9, 9, 9];
    check(UDP, &udp(6_081, &gre(&options, &frame)), "geneve 9 []");
    // Gateway load balancers: IP directly, behind options that name endpoint and flow.
    let balancer =
        [&[8, 0, 8, 0, 0, 0, 0, 0][..], &[1, 8, 1, 2, 0, 0, 0, 1, 0, 0, 0, 2].repeat(3)[..32]].concat();
    check(UDP, &udp(6_081, &gre(&balancer, &frame[14..])), "geneve 0 []");
    let mirrored = outer(UDP, &udp(4_789, &vxlan(7, &frame)));
    check(UDP, &udp(6_081, &gre(&options, &mirrored)), "vxlan 7 []");
    fate(UDP, &udp(6_081, &gre(&[0, 0x80, 0x65, 0x58, 0, 0, 9, 0], &frame)), "tunnel");
    fate(UDP, &udp(6_081, &gre(&[0x40, 0, 0x65, 0x58, 0, 0, 9, 0], &frame)), "not_tcp");
}

#[test]
fn labels_and_what_may_follow_them() {
    let (frame, six) = (inner(), ipv6(6, &tcp(A6, B6, 1, &[], b"GET")));
    let label = |rest: &[u8]| ethernet(0x8847, &[&[0, 1, 0x01, 64][..], rest].concat());
    check_way(ETHERNET, &label(&frame[14..]), "mpls - []");
    check_way(ETHERNET, &label(&six), "mpls - []");
    let stack = [&[0, 1, 0x00, 64, 0, 2, 0x00, 64][..], &[0, 3, 0x01, 64], &frame[14..]].concat();
    check_way(ETHERNET, &ethernet(0x8847, &stack), "mpls - []");
    // A pseudowire: with a control word, without one, to an address that looks like IP, and to one that looks like none.
    check_way(ETHERNET, &label(&[&[0, 0, 0, 9][..], &frame].concat()), "mpls - []");
    for first in [0x02, 0x00, 0x44, 0x60, 0xf4] {
        let mut addressed = frame.clone();
        addressed[0] = first;
        check_way(ETHERNET, &label(&addressed), "mpls - []");
        check_way(ETHERNET, &label(&[&[0, 0, 0, 9][..], &addressed].concat()), "mpls - []");
    }
    // An address of IP whose bytes stand where a frame has its type.
    let mut odd = ipv4_part(7, 0, 6, &[], &tcp(A4, B4, 1, &[], b"GET"));
    odd[12..15].copy_from_slice(&[8, 0, 0x45]);
    odd[10..12].copy_from_slice(&[0, 0]);
    let sum = super::super::checksum(&[&odd[..20]]);
    odd[10..12].copy_from_slice(&sum);
    check_way(ETHERNET, &label(&odd), "mpls - []");
    check(137, &[&[0, 1, 0x01, 64][..], &frame[14..]].concat(), "mpls - []");
    check(UDP, &udp(6_635, &[&[0, 1, 0x01, 64][..], &frame[14..]].concat()), "mpls - []");
    let refused = |rest: &[u8], reason| Bench::default().check(&ethernet(0x8847, rest), reason);
    refused(&[0, 1, 0x00, 64].repeat(40), "malformed");
    refused(&[0, 1, 0x00, 64], "malformed");
    refused(&[0, 1, 0x01, 64, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "not_ip");
}

#[test]
fn mobile_networks() {
    let packet = inner()[14..].to_vec();
    let length = (packet.len() as u16).to_be_bytes();
    let plain = [&[0x30, 0xff, length[0], length[1], 0xde, 0xad, 0xbe, 0xef][..], &packet].concat();
    check(UDP, &udp(2_152, &plain), "gtp 3735928559 []");
    check(UDP, &udp_between(2_152, 40_000, &plain), "gtp 3735928559 []");
    // A sequence number; one extension header of 5G, and one of eight bytes behind it.
    let with = |flags: u8, more: &[u8]| {
        let length = ((packet.len() + more.len()) as u16).to_be_bytes();
        [&[flags, 0xff, length[0], length[1], 0, 0, 0, 1][..], more, &packet].concat()
    };
    check(UDP, &udp(2_152, &with(0x32, &[0, 1, 0, 0])), "gtp 1 []");
    check(
        UDP,
        &udp(2_152, &with(0x34, &[0, 0, 0, 0x85, 1, 0x10, 9, 0x20, 2, 0, 0, 0, 0, 0, 0, 0])),
        "gtp 1 []",
    );
    // Without its flag, the type of the next extension means nothing.
    check(UDP, &udp(2_152, &with(0x32, &[0, 1, 0, 0x85])), "gtp 1 []");
    fate(UDP, &udp(2_152, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]), "tunnel");
    fate(UDP, &udp(2_152, &with(0x34, &[0, 0, 0, 0x85, 0, 0, 0, 0])), "malformed");
}

#[test]
fn tunnels_of_hosts() {
    let six = ipv6(6, &tcp(A6, B6, 1, &[], b"GET"));
    check(UDP, &udp(3_544, &six), "teredo - []");
    check(UDP, &udp_between(3_544, 50_000, &[&[0, 0, 1, 2, 3, 4, 5, 6][..], &six].concat()), "teredo - []");
    let proved = [&[0, 1, 2, 3][..], &[9; 5], &[8; 9], &[0, 0, 1, 2, 3, 4, 5, 6]].concat();
    check(UDP, &udp(3_544, &[&proved[..], &six].concat()), "teredo - []");
    let packet = inner()[14..].to_vec();
    check(UDP, &udp(1_701, &[&[0, 2, 0, 1, 0, 2, 0xff, 3, 0, 0x21][..], &packet].concat()), "l2tp - []");
    let all = [0x4a, 2, 0, 60, 0, 1, 0, 2, 0, 0, 0, 0, 0, 2, 9, 9, 0x21];
    check(UDP, &udp(1_701, &[&all[..], &packet].concat()), "l2tp - []");
    fate(UDP, &udp(1_701, &[0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0]), "not_tcp");
    // PPTP: payload's length and call in the key; sequence number, and acknowledgment alone.
    let length = (packet.len() as u16 + 4).to_be_bytes();
    let head = [0x30, 1, 0x88, 0x0b, length[0], length[1], 0, 7, 0, 0, 0, 1, 0xff, 3, 0, 0x21];
    check(GRE, &gre(&head, &packet), "pptp - []");
    fate(GRE, &[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 7, 0, 0, 0, 1], "not_ip");
    // Encrypted.
    fate(GRE, &gre(&[0x30, 1, 0x88, 0x0b, 0, 4, 0, 7, 0, 0, 0, 1], &[0, 0xfd, 1, 2]), "not_ip");
}

#[test]
fn frames_of_wireless_controllers() {
    let head = [&[0x88, 1, 0, 0][..], &[2; 18], &[0x10, 0, 0, 0], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]].concat();
    check(GRE, &gre(&[0, 0, 0x82, 0], &[&head[..], &inner()[14..]].concat()), "gre - []");
}

#[test]
fn what_is_inside_and_no_tcp_is_dropped_by_its_own_reason() {
    let vxlan_of = |frame: &[u8], reason| Bench::default().check(&in_vxlan(1, frame), reason);
    vxlan_of(&ethernet(0x0806, &[0; 28]), "not_ip");
    vxlan_of(&outer(1, &[8, 0, 0, 0]), "not_tcp");
    vxlan_of(&outer(UDP, &udp(53, &[0; 20])), "not_tcp");
    vxlan_of(&outer(GRE, &[0, 0, 0, 0]), "tunnel");
    vxlan_of(&outer(6, &[0; 20]), "malformed");
    vxlan_of(&[2; 13], "malformed");
}

#[test]
fn vlans_outside_and_inside_are_kept_outermost_first() {
    let tagged = |frame: &[u8], id: u8| [&frame[..12], &[0x81, 0, 0, id], &frame[12..]].concat();
    let both = tagged(&in_vxlan(5, &tagged(&inner(), 20)), 10);
    check_way(ETHERNET, &both, "vxlan 5 [10, 20]");
    // As many as are kept of an ordinary frame.
    let three = tagged(&in_vxlan(5, &tagged(&tagged(&inner(), 30), 20)), 10);
    check_way(ETHERNET, &three, "vxlan 5 [10, 20]");
}

#[test]
fn a_network_is_told_apart_by_its_number_and_a_way_is_not() {
    let tenant = |frame: &[u8]| decoded(&mut Decoder::new(Config::default()), ETHERNET, frame).unwrap().1;
    let (outside, packet) = (tenant(&inner()), inner()[14..].to_vec());
    assert_eq!(outside, Tenant::default());
    assert_ne!(tenant(&in_vxlan(0, &inner())), outside);
    assert_ne!(tenant(&in_vxlan(1, &inner())), tenant(&in_vxlan(2, &inner())));
    // A balancer's tunnel to its server, while the server answers directly.
    assert_eq!(tenant(&outer(4, &packet)), outside);
    assert_eq!(tenant(&outer(GRE, &gre(&[0, 0, 8, 0], &packet))), outside);
    let session =
        |n: u8| outer(GRE, &gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, n, 0, 0, 0, 0], &inner()));
    assert_eq!(tenant(&session(1)), tenant(&session(2)));
    // Bearers differ by direction; anybody can send UDP, so it does not reach the flows outside.
    let bearer = |n: u8| {
        outer(UDP, &udp(2_152, &[&[0x30, 0xff, 0, packet.len() as u8, 0, 0, 0, n][..], &packet].concat()))
    };
    assert_eq!(tenant(&bearer(1)), tenant(&bearer(2)));
    assert_ne!(tenant(&bearer(1)), outside);
    // From inside a network nobody reaches the one beside it.
    let nested = tenant(&in_vxlan(1, &in_vxlan(2, &inner())));
    assert!([1, 2].iter().all(|&vni| nested != tenant(&in_vxlan(vni, &inner()))));
    assert_ne!(nested, tenant(&in_vxlan(2, &in_vxlan(1, &inner()))));
}
