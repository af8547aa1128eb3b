//! Files that end early, that are damaged inside, or that are no captures.

use crate::make::*;
use crate::{read, read_bytes, write};
use heelguard::capture::CaptureError;
use heelguard::capture::replay::Timeline;
use tempfile::TempDir;

#[test]
fn a_cut_at_every_byte_keeps_all_whole_packets_and_is_told_once() {
    let times = [1, 2, 3];
    let whole = read_bytes(&pcap(&times)).unwrap().lines;
    for bytes in [pcap(&times), pcapng(&times)] {
        // Where each packet ends, found by the lengths in the bytes themselves.
        let packet_len = if bytes[0] == 0x0a { 36 } else { 17 };
        let records = bytes.len() - times.len() * packet_len;
        let header = if bytes[0] == 0x0a { [28, 48].as_slice() } else { &[24] };
        for cut in 0..bytes.len() {
            let Ok(reading) = read_bytes(&bytes[..cut]) else {
                assert!(cut < 4, "cut at {cut}");
                continue;
            };
            let packets = cut.saturating_sub(records) / packet_len;
            assert_eq!(reading.lines, whole[..packets], "cut at {cut}");
            let at_boundary =
                header.contains(&cut) || (cut >= records && (cut - records).is_multiple_of(packet_len));
            assert_eq!(reading.truncated_files, u64::from(!at_boundary), "cut at {cut}");
            assert_eq!(reading.warnings.len() as u64, reading.truncated_files, "cut at {cut}");
            assert_eq!(reading.files, 1);
        }
    }
}

#[test]
fn a_packed_stream_cut_at_every_byte_never_invents_a_packet() {
    let times: Vec<u64> = (1..60).collect();
    for bytes in [gzip(&pcap(&times)), zstd(&pcapng(&times))] {
        let whole = read_bytes(&bytes).unwrap().lines;
        for cut in 0..bytes.len() {
            match read_bytes(&bytes[..cut]) {
                Ok(reading) => {
                    assert_eq!(reading.lines, whole[..reading.lines.len()], "cut at {cut}");
                    assert_eq!((reading.truncated_files, reading.warnings.len()), (1, 1), "cut at {cut}");
                }
                Err(CaptureError::NotACapture { .. }) => {}
                Err(error) => panic!("cut at {cut}: {error}"),
            }
        }
    }
}

#[test]
fn the_warning_names_the_file_and_the_packet() {
    let dir = TempDir::new().unwrap();
    let bytes = pcap(&[1, 2, 3]);
    let path = write(dir.path(), "capture.pcap", &bytes[..bytes.len() - 1]);
    let warnings = read(std::slice::from_ref(&path)).unwrap().warnings;
    let expected = format!("{}: ends in the middle of packet 3; 2 packets read", path.display());
    assert_eq!(warnings, [expected]);
}

#[test]
fn what_is_no_capture_is_named_before_anything_is_read() {
    let dir = TempDir::new().unwrap();
    let good = write(dir.path(), "good.pcap", &pcap(&[1]));
    for (bytes, found) in [
        (b"".to_vec(), "an empty file"),
        (b"\xa1\xb2".to_vec(), "a file of 2 bytes"),
        (b"\x7fELF\x02\x01\x01".to_vec(), "an ELF program"),
        (b"{\"a\": 1}".to_vec(), "JSON or other text"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec(), "text"),
        (vec![0xde, 0xad, 0xbe, 0xef, 0], "a file that begins de ad be ef"),
        (gzip(b""), "an empty file in a gzip stream"),
        (zstd(b"hello, there is nothing"), "text in a zstd stream"),
        (gzip(&gzip(&pcap(&[1]))), "a gzip stream inside another in a gzip stream"),
    ] {
        let bad = write(dir.path(), "bad", &bytes);
        let Err(error) = Timeline::open(&[good.clone(), bad.clone()]) else { panic!("{found} was opened") };
        let expected = format!(
            "{}: not a capture but {found}; pcap and pcapng are read, plain or packed with gzip or zstd",
            bad.display()
        );
        assert_eq!(error.to_string(), expected);
    }
    let missing = Timeline::open(&[dir.path().join("missing")]);
    assert!(matches!(missing, Err(CaptureError::Io { .. })));
    assert!(matches!(Timeline::open(&[dir.path().to_owned()]), Err(CaptureError::Io { .. })));
}

/// Two good packets, then `damage`: both are delivered, then comes one error with these words, then the end.
fn check_damage(good: &[u8], damage: &[u8], words: &str) {
    let dir = TempDir::new().unwrap();
    let path = write(dir.path(), "x", &[good, damage, &[0; 64]].concat());
    let lines = read(std::slice::from_ref(&path)).unwrap().lines;
    let error =
        format!("! {}: damaged at byte {}, in or before packet 3: {words}", path.display(), good.len());
    assert_eq!(lines, ["1 1 0", "2 1 1", error.as_str()]);
}

#[test]
fn damage_is_reported_after_everything_before_it() {
    let order = Order::Little;
    let claims = |captured: u32| [3, 0, captured, captured].map(|word| order.u32(word)).concat();
    for captured in [u32::MAX, 0x8000_0000, 300_000] {
        let words = format!("a packet said to have {captured} captured bytes");
        check_damage(&pcap(&[1, 2]), &claims(captured), &words);
    }
    let good = pcapng(&[1, 2]);
    for length in [0, 4, 13, 0xffff_fffc] {
        let words = format!("a block said to have {length} bytes");
        check_damage(&good, &[order.u32(6), order.u32(length)].concat(), &words);
    }
    let mut other_trailer = enhanced(order, 0, 3_000_000, b"x");
    *other_trailer.last_mut().unwrap() = 1;
    check_damage(&good, &other_trailer, "a block of 36 bytes that ends with another length (16777252)");
    let unknown = enhanced(order, 0x8000_0000, 0, b"x");
    check_damage(&good, &unknown, "a packet of interface 2147483648, which is not described");
    let mut too_long = enhanced(order, 0, 0, b"x");
    too_long[20..24].copy_from_slice(&order.u32(u32::MAX));
    check_damage(&good, &too_long, "a packet of 4294967295 bytes in a block of 36");
    check_damage(&good, &block(order, 6, &[0; 8]), "a packet block without its fixed part");
    check_damage(&good, &block(order, 6, &[0; 16]), "a packet block without its fixed part");
    check_damage(&good, &block(order, 1, &[0; 4]), "an interface block without its fixed part");
    check_damage(&good, &block(order, 0x0a0d_0d0a, &[9; 16]), "a section header of no known byte order");
}

#[test]
fn a_length_that_could_be_is_a_cut_and_costs_no_memory() {
    let mut bytes = pcap_header(Order::Little, 0xa1b2_c3d4, u32::MAX, 1);
    bytes.extend([1, 0, 200 << 20, 200 << 20].map(u32::to_le_bytes).concat());
    bytes.extend([0; 100]);
    let reading = read_bytes(&bytes).unwrap();
    assert_eq!((reading.lines.len(), reading.truncated_files), (0, 1));
}
