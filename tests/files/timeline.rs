//! Several files as one timeline, and clocks that are wrong.

use crate::make::*;
use crate::{read, read_bytes, write};
use heelguard::capture::replay::Timeline;
use std::fs::File;
use std::io::Write;
use tempfile::TempDir;

const NOW: u64 = 1_795_255_200;

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
