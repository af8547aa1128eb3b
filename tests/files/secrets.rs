//! Secrets blocks of pcapng: handed on as they are, wherever they stand, and never as packets.

#![allow(clippy::disallowed_types, reason = "a test looks at what was told elsewhere")]

use crate::make::*;
use crate::{check, write};
use heelguard::capture::replay::Timeline;
use heelguard_detectors::time::EventTime;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const TLS: u32 = 0x544c_534b;

fn secrets(order: Order, kind: u32, text: &[u8]) -> Vec<u8> {
    block(order, 10, &[&order.u32(kind)[..], &order.u32(text.len() as u32), text].concat())
}

/// A packet at so many seconds.
fn packet(order: Order, secs: u64) -> Vec<u8> {
    enhanced(order, 0, secs * 1_000_000, b"p")
}

fn file(order: Order, blocks: &[Vec<u8>]) -> Vec<u8> {
    [section(order), interface(order, 1, 0, &[]), blocks.concat()].concat()
}

/// Hands over to memory.
type Told = Arc<Mutex<Vec<(String, u64)>>>;

fn listen(timeline: &mut Timeline) -> Told {
    let told = Told::default();
    let telling = Arc::clone(&told);
    timeline.tell_secrets(Box::new(move |piece, since: EventTime| {
        telling.lock().unwrap().push((String::from_utf8_lossy(piece).into_owned(), since.as_secs()));
    }));
    told
}

fn text(told: &Told) -> String {
    told.lock().unwrap().iter().map(|(piece, _)| piece.as_str()).collect()
}

/// What is told of files before their first packet is given.
fn told_at_once(files: &[Vec<u8>]) -> String {
    let dir = TempDir::new().unwrap();
    let paths: Vec<PathBuf> =
        files.iter().enumerate().map(|(i, bytes)| write(dir.path(), &i.to_string(), bytes)).collect();
    let mut timeline = Timeline::open(&paths).unwrap();
    assert!(!timeline.may_bring_secrets());
    let told = listen(&mut timeline);
    let at_once = text(&told);
    while timeline.next().unwrap().is_some() {}
    assert_eq!(text(&told), at_once, "nothing is told twice");
    assert!(told.lock().unwrap().iter().all(|(_, since)| *since == 0));
    at_once
}

#[test]
fn all_secrets_of_files_are_known_before_the_first_packet() {
    for order in Order::BOTH {
        let one =
            file(order, &[secrets(order, TLS, b"a 1\n"), packet(order, 1), secrets(order, TLS, b"b 22")]);
        let other = file(order, &[packet(order, 2), secrets(order, TLS, b"c\r\n")]);
        assert_eq!(told_at_once(&[one, pcap(&[1]), zstd(&other)]), "a 1\n\nb 22\nc\r\n\n");
    }
}

#[test]
fn other_secrets_and_broken_blocks_tell_nothing() {
    let order = Order::Little;
    let wire_guard = secrets(order, 0x5747_4b4c, b"a\n");
    assert_eq!(told_at_once(&[file(order, &[wire_guard, packet(order, 1)])]), "");
    assert_eq!(told_at_once(&[file(order, &[secrets(order, TLS, b"")])]), "");
    // A text beyond its block, a block without its fixed part: they say nothing, and cost nothing else.
    let mut beyond = secrets(order, TLS, b"abcd");
    beyond[12] = 5;
    let odd =
        file(order, &[beyond, block(order, 10, &[1, 2, 3, 4]), secrets(order, TLS, b"a"), packet(order, 7)]);
    check(&odd, &["7 1 p"]);
    assert_eq!(told_at_once(&[odd]), "a\n");
    // A block that the file's end cuts: what is there is told, as a text of its own.
    let whole = file(order, &[secrets(order, TLS, b"a"), secrets(order, TLS, b"bcdefgh")]);
    assert_eq!(told_at_once(&[whole[..whole.len() - 6].to_vec()]), "a\nbcdefg\n");
}

#[test]
fn a_long_block_comes_in_pieces() {
    let order = Order::Big;
    let long: Vec<u8> = (b'a'..=b'z').cycle().take(5_000_000).collect();
    let told = told_at_once(&[file(order, &[secrets(order, TLS, &long), packet(order, 1)])]);
    assert_eq!(told.len(), long.len() + 1);
    assert!(told.as_bytes().starts_with(&long));
}

#[test]
fn blocks_are_no_packets() {
    let order = Order::Little;
    check(
        &file(order, &[secrets(order, TLS, b"a"), packet(order, 7), secrets(order, TLS, b"b")]),
        &["7 1 p"],
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_tells_its_secrets_as_they_come() {
    let order = Order::Little;
    let bytes = file(
        order,
        &[
            secrets(order, TLS, b"a"),
            packet(order, 7),
            secrets(order, TLS, b"b"),
            packet(order, 8),
            packet(order, 9),
            secrets(order, TLS, b"c"),
            packet(order, 10),
        ],
    );
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let writing = path.clone();
    let writer = std::thread::spawn(move || std::fs::write(writing, bytes).unwrap());
    let mut timeline = Timeline::open(&[path]).unwrap();
    writer.join().unwrap();
    assert!(timeline.may_bring_secrets());
    let told = listen(&mut timeline);
    let mut known = Vec::new();
    while let Some(packet) = timeline.next().unwrap() {
        let secs = packet.time.as_secs();
        known.push((secs, text(&told)));
    }
    assert_eq!(
        known,
        [(7, "a\n"), (8, "a\nb\n"), (9, "a\nb\n"), (10, "a\nb\nc\n")].map(|(t, s)| (t, s.to_owned()))
    );
    let since: Vec<u64> = told.lock().unwrap().iter().map(|(_, since)| *since).collect();
    assert_eq!(since, [0, 0, 7, 7, 9, 9]);
}
