//! Capture files of any bytes: pcap and pcapng, plain and packed.
//! A file that is cut gives the packets before the cut, no other, and no packet is longer than the file.

use super::input::Input;
use super::place::file;
use heelguard::capture::CaptureError;
use heelguard::capture::replay::Timeline;
use std::path::Path;

/// A packed file may hold more than it is long.
const UNPACKED_BYTES_MAX: usize = 64 << 20;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let cut = usize::from(input.short());
    let bytes = input.rest();
    let whole = packets(&file(0, bytes));
    let cut = packets(&file(1, &bytes[..cut.min(bytes.len())]));
    assert!(
        whole.starts_with(&cut) || whole.is_empty() || cut.is_empty(),
        "a cut file tells of other packets"
    );
    let held: usize = whole.iter().map(|(_, data)| data.len()).sum();
    let is_packed = bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    assert!(held <= if is_packed { UNPACKED_BYTES_MAX } else { bytes.len() }, "no packet is made up");
}

/// Time and bytes of each.
fn packets(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let Ok(mut timeline) = Timeline::open(&[path.to_path_buf()]) else { return Vec::new() };
    timeline.tell_secrets(Box::new(|piece, _| {
        assert!(piece.len() <= UNPACKED_BYTES_MAX, "no longer than the file");
    }));
    let mut packets: Vec<(u64, Vec<u8>)> = Vec::new();
    loop {
        match timeline.next() {
            Ok(Some(packet)) => packets.push((packet.time.as_nanos(), packet.data.to_vec())),
            Ok(None) => break,
            Err(CaptureError::Damaged { .. }) => {}
            Err(error) => panic!("the file is there: {error}"),
        }
    }
    let progress = timeline.progress();
    assert!(progress.bytes_total.is_none_or(|total| progress.bytes_read <= total));
    assert!(packets.is_sorted_by_key(|(time, _)| *time), "time goes on");
    packets
}

pub fn seeds() -> Vec<Vec<u8>> {
    use make::*;
    let [big, little] = Order::BOTH;
    let options = [option(little, 9, &[9]), option(little, 14, &[0, 0, 0, 0, 0, 0, 0, 1])].concat();
    let blocks = [
        section(big),
        interface(big, 1, 0, &[]),
        enhanced(big, 0, 7, b"big"),
        section(little),
        interface(little, 101, 8, &options),
        enhanced(little, 0, 9, b"little"),
        block(little, 3, &[&[5, 0, 0, 0][..], b"plain"].concat()),
        block(little, 10, &[&0x544c_534b_u32.to_le_bytes()[..], &[4, 0, 0, 0], b"# x\n"].concat()),
    ]
    .concat();
    let clocks = [
        section(little),
        interface(little, 1, 0, &option(little, 9, &[0x8a])),
        interface(little, 1, 0, &option(little, 9, &[12])),
        interface(little, 1, 0, &option(little, 9, &[0xff])),
        interface(little, 1, 0, &option(little, 9, &[60])),
        (0..4).flat_map(|interface| enhanced(little, interface, 1 << 40, b"x")).collect(),
    ]
    .concat();
    let nanos =
        [pcap_header(little, 0xa1b2_3c4d, 96, 113), pcap_packet(little, 5, 999_999_999, b"one")].concat();
    let old = [pcap_header(big, 0xa1b2_c3d4, 0, 1), pcap_packet(big, 5, 1, b"one")].concat();
    let longest =
        [pcap_header(little, 0xa1b2_c3d4, 65_535, 1), vec![0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]]
            .concat();
    let empty_block = [section(little), little.u32(6).to_vec(), little.u32(0).to_vec()].concat();
    let files = [
        pcap(&[1, 2, 3]),
        pcapng(&[1, 2, 3]),
        blocks,
        clocks,
        nanos,
        old,
        longest,
        empty_block,
        gzip(&pcap(&[1, 2])),
        zstd(&pcapng(&[1, 2])),
    ];
    files.into_iter().map(|file| [&[40, 0], &file[..]].concat()).collect()
}

#[allow(dead_code, clippy::cast_possible_truncation, reason = "tests of files use the rest of it")]
#[path = "../../files/make.rs"]
mod make;
