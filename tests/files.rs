//! Capture files from outside: bytes made here go in, packets and words come out.
//! Formats and damages are written byte by byte, so that reader and writer share no mistake.

use heelguard::capture::CaptureError;
use heelguard::capture::replay::Timeline;
use heelguard::decode::{Config, Decoder};
use heelguard_detectors::anomaly::Anomaly;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NOW: u64 = 1_795_255_200;

/// A byte order to write in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Big,
    Little,
}

impl Order {
    const BOTH: [Self; 2] = [Self::Big, Self::Little];

    fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

fn pcap_header(order: Order, magic: u32, snap_len: u32, link: u32) -> Vec<u8> {
    let words = [magic, 0, 0, 0, snap_len, link].map(|word| order.u32(word));
    let mut header = words.concat();
    header[4..6].copy_from_slice(&order.u16(2));
    header[6..8].copy_from_slice(&order.u16(4));
    header
}

fn pcap_packet(order: Order, secs: u64, fraction: u32, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u32;
    [&[secs as u32, fraction, len, len].map(|word| order.u32(word)).concat()[..], data].concat()
}

/// A plain pcap file: packets `0`, `1`, … at the given seconds.
fn pcap(times: &[u64]) -> Vec<u8> {
    let header = pcap_header(Order::Little, 0xa1b2_c3d4, 65_535, 1);
    let packets =
        times.iter().enumerate().map(|(i, secs)| pcap_packet(Order::Little, *secs, 0, &[b'0' + i as u8]));
    [header, packets.flatten().collect()].concat()
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let body = [body, &vec![0; body.len().next_multiple_of(4) - body.len()]].concat();
    let length = order.u32(body.len() as u32 + 12);
    [&order.u32(kind)[..], &length, &body, &length].concat()
}

fn section(order: Order) -> Vec<u8> {
    block(
        order,
        0x0a0d_0d0a,
        &[&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat(),
    )
}

fn interface(order: Order, link: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
    block(order, 1, &[&order.u16(link)[..], &[0, 0], &order.u32(snap_len), options].concat())
}

fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    [&order.u16(code)[..], &order.u16(value.len() as u16), value, &padding].concat()
}

fn enhanced(order: Order, interface: u32, timestamp: u64, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u32;
    let words = [interface, (timestamp >> 32) as u32, timestamp as u32, len, len].map(|word| order.u32(word));
    block(order, 6, &[&words.concat()[..], data].concat())
}

/// A plain pcapng file: packets `0`, `1`, … at the given seconds.
fn pcapng(times: &[u64]) -> Vec<u8> {
    let order = Order::Little;
    let packets =
        times.iter().enumerate().map(|(i, secs)| enhanced(order, 0, secs * 1_000_000, &[b'0' + i as u8]));
    [section(order), interface(order, 1, 0, &[]), packets.flatten().collect()].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// Everything that reading some files gave, as lines.
struct Reading {
    /// `seconds link data`, and errors as `! …`.
    lines: Vec<String>,
    warnings: Vec<String>,
    files: u64,
    truncated_files: u64,
    clock_anomalies: u64,
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn read(paths: &[PathBuf]) -> Result<Reading, CaptureError> {
    let mut timeline = Timeline::open(paths)?;
    let mut lines = Vec::new();
    loop {
        match timeline.next() {
            Ok(Some(packet)) => {
                let data = String::from_utf8_lossy(packet.data);
                lines.push(format!("{} {} {data}", packet.time.as_nanos() as f64 / 1e9, packet.link.0));
            }
            Ok(None) => break,
            Err(error) => lines.push(format!("! {error}")),
        }
    }
    let progress = timeline.progress();
    assert!(progress.bytes_total.is_none_or(|total| progress.bytes_read <= total));
    Ok(Reading {
        lines,
        warnings: timeline.warnings().collect(),
        files: timeline.counters().files,
        truncated_files: timeline.counters().truncated_files,
        clock_anomalies: timeline.anomalies().get(Anomaly::ClockAnomaly),
    })
}

fn read_bytes(bytes: &[u8]) -> Result<Reading, CaptureError> {
    let dir = TempDir::new().unwrap();
    read(&[write(dir.path(), "x", bytes)])
}

/// The packets of a file that is whole.
fn check(bytes: &[u8], expected: &[&str]) {
    let reading = read_bytes(bytes).unwrap();
    assert_eq!(reading.lines, expected);
    assert_eq!((reading.files, reading.truncated_files), (1, 0));
    assert!(reading.warnings.is_empty(), "{:?}", reading.warnings);
}

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
        let binary = option(order, 9, &[0x80 | 10]);
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
    data.iter().for_each(|data| bytes.extend(pcap_packet(order, 1, 0, data)));
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

#[test]
fn files_are_one_timeline_and_ties_keep_the_order_given() {
    let dir = TempDir::new().unwrap();
    let later = write(dir.path(), "later", &pcap(&[10, 11]));
    let overlapping = write(dir.path(), "overlapping", &gzip(&pcapng(&[1, 3, 10, 12])));
    let earlier = write(dir.path(), "earlier", &pcap(&[1, 2]));
    let empty = write(dir.path(), "empty", &pcap(&[]));
    let reading = read(&[later, overlapping, empty, earlier]).unwrap();
    let expected = ["1 1 0", "1 1 0", "2 1 1", "3 1 1", "10 1 0", "10 1 2", "11 1 1", "12 1 3"];
    assert_eq!(reading.lines, expected);
    assert_eq!((reading.files, reading.clock_anomalies), (4, 0));
}

#[test]
fn a_damaged_file_is_given_up_and_the_others_go_on() {
    let dir = TempDir::new().unwrap();
    let damage = [5, 0, u32::MAX, 0].map(u32::to_le_bytes).concat();
    let damaged = write(dir.path(), "damaged", &[pcap(&[1]), damage].concat());
    let good = write(dir.path(), "good", &pcap(&[2, 3]));
    let cut = write(dir.path(), "cut", &pcap(&[4, 5])[..50]);
    let lines = read(&[damaged, good, cut]).unwrap().lines;
    assert_eq!(lines.iter().filter(|line| line.starts_with('!')).count(), 1, "{lines:?}");
    let packets: Vec<_> = lines.into_iter().filter(|line| !line.starts_with('!')).collect();
    assert_eq!(packets, ["1 1 0", "2 1 0", "3 1 1", "4 1 0"]);
}

#[test]
fn a_pipe_is_read_as_a_file_is() {
    let dir = TempDir::new().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let writer = std::thread::spawn({
        let fifo = fifo.clone();
        move || File::create(fifo).unwrap().write_all(&zstd(&pcap(&[1, 3]))).unwrap()
    });
    let file = write(dir.path(), "file", &pcap(&[2]));
    let mut timeline = Timeline::open(&[fifo, file]).unwrap();
    assert_eq!(timeline.progress().bytes_total, None);
    let mut times = Vec::new();
    while let Some(packet) = timeline.next().unwrap() {
        times.push(packet.time.as_secs());
    }
    writer.join().unwrap();
    assert_eq!(times, [1, 2, 3]);
}

/// Times in, times out, with the number of anomalies.
fn check_clock(times: &[u64], expected: &[u64], anomalies: u64) {
    let reading = read_bytes(&pcapng(times)).unwrap();
    let seconds: Vec<u64> =
        reading.lines.iter().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(seconds, expected);
    assert_eq!(reading.clock_anomalies, anomalies);
}

#[test]
fn broken_clocks_move_nothing() {
    let ten_years = 10 * 365 * 24 * 3600;
    check_clock(&[NOW, NOW + 1, NOW, NOW + 2], &[NOW, NOW + 1, NOW + 1, NOW + 2], 0);
    check_clock(
        &[NOW, 0, NOW + 1, NOW + ten_years, NOW + 2, 1, NOW + 3],
        &[NOW, NOW, NOW + 1, NOW + 1, NOW + 2, NOW + 2, NOW + 3],
        3,
    );
    // An hour back for good, and the nearest other case: a year ahead for good.
    let hour = 3_600;
    check_clock(&[NOW, NOW - hour, NOW - hour + 5], &[NOW, NOW, NOW + 5], 1);
    let year = ten_years / 10;
    let then = NOW + year;
    check_clock(&[NOW, then, then + 1, then + 2, then + 3], &[NOW, NOW, NOW, then + 2, then + 3], 3);
}

/// Every capture of a corpus is read without panic, and its account balances.
#[test]
fn a_corpus_of_captures_by_others() {
    let Some(corpus) = std::env::var_os("HEELGUARD_CORPUS").map(PathBuf::from) else {
        eprintln!("NOT RUN: set HEELGUARD_CORPUS to a folder with manifest.jsonl and pcap/");
        return;
    };
    let manifest = fs::read_to_string(corpus.join("manifest.jsonl")).unwrap();
    let mut differences = Vec::new();
    for line in manifest.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let path = corpus.join(text("path").trim_start_matches("public/"));
        let mut decoder = Decoder::new(Config::default());
        let mut problem = String::new();
        match Timeline::open(std::slice::from_ref(&path)) {
            Err(error) => problem = error.to_string(),
            Ok(mut timeline) => loop {
                match timeline.next() {
                    Ok(Some(packet)) => _ = decoder.decode(packet),
                    Ok(None) => {
                        timeline.warnings().for_each(|warning| problem.push_str(&warning));
                        break;
                    }
                    Err(error) => problem = error.to_string(),
                }
            },
        }
        decoder.finish();
        let counters = decoder.counters();
        assert_eq!(counters.imbalance(), None, "{}", path.display());
        let expected = entry["packets"].as_u64().unwrap();
        if counters.packets.read != expected {
            let read = counters.packets.read;
            differences.push((
                text("trust"),
                format!("{}: {read} of {expected} packets; {problem}", path.display()),
            ));
        }
        if std::env::var_os("HEELGUARD_CORPUS_VERBOSE").is_some() {
            let (dropped, odd) = (counters.dropped.rows(), counters.anomalies.rows());
            eprintln!("{} {} {dropped:?} {odd:?} {problem}", path.display(), counters.packets.processed);
        }
    }
    differences.iter().for_each(|(trust, difference)| eprintln!("{trust}: {difference}"));
    assert!(differences.iter().all(|(trust, _)| trust != "high"));
}
