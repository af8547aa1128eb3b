//! Tunnels on ports that say nothing: what is believed, and the nearest datagram that is not.

use super::*;

fn geneve(frame: &[u8]) -> Vec<u8> {
    [&[1, 0, 0x65, 0x58, 0, 0, 9, 0, 9, 9, 9, 9][..], frame].concat()
}

fn gtp(packet: &[u8]) -> Vec<u8> {
    let length = (packet.len() as u16).to_be_bytes();
    [&[0x30, 0xff, length[0], length[1], 0, 0, 0, 1][..], packet].concat()
}

/// An IPv6 packet from a Teredo address.
fn teredo() -> Vec<u8> {
    let from = "2001:0:4136:e378::1".parse().unwrap();
    let mut packet = ipv6(6, &tcp(from, B6, 1, &[], b"GET"));
    packet[8..24].copy_from_slice(&octets(from));
    packet
}

#[test]
fn a_header_that_proves_itself_is_believed_on_any_port() {
    let frame = inner();
    let six = ethernet(0x86dd, &ipv6(6, &tcp(A6, B6, 1, &[], b"GET")));
    for (payload, expected) in [
        (vxlan(7, &frame), "vxlan 7 []"),
        (vxlan(7, &six), "vxlan 7 []"),
        (geneve(&frame), "geneve 9 []"),
        (gtp(&frame[14..]), "gtp 1 []"),
        (teredo(), "teredo - []"),
    ] {
        check_way(ETHERNET, &outer(UDP, &udp(31_337, &payload)), expected);
        let asked_not_to = Config { tunnels_by_content: false, ..Config::default() };
        Bench::new(asked_not_to).check(&outer(UDP, &udp(31_337, &payload)), "not_tcp");
    }
}

#[test]
fn an_operator_names_ports() {
    let mut tagged = inner();
    // Nothing that proves itself, so only its port says what it is.
    tagged[14 + 10] ^= 1;
    let datagram = outer(UDP, &udp(31_337, &vxlan(7, &tagged)));
    let named = Config { vxlan_ports: vec![31_337], ..Config::default() };
    Bench::new(named).check(&datagram, "1 GET / HTTP/1.1\r\n\r\n");
    Bench::default().check(&datagram, "not_tcp");
}

#[test]
fn what_only_resembles_a_tunnel_is_none() {
    let frame = inner();
    let other = |payload: &[u8]| fate(UDP, &udp(31_337, payload), "not_tcp");
    other(&[]);
    other(&[8]);
    let mut reserved = vxlan(7, &frame);
    reserved[7] = 1;
    other(&reserved);
    let mut wrong_sum = frame.clone();
    wrong_sum[14 + 11] ^= 1;
    other(&vxlan(7, &wrong_sum));
    other(&geneve(&wrong_sum));
    other(&gtp(&wrong_sum[14..]));
    // Longer than its header says, and more than a frame is padded.
    other(&vxlan(7, &[&frame[..], &[0; 47]].concat()));
    // No IP at all.
    other(&vxlan(7, &ethernet(0x0806, &[0; 28])));
    // IPv6 without Teredo's addresses, and with them but of another length.
    other(&ipv6(6, &tcp(A6, B6, 1, &[], b"GET")));
    let packet = teredo();
    other(&packet[..packet.len() - 1]);
    // A name service's answer.
    other(&[8, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 3, b'a', b'p', b'i', 0, 0, 1, 0, 1]);
}
