//! How far time is, by what sensors promise, and what becomes of those that fall silent or come late.

use super::*;
use crate::scale::frame::Sender;
use heelguard_detectors::story::transactions;

fn at(second: u64) -> EventTime {
    EventTime::from_secs(1_000 + second)
}

/// A frame of a sensor: a number, when it was sent, what it promises, and the seconds at which something ended.
fn frame(sensor: &str, number: u64, sent_s: u64, promised: u64, ends: &[u64]) -> Frame {
    let sender = Sender { tenant: "t".into(), sensor: sensor.into(), pair: "".into(), key: [0; 8], run: 1 };
    let sightings = ends.iter().map(|second| {
        let mut tx = transactions("10:00:00 203.0.113.9 -> use GET / 200").unwrap().remove(0);
        tx.end = at(*second);
        Box::new(Sighting::plain(tx))
    });
    Frame {
        sender,
        number,
        sent_ms: sent_s * 1_000,
        watermark: at(promised),
        phase: Phase::Goes,
        sightings: sightings.collect(),
        connections: Vec::new(),
        seconds: Vec::new(),
    }
}

fn order(config: Config) -> Order {
    Order::new(&Config { lateness_ms: 0, idle_s: 30, ..config })
}

/// A frame comes when it is sent.
fn take(order: &mut Order, frame: Frame, counters: &mut ScaleCounters) {
    let at_ms = frame.sent_ms;
    order.take(frame, at_ms, counters);
}

/// The seconds of what is let go behind these frames, and of what came too late.
fn told(order: &mut Order, frames: Vec<Frame>) -> (Vec<u64>, Vec<u64>) {
    let mut counters = ScaleCounters::default();
    for frame in frames {
        take(order, frame, &mut counters);
    }
    let Released { sightings, late, .. } = order.release();
    let seconds = |held: Vec<Held>| {
        held.iter().map(|held| held.sighting.transaction.end.since(at(0)).as_secs()).collect()
    };
    (seconds(sightings), seconds(late))
}

#[test]
fn what_the_slowest_has_not_promised_waits() {
    let mut order = order(Config::default());
    let frames = vec![frame("a", 0, 1, 9, &[3, 1, 8]), frame("b", 0, 1, 4, &[2])];
    assert_eq!(told(&mut order, frames), (vec![1, 2, 3], vec![]));
    assert_eq!(told(&mut order, vec![frame("b", 1, 2, 9, &[5])]), (vec![5, 8], vec![]));
}

#[test]
fn what_is_waited_for_longer_than_promised_has_time_to_come() {
    let mut order = Order::new(&Config { lateness_ms: 2_000, ..Config::default() });
    assert_eq!(told(&mut order, vec![frame("a", 0, 1, 9, &[6, 7, 8])]).0, [6]);
    assert_eq!(told(&mut order, vec![frame("new", 0, 1, 10, &[7])]), (vec![], vec![]));
    assert_eq!(told(&mut order, vec![frame("a", 1, 1, 11, &[])]).0, [7, 7]);
}

#[test]
fn whoever_is_waited_for_is_waited_for_from_the_start() {
    let mut order = order(Config { sensors: vec!["a".into(), "b".into()], ..Config::default() });
    assert_eq!(told(&mut order, vec![frame("a", 0, 1, 9, &[3])]), (vec![], vec![]));
    assert_eq!(told(&mut order, vec![frame("b", 0, 1, 9, &[2])]), (vec![2, 3], vec![]));
}

#[test]
fn a_silent_sensor_is_waited_for_so_long_and_then_late() {
    let mut order = order(Config::default());
    told(&mut order, vec![frame("a", 0, 1, 1, &[]), frame("b", 0, 1, 1, &[])]);
    assert_eq!(told(&mut order, vec![frame("a", 1, 31, 20, &[2])]), (vec![], vec![]));
    assert_eq!(told(&mut order, vec![frame("a", 2, 32, 21, &[3])]), (vec![2, 3], vec![]));
    assert_eq!(told(&mut order, vec![frame("b", 1, 33, 30, &[4, 25])]), (vec![], vec![4]));
    assert_eq!(told(&mut order, vec![frame("a", 3, 33, 30, &[])]), (vec![25], vec![]));
}

#[test]
fn a_frame_counts_once_and_a_lost_one_is_counted() {
    let mut order = order(Config::default());
    let mut counters = ScaleCounters::default();
    // What was sent before it was first heard of is none of ours.
    for number in [7, 8, 8, 7, 11] {
        take(&mut order, frame("a", number, 1, 9, &[1]), &mut counters);
    }
    assert_eq!((counters.sightings_in, counters.frames_repeated, counters.frames_missing), (3, 2, 2));
}

#[test]
fn more_than_there_is_room_for_goes_without_a_promise() {
    let mut order = order(Config { sensors: vec!["b".into()], held_max: 4, ..Config::default() });
    let frames = vec![frame("a", 0, 1, 9, &[1, 2, 3, 4, 5, 6])];
    assert_eq!(told(&mut order, frames).0, [1, 2, 3]);
    // Time does not go back behind what was let go.
    assert_eq!(told(&mut order, vec![frame("b", 0, 1, 9, &[2])]).1, [2]);
}

#[test]
fn captures_end_once_when_the_last_is_at_its_end() {
    let mut order = order(Config { sensors: vec!["a".into(), "b".into()], ..Config::default() });
    let ended =
        |sensor, number, second| Frame { phase: Phase::Ended, ..frame(sensor, number, 1, second, &[second]) };
    let mut counters = ScaleCounters::default();
    take(&mut order, ended("a", 0, 5), &mut counters);
    assert_eq!(order.release().ended, None);
    take(&mut order, ended("b", 0, 7), &mut counters);
    let released = order.release();
    assert_eq!((released.ended, released.sightings.len()), (Some(at(7)), 2));
    assert_eq!(order.release().ended, None);
}

#[test]
fn a_sensor_that_begins_anew_holds_nobody_up() {
    let mut order = order(Config::default());
    told(&mut order, vec![frame("a", 0, 1, 3, &[]), frame("b", 0, 1, 3, &[])]);
    let mut again = frame("a", 0, 2, 9, &[5]);
    again.sender.run = 2;
    assert_eq!(told(&mut order, vec![frame("b", 1, 2, 9, &[4]), again]).0, [4, 5]);
}

#[test]
fn while_nothing_came_nobody_was_silent() {
    let mut order = order(Config::default());
    told(&mut order, vec![frame("a", 0, 1, 1, &[]), frame("b", 0, 1, 1, &[])]);
    // An outage of ten minutes; then both send what they have.
    assert_eq!(told(&mut order, vec![frame("a", 1, 601, 500, &[100])]), (vec![], vec![]));
    assert_eq!(told(&mut order, vec![frame("b", 1, 602, 500, &[90])]), (vec![90, 100], vec![]));
}

#[test]
fn what_the_other_of_a_pair_told_is_not_late() {
    let mut order = order(Config::default());
    let of_pair = |frame: Frame, pair: &str| {
        let sender = Sender { pair: pair.into(), ..frame.sender.clone() };
        Frame { sender, ..frame }
    };
    told(&mut order, vec![of_pair(frame("a", 0, 1, 9, &[3]), "p")]);
    assert_eq!(told(&mut order, vec![of_pair(frame("b", 0, 1, 9, &[3]), "p")]), (vec![], vec![]));
    assert_eq!(told(&mut order, vec![of_pair(frame("c", 0, 1, 9, &[3]), "q")]), (vec![], vec![3]));
}

#[test]
fn a_sensor_that_was_stopped_keeps_open_what_is_open() {
    let mut order = order(Config::default());
    let phased = |sensor, number, phase| Frame { phase, ..frame(sensor, number, 1, 5, &[]) };
    let mut counters = ScaleCounters::default();
    for frame in [phased("live", 0, Phase::Stopped), phased("replay", 0, Phase::Ended)] {
        take(&mut order, frame, &mut counters);
    }
    assert_eq!(order.release().ended, None);
}

#[test]
fn a_number_that_nobody_can_mean_is_not_believed() {
    let order = order(Config::default());
    let sender = frame("a", 0, 1, 1, &[]).sender;
    assert!(order.believes(&sender, 7) && !order.believes(&sender, u64::MAX));
}

#[test]
fn saved_and_loaded_it_goes_on_alike() {
    let mut first = order(Config::default());
    let frames = vec![frame("a", 0, 1, 9, &[3, 1, 8]), frame("b", 0, 1, 4, &[2])];
    told(&mut first, frames);
    let mut bytes = Vec::new();
    first.save(&mut bytes);
    let mut second = order(Config::default());
    second.load(&mut bytes.as_slice()).unwrap();
    for order in [&mut first, &mut second] {
        assert_eq!(told(order, vec![frame("b", 0, 2, 9, &[5])]), (vec![], vec![]));
        assert_eq!(told(order, vec![frame("b", 1, 2, 9, &[5])]), (vec![5, 8], vec![]));
    }
}
