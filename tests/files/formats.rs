//! Every format, byte order, clock and packing, read to the end.

use crate::make::*;
use crate::{check, read_bytes, write};
use heelguard::capture::replay::Timeline;
use tempfile::TempDir;

#[test]
fn pcap_in_both_byte_orders_and_every_magic() {
    for order in Order::BOTH {
        for (magic, fraction, time) in [(0xa1b2_c3d4, 500_000, "7.5"), (0xa1b2_3c4d, 500_000_000, "7.5")] {
            let packet = pcap_packet(order, 7, fraction, b"abc");
            check(&[pcap_header(order, magic, 65_535, 1), packet].concat(), &[&format!("{time} 1 abc")]);
        }
        // Kuznetzov's records are eight bytes longer.
        let mut packet = pcap_packet(order, 7, 0, b"abc");
        packet.splice(16..16, [9; 8]);
        check(&[pcap_header(order, 0xa1b2_cd34, 65_535, 113), packet].concat(), &["7 113 abc"]);
        // The upper bits of the link type tell of a frame check sequence.
        let packet = pcap_packet(order, 7, 0, b"abc");
        check(&[pcap_header(order, 0xa1b2_c3d4, 65_535, 0x2400_0001), packet].concat(), &["7 1 abc"]);
        check(&pcap_header(order, 0xa1b2_c3d4, 65_535, 1), &[]);
    }
}

#[test]
fn old_pcap_files_have_their_lengths_swapped() {
    let mut bytes = pcap_header(Order::Little, 0xa1b2_c3d4, 68, 1);
    bytes[6] = 3;
    bytes.extend([7, 0, 60, 3].map(u32::to_le_bytes).concat());
    bytes.extend(b"abc");
    check(&bytes, &["7 1 abc"]);
}

#[test]
fn pcapng_sections_of_both_byte_orders_with_interfaces_of_their_own() {
    let mut bytes = Vec::new();
    for order in Order::BOTH {
        let nanos = option(order, 9, &[9]);
        let binary = option(order, 9, &[0x8a]);
        let whole_seconds_later = [
            option(order, 9, &[0]),
            option(
                order,
                14,
                &[if order == Order::Big { [0, 100] } else { [100, 0] }]
                    .map(|ends| {
                        let mut value = [0; 8];
                        (value[0], value[7]) = (ends[0], ends[1]);
                        value
                    })
                    .concat(),
            ),
        ]
        .concat();
        bytes.extend(section(order));
        bytes.extend(interface(order, 1, 0, &[]));
        bytes.extend(interface(order, 101, 0, &[nanos, option(order, 0, &[])].concat()));
        bytes.extend(interface(order, 113, 0, &binary));
        bytes.extend(interface(order, 276, 0, &whole_seconds_later));
        bytes.extend(enhanced(order, 0, 200_500_000, b"micros"));
        bytes.extend(enhanced(order, 1, 200_600_000_000, b"nanos"));
        bytes.extend(enhanced(order, 2, 200 * 1024 + 768, b"binary"));
        bytes.extend(enhanced(order, 3, 101, b"seconds"));
    }
    let section = ["200.5 1 micros", "200.6 101 nanos", "200.75 113 binary", "201 276 seconds"];
    let reading = read_bytes(&bytes).unwrap();
    // The second section is the first one again: half a second back is disorder.
    let again = ["201 1 micros", "201 101 nanos", "201 113 binary", "201 276 seconds"];
    assert_eq!(reading.lines, [section, again].concat());
}

#[test]
fn simple_and_obsolete_packets_and_blocks_that_are_passed_over() {
    let order = Order::Little;
    let obsolete = [
        &order.u16(0)[..],
        &order.u16(3),
        &[0_u32, 5_000_000, 3, 3].map(|word| order.u32(word)).concat(),
        b"old",
    ]
    .concat();
    let bytes = [
        section(order),
        interface(order, 1, 4, &[]),
        block(order, 0x0a, &[&[0x4b, 0x53, 0x4c, 0x54][..], &[0; 700]].concat()),
        block(order, 2, &obsolete),
        block(order, 5, &[0; 12]),
        block(order, 3, &[&order.u32(9)[..], b"simp"].concat()),
        // Larger than the reader's buffer.
        block(order, 0x0bad, &vec![7; 3 << 20]),
        enhanced(order, 0, 6_000_000, b"new"),
    ];
    check(&bytes.concat(), &["5 1 old", "5 1 simp", "6 1 new"]);
}

#[test]
fn timestamps_beyond_the_end_of_time_saturate() {
    let order = Order::Little;
    for options in [option(order, 9, &[0]), option(order, 9, &[0x80]), option(order, 14, &[0x7f; 8])] {
        let bytes = [section(order), interface(order, 1, 0, &options), enhanced(order, 0, u64::MAX, b"late")]
            .concat();
        check(&bytes, &["18446744073.709553 1 late"]);
    }
    let fine = [
        section(order),
        interface(order, 1, 0, &option(order, 9, &[127])),
        enhanced(order, 0, u64::MAX, b"x"),
    ];
    check(&fine.concat(), &["0 1 x"]);
}

#[test]
fn packed_files_are_known_by_their_bytes_and_may_have_several_parts() {
    for plain in [pcap(&[1, 2, 3]), pcapng(&[1, 2, 3])] {
        let expected = ["1 1 0", "2 1 1", "3 1 2"];
        let (front, back) = plain.split_at(40);
        check(&gzip(&plain), &expected);
        check(&zstd(&plain), &expected);
        check(&[gzip(front), gzip(back)].concat(), &expected);
        check(&[zstd(front), zstd(back)].concat(), &expected);
        // A skippable frame in front, as parallel packers write it.
        check(&[&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &zstd(&plain)].concat(), &expected);
    }
}

#[test]
fn a_packet_larger_than_any_buffer_is_delivered_as_its_first_bytes() {
    let large = vec![b'x'; 3 << 20];
    let order = Order::Little;
    let files = [
        [
            pcap_header(order, 0xa1b2_c3d4, 4 << 20, 1),
            pcap_packet(order, 1, 0, &large),
            pcap_packet(order, 2, 0, b"next"),
        ],
        [
            [section(order), interface(order, 1, 0, &[])].concat(),
            enhanced(order, 0, 1_000_000, &large),
            enhanced(order, 0, 2_000_000, b"next"),
        ],
    ];
    for file in files {
        let dir = TempDir::new().unwrap();
        let mut timeline = Timeline::open(&[write(dir.path(), "x", &file.concat())]).unwrap();
        let first = timeline.next().unwrap().unwrap();
        assert_eq!((first.data.len(), first.original_len), (512 << 10, 3 << 20));
        assert_eq!(timeline.next().unwrap().unwrap().data, b"next");
        assert!(timeline.next().unwrap().is_none());
    }
}

#[test]
fn packets_that_straddle_the_buffer_are_whole() {
    let order = Order::Little;
    let mut bytes = pcap_header(order, 0xa1b2_c3d4, 262_144, 1);
    let data: Vec<Vec<u8>> =
        (0..60_u32).map(|i| (0..i * 4_096 + 7).map(|j| (i + j) as u8).collect()).collect();
    for data in &data {
        bytes.extend(pcap_packet(order, 1, 0, data));
    }
    for bytes in [bytes.clone(), gzip(&bytes)] {
        let dir = TempDir::new().unwrap();
        let mut timeline = Timeline::open(&[write(dir.path(), "x", &bytes)]).unwrap();
        for expected in &data {
            assert!(timeline.next().unwrap().unwrap().data == expected);
        }
        assert!(timeline.next().unwrap().is_none());
        assert_eq!(timeline.progress().bytes_read, bytes.len() as u64);
    }
}
