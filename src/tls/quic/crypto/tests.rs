//! Frames and pieces of hellos in every order, and such as nobody sends in good faith.

use super::*;
use proptest::prelude::*;

/// A hello of `length` bytes, of which each says where it stands.
fn message(kind: u8, length: usize) -> Vec<u8> {
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let body = (0..length).map(|place| (place / 251 + place % 251) as u8);
    [kind, a, b, c].into_iter().chain(body).collect()
}

fn whole(kind: u8, bytes: &[u8]) -> Message {
    Message { kind, body: bytes[4..].to_vec(), is_whole: true }
}

fn frames(payload: &[u8]) -> Vec<Result<(u64, &[u8]), Malformed>> {
    Frames(payload).collect()
}

#[test]
fn frames_beside_the_handshake_are_stepped_over() {
    let acknowledged = [0x02, 0x05, 0x00, 0x01, 0x00, 0x01, 0x02];
    let with_counts = [0x03, 0x05, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03];
    let closed = [0x1C, 0x41, 0x28, 0x06, 0x02, b'n', b'o'];
    let handshake = [0x06, 0x44, 0xB0, 0x03, b'a', b'b', b'c'];
    let payload =
        [&[0, 0, 1][..], &acknowledged, &handshake, &with_counts, &[0x06, 0, 0], &closed, &[0; 20]].concat();
    assert_eq!(frames(&payload), [Ok((0x4B0, &b"abc"[..])), Ok((0, &b""[..]))]);
}

#[test]
fn frames_that_no_first_packet_has_end_it() {
    let good = [0x06, 0x00, 0x01, b'a'];
    let bad: [&[u8]; 7] = [
        &[0x08, 0x00, b'a'],
        &[0x1D, 0x00, 0x00],
        &[0x06, 0x00, 0x20, b'a'],
        &[0x06, 0xFF, 0xFF],
        &[0x02, 0x05, 0x00, 0x09, 0x00, 0x01],
        &[0x02, 0x05, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0x1C, 0x00, 0x06, 0x09, b'n'],
    ];
    for frame in bad {
        let payload = [&good[..], frame, &good].concat();
        assert_eq!(frames(&payload), [Ok((0, &b"a"[..])), Err(Malformed)], "{frame:02x?}");
    }
}

#[test]
fn messages_follow_one_another_in_the_stream() {
    let (first, second) = (message(2, 90), message(2, 400));
    let all = [&first[..], &second].concat();
    let mut stream = Stream::default();
    stream.add(94, &all[94..300]);
    assert_eq!(stream.message(), None);
    stream.add(0, &all[..100]);
    assert_eq!(stream.message(), Some(whole(2, &first)));
    assert_eq!(stream.message(), None);
    stream.add(290, &all[290..]);
    assert_eq!(stream.message(), Some(whole(2, &second)));
    assert_eq!((stream.message(), stream.held_bytes()), (None, 0));
}

#[test]
fn of_bytes_that_contradict_each_other_the_earlier_ones_count() {
    let hello = message(1, 40);
    let mut stream = Stream::default();
    stream.add(0, &hello[..30]);
    stream.add(10, &[0xEE; 34]);
    let Some(read) = stream.message() else { panic!("it is whole") };
    assert_eq!(read.body[..26], hello[4..30]);
    assert_eq!(read.body[26..], [0xEE; 14]);
}

#[test]
fn a_message_that_is_too_long_is_read_by_its_beginning_and_ends_the_reading() {
    let long = message(1, MESSAGE_BYTES_MAX + 5_000);
    let mut stream = Stream::default();
    for (number, part) in long.chunks(1_000).enumerate() {
        stream.add(number as u64 * 1_000, part);
    }
    let read = stream.message().unwrap();
    assert_eq!((read.body.len(), read.is_whole), (MESSAGE_BYTES_MAX, false));
    stream.add(17_000, b"more");
    assert!(stream.is_over() && stream.held_bytes() == 0);
}

#[test]
fn what_somebody_sends_to_fill_memory_is_bounded() {
    let mut stream = Stream::default();
    for place in 1..10_000 {
        stream.add(place * 2, b"x");
    }
    stream.add(1 << 61, &[7; 1_000]);
    stream.add(u64::MAX, b"x");
    assert_eq!(stream.held_bytes(), PIECES_MAX * (1 + PIECE_OVERHEAD_BYTES));
    let mut stream = Stream::default();
    for round in 0..100 {
        stream.add(1 + round, &vec![7; 20_000]);
    }
    assert!(stream.held_bytes() <= WINDOW_BYTES + PIECES_MAX * PIECE_OVERHEAD_BYTES);
}

proptest! {
    #[test]
    fn a_hello_is_read_in_whatever_pieces_and_order_it_comes(
        length in 0..2_500_usize,
        cuts in prop::collection::vec(0..2_600_usize, 0..40),
        order in any::<u64>(),
    ) {
        let hello = message(1, length);
        let mut places: Vec<usize> = cuts.into_iter().filter(|&cut| cut < hello.len()).chain([0, hello.len()]).collect();
        places.sort_unstable();
        // Each piece reaches a little into the next one, and some come twice.
        let mut pieces: Vec<(usize, usize)> =
            places.windows(2).map(|pair| (pair[0], (pair[1] + 3).min(hello.len()))).collect();
        pieces.extend(pieces.clone().into_iter().step_by(3));
        let mut state = order | 1;
        for place in (1..pieces.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            pieces.swap(place, (state >> 33) as usize % (place + 1));
        }
        let mut stream = Stream::default();
        for (start, end) in pieces {
            stream.add(start as u64, &hello[start..end]);
        }
        prop_assert_eq!(stream.message(), Some(whole(1, &hello)));
        prop_assert_eq!(stream.held_bytes(), 0);
    }

    #[test]
    fn any_frames_in_any_order_are_taken(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut stream = Stream::default();
        for (offset, bytes) in Frames(&payload).flatten() {
            stream.add(offset, bytes);
            while stream.message().is_some() {}
        }
    }
}
