//! Program and function say the same, and both directions of a connection get the same number.

use super::super::sys::Instruction;
use super::*;

/// Runs classic BPF as the kernel does on a frame that came in: zero where a load fails.
fn run(program: &[Instruction], kind: u16, packet: &[u8]) -> u32 {
    let (mut a, mut x, mut memory, mut at) = (0_u32, 0_u32, [0_u32; 16], 0);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let load = |start: u32, size: usize| {
            let bytes = packet.get(start as usize..)?.get(..size)?;
            Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        };
        let jump = |holds: bool| usize::from(if holds { jt } else { jf });
        let loaded = match code {
            0x20 => Some(if k == 0xffff_f000 { kind.into() } else { 0 }),
            0x40 => load(x.wrapping_add(k), 4),
            0x48 => load(x.wrapping_add(k), 2),
            0x50 => load(x.wrapping_add(k), 1),
            0x60 => Some(memory[k as usize]),
            0x00 => Some(k),
            _ => Some(a),
        };
        let Some(loaded) = loaded else { return 0 };
        a = loaded;
        match code {
            0x00 | 0x20 | 0x40 | 0x48 | 0x50 | 0x60 => {}
            0x01 => x = k,
            0x61 => x = memory[k as usize],
            0x02 => memory[k as usize] = a,
            0x03 => memory[k as usize] = x,
            0x04 => a = a.wrapping_add(k),
            0x0c => a = a.wrapping_add(x),
            0x24 => a = a.wrapping_mul(k),
            0x54 => a &= k,
            0x64 => a <<= k,
            0x74 => a >>= k,
            0xac => a ^= x,
            0x07 => x = a,
            0x05 => at += k as usize,
            0x15 => at += jump(a == k),
            0x45 => at += jump(a & k != 0),
            0x06 => return k,
            0x16 => return a,
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn ipv4(ends: [[u8; 6]; 2], protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 1];
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    for end in ends {
        packet.extend(&end[..4]);
    }
    for end in ends {
        packet.extend(&end[4..]);
    }
    packet.extend(payload);
    packet
}

/// One packet in both directions.
fn pairs() -> Vec<[(u16, Vec<u8>); 2]> {
    let mut pairs = Vec::new();
    for n in 0..200_u8 {
        let (client, server) = ([10, 0, n, 7, 0xc0, n], [192, 168, 1, n / 2, 0x1f, 0x90]);
        let directions = [[client, server], [server, client]];
        let tcp = directions.map(|ends| ipv4(ends, TCP, 0, &[0; 16]));
        pairs.push(tcp.clone().map(|packet| (IPV4, packet)));
        pairs.push(tcp.clone().map(|packet| (0x8100, [&[0, 7, 8, 0], packet.as_slice()].concat())));
        pairs.push(directions.map(|ends| (IPV4, ipv4(ends, TCP, 0x2000, &[n; 16]))));
        pairs.push(directions.map(|ends| (IPV4, ipv4(ends, 47, 0, &[0; 16]))));
        // The outer source port differs by direction, as mirrors of clouds do it.
        let mut outer = n;
        let mut udp = |port: u16, payload: &[u8]| {
            outer = outer.wrapping_add(91);
            let [p0, p1] = port.to_be_bytes();
            let ends = [[10, 9, 9, 1, outer, n], [10, 9, 9, 2, p0, p1]];
            ipv4(ends, UDP, 0, &[&[0; 4][..], payload].concat())
        };
        let frames = tcp.clone().map(|inner| [&[2; 12][..], &[8, 0], &inner].concat());
        let vxlan = frames.clone().map(|frame| udp(4_789, &[&[8, 0, 0, 0, 0, 0, n, 0][..], &frame].concat()));
        pairs.push(vxlan.clone().map(|packet| (IPV4, packet)));
        pairs.push(frames.clone().map(|frame| (IPV4, udp(8_472, &[&[8; 8][..], &frame].concat()))));
        // What is in a second tunnel: a cloud's mirror of an overlay, a switch's mirror of one.
        let options = [2, 0, 0x65, 0x58, 0, 0, n, 0, 1, 1, 1, 1, 2, 2, 2, 2];
        pairs.push(
            vxlan
                .clone()
                .map(|inner| (IPV4, udp(6_081, &[&options[..], &[2; 12], &[8, 0], &inner].concat()))),
        );
        pairs.push(
            tcp.clone().map(|inner| (IPV4, udp(6_081, &[&[0, 0, 8, 0, 0, 0, n, 0][..], &inner].concat()))),
        );
        for (head, is_frame) in gre_headers() {
            let between = if n.is_multiple_of(2) { [[1; 6], [2; 6]] } else { [[3; 6], [4; 6]] };
            let inner = if is_frame { &frames } else { &tcp };
            pairs.push(
                inner.clone().map(|inner| (IPV4, portless(between, GRE, &[&head[..], &inner].concat()))),
            );
        }
        pairs.push(tcp.clone().map(|inner| (IPV4, portless([[1; 6], [2; 6]], IPV4_IN_IP, &inner))));
        let six = directions.map(|ends| ipv6(ends, &[0; 16]));
        pairs.push(six.clone().map(|packet| (IPV6, packet)));
        pairs.push(six.map(|inner| (IPV4, portless([[1; 6], [2; 6]], IPV6_IN_IP, &inner))));
        // Between the two ends of a mobile network's tunnel.
        let [one, two] = [[10, 9, 9, 1, n, 7], [10, 9, 9, 2, 0x08, 0x68]];
        let [three, four] = [[10, 9, 9, 2, n, 9], [10, 9, 9, 1, 0x08, 0x68]];
        pairs.push([[one, two], [three, four]].map(|ends| (IPV4, ipv4(ends, UDP, 0, &[n; 16]))));
    }
    pairs
}

/// Headers of GRE without and with all that may be in them, and whether a frame follows.
fn gre_headers() -> Vec<(Vec<u8>, bool)> {
    vec![
        (vec![0, 0, 8, 0], false),
        (vec![0xb0, 0, 8, 0, 9, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2], false),
        (vec![0x20, 0, 0x65, 0x58, 0, 0, 0, 1], true),
        (vec![0, 0, 0x88, 0xbe], true),
        (vec![0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], true),
        ([&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &[0; 12]].concat(), true),
        ([&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &[0; 11], &[1], &[0; 8]].concat(), true),
        // Not entered: by the addresses of the ends, in the same order both ways here.
        (vec![0x40, 0, 8, 0, 0, 0, 0, 0], false),
        (vec![0x30, 1, 0x88, 0x0b, 0, 4, 0, 1], false),
        (vec![0, 0, 0x88, 0x47, 0, 0, 1, 64], false),
    ]
}

/// A packet whose payload begins directly behind the IP header.
fn portless(ends: [[u8; 6]; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let packet = ipv4(ends, protocol, 0, payload);
    [&packet[..20], &packet[24..]].concat()
}

fn ipv6(ends: [[u8; 6]; 2], payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 20, TCP, 64];
    for end in ends {
        packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend(&end[..4]);
    }
    for end in ends {
        packet.extend(&end[4..]);
    }
    packet.extend(payload);
    packet
}

/// Every kind of tunnel inside every other, three deep, with the request and with its answer inside.
#[test]
fn two_tunnels_are_entered_and_a_third_is_dealt_as_a_whole() {
    let wrap = |kind: usize, inner: &[u8]| {
        let frame = [&[2; 12][..], &[8, 0], inner].concat();
        let between = [[1; 6], [2, 2, 2, 2, 0x12, 0xb5]];
        match kind {
            0 => ipv4(between, UDP, 0, &[&[0; 12][..], &frame].concat()),
            1 => portless(between, GRE, &[&[0, 0, 0x88, 0xbe][..], &frame].concat()),
            _ => portless(between, IPV4_IN_IP, inner),
        }
    };
    let numbers = |depth: u32| {
        let mut numbers = std::collections::BTreeSet::new();
        for kinds in 0..3_usize.pow(depth) {
            for n in 0..20 {
                let ends = [[10, 0, n, 7, 0xc0, n], [192, 168, 1, n / 2, 0x1f, 0x90]];
                let inner = ipv4(ends, TCP, 0, &[0; 16]);
                let packet = (0..depth).fold(inner, |packet, at| wrap(kinds / 3_usize.pow(at) % 3, &packet));
                assert_eq!(run(&program(14), IPV4, &packet), hash(IPV4, &packet));
                numbers.insert(hash(IPV4, &packet));
            }
        }
        numbers.len()
    };
    assert_eq!((numbers(0), numbers(1), numbers(2)), (20, 20, 20));
    assert!(numbers(3) < 5);
}

#[test]
fn program_and_function_agree_wherever_a_packet_ends() {
    let program = program(14);
    assert!(program.len() <= 1_000, "{} instructions, and the kernel takes 4,096", program.len());
    for (kind, packet) in pairs().into_iter().flatten() {
        for end in 0..=packet.len() {
            let packet = &packet[..end];
            assert_eq!(run(&program, kind, packet), hash(kind, packet), "{kind:04x} {packet:02x?}");
        }
    }
}

#[test]
fn both_directions_get_the_same_number_and_connections_different_ones() {
    let mut numbers = std::collections::BTreeSet::new();
    for [(kind, there), (_, back)] in pairs() {
        assert_eq!(hash(kind, &there), hash(kind, &back), "{there:02x?}");
        numbers.insert(hash(kind, &there));
    }
    assert!(numbers.len() > 200, "{}", numbers.len());
}
