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
        pairs.push(tcp.map(|inner| {
            outer = outer.wrapping_add(91);
            let ends = [[10, 9, 9, 1, outer, n], [10, 9, 9, 2, 0x12, 0xb5]];
            (IPV4, ipv4(ends, UDP, 0, &[&[0; 24][..], &[8, 0], inner.as_slice()].concat()))
        }));
    }
    pairs
}

#[test]
fn program_and_function_agree_wherever_a_packet_ends() {
    let program = program(14);
    assert!(program.len() <= 255, "{} instructions: jumps are a byte", program.len());
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
