//! Key logs in pieces, as files and pipes give them.

use super::super::{KeyStore, Lines};
use heelguard_detectors::time::EventTime;
use proptest::prelude::*;

fn line(number: u32) -> String {
    format!("CLIENT_RANDOM {number:064x} {}", "a5".repeat(48))
}

/// Reads pieces to the end; what was taken, and what was junk.
fn read(pieces: &[&[u8]]) -> (u64, u64) {
    let store = KeyStore::new(100, true);
    let mut lines = Lines::default();
    for piece in pieces {
        lines.read(piece, EventTime::ZERO, &store);
    }
    lines.end(EventTime::ZERO, &store);
    (store.counters().taken, store.counters().junk_lines)
}

#[test]
fn a_line_too_long_to_be_one_is_passed_over() {
    let long = [line(1), "x".repeat(5_000), line(2)].join("\n");
    assert_eq!(read(&[long.as_bytes()]), (2, 1));
    let pieces: Vec<&[u8]> = long.as_bytes().chunks(700).collect();
    assert_eq!(read(&pieces), (2, 1));
    assert_eq!(read(&[&vec![0; 1 << 20]]), (0, 1));
}

#[test]
fn a_line_too_long_is_junk_however_it_comes_and_a_comment_never() {
    for (long, junk) in [("EXPORTER_SECRET ", 1), ("CLIENT_RANDOM ", 1), ("# ", 0)] {
        let text = format!("{}\n{long}{}\n{}", line(1), "a5".repeat(4_000), line(2));
        for size in [1, 700, text.len()] {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert_eq!(read(&pieces), (2, junk), "{long}in pieces of {size}");
        }
    }
}

#[test]
fn the_last_line_needs_no_end() {
    assert_eq!(read(&[line(1).as_bytes()]), (1, 0));
    assert_eq!(read(&[&line(1).as_bytes()[..40]]), (0, 1));
    assert_eq!(read(&[line(1).as_bytes(), b"\r", b"\n", b"\r\n"]), (1, 0));
}

#[test]
fn the_oldest_connection_is_forgotten_and_counted() {
    let store = KeyStore::new(2, false);
    for number in [1, 2, 1, 3] {
        store.read_key_log(line(number).as_bytes(), EventTime::ZERO);
    }
    let random = |number: u8| {
        let mut random = [0; 32];
        random[31] = number;
        random
    };
    assert_eq!([1, 2, 3].map(|number| store.knows(&random(number))), [false, true, true]);
    // The line that came twice was taken once.
    assert_eq!((store.counters().taken, store.counters().forgotten), (3, 1));
}

proptest! {
    #[test]
    fn any_cut_reads_as_the_whole_does(cuts in proptest::collection::vec(0_usize..900, 0..12), crlf: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let text: String = (0..5).map(|number| format!("{}{end}# said{end}junk{end}", line(number))).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
        prop_assert_eq!(read(&pieces), (5, 5));
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..4_000), cut in 0_usize..4_000) {
        let (one, other) = bytes.split_at(cut.min(bytes.len()));
        prop_assert_eq!(read(&[one, other]).0, 0);
    }
}
