//! Frames: how much is in one, and what its pieces say.

use super::*;
use crate::http::Bytes;
use crate::identity::Sighting;
use crate::identity::clues::Clues;
use heelguard_detectors::health::Kernel;
use heelguard_detectors::story::transactions;

const STORY: &str = "10:00:00 203.0.113.7 -> login  POST /login 401 user=u{1..100} every 500ms";

fn shipping() -> Shipping {
    let (tenant, sensor, pair) = ("acme".into(), "one".into(), "".into());
    Shipping::new(Sender { tenant, sensor, pair, key: [7; 8], run: 5 })
}

fn at(seconds: u64) -> EventTime {
    EventTime::from_secs(1_795_255_200 + seconds)
}

fn nothing(watermark: EventTime) -> Forward {
    let (sightings, connections, seconds) = Default::default();
    Forward { sightings, connections, seconds, watermark, phase: Phase::Goes }
}

/// So many hundreds, each with a name of so many bytes, numbered by a hash.
fn hundreds(count: u64, name_bytes: usize) -> Forward {
    let all = (0..count).flat_map(|_| transactions(STORY).unwrap());
    let seen = |(number, transaction)| {
        let login_name = Some("x".repeat(name_bytes).into());
        let clues = Clues { request_hash: number, login_name, ..Clues::default() };
        Box::new(Sighting { transaction, clues })
    };
    let end = crate::pipeline::Second { end: at(1), bytes: Bytes::default(), kernel: Kernel::default() };
    Forward { sightings: (0..).zip(all).map(seen).collect(), seconds: vec![end], ..nothing(at(100)) }
}

fn frames(shipping: &mut Shipping, released: Forward) -> Vec<(u128, usize, Frame)> {
    let mut frames = Vec::new();
    let put = |id: u128, bytes: &[u8]| frames.push((id, bytes.len(), Frame::read(bytes).unwrap()));
    let count = shipping.ship(released, put);
    assert_eq!(count, frames.len() as u64);
    frames
}

#[test]
fn what_is_too_much_for_a_frame_goes_in_pieces_of_which_the_last_says_how_far() {
    for (count, name_bytes) in [(50, 10), (20, 1_000), (1, 100_000)] {
        let mut shipping = shipping();
        frames(&mut shipping, nothing(at(1)));
        let frames = frames(&mut shipping, hundreds(count, name_bytes));
        assert!(frames.len() > 1, "{} frames", frames.len());
        let (mut seen, mut number) = (0, 1);
        for (id, bytes, frame) in &frames {
            assert!(*bytes <= FRAME_BYTES_MAX && frame.sightings.len() <= FRAME_ITEMS_MAX, "{bytes} bytes");
            assert_eq!((frame.number, *id), (number, (5_u128 << 64) | u128::from(number)));
            let is_last = frame.number == frames.len() as u64;
            assert_eq!(frame.watermark, if is_last { at(100) } else { at(1) });
            assert_eq!((frame.seconds.len(), frame.phase), (usize::from(is_last), Phase::Goes));
            assert_eq!((&*frame.sender.tenant, frame.sender.run), ("acme", 5));
            for sighting in &frame.sightings {
                assert_eq!(sighting.clues.request_hash, seen);
                seen += 1;
            }
            number += 1;
        }
        assert_eq!(seen, count * 100);
    }
}

#[test]
fn a_single_thing_goes_whatever_its_size() {
    let mut released = hundreds(1, FRAME_BYTES_MAX);
    released.sightings.truncate(2);
    let frames = frames(&mut shipping(), released);
    assert_eq!(frames.iter().map(|(_, _, frame)| frame.sightings.len()).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn of_a_quiet_wire_is_told_now_and_then_how_late_it_is() {
    let mut shipping = shipping();
    assert_eq!(frames(&mut shipping, nothing(at(1))).len(), 1);
    assert!(frames(&mut shipping, nothing(at(2))).is_empty(), "a moment later");
    shipping.sent = None;
    assert!(frames(&mut shipping, nothing(at(1))).is_empty(), "nothing new");
    assert_eq!(frames(&mut shipping, nothing(at(3)))[0].2.watermark, at(3));
    assert_eq!(frames(&mut shipping, hundreds(1, 1)).len(), 1, "what was seen is told at once");
    let end = Forward { phase: Phase::Ended, ..nothing(EventTime::MAX) };
    let ended = frames(&mut shipping, end);
    assert_eq!((ended[0].2.phase, ended[0].2.number), (Phase::Ended, 3));
}
