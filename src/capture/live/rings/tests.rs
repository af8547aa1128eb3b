//! A tap without rings: what it says while nothing can come, and whom it counts for.

use super::*;
use crossbeam_channel::{bounded, unbounded};

fn rings(shard: usize, interfaces: &Arc<[Interface]>, stop: &Stop) -> Rings {
    let slots = interfaces.iter().map(|_| None).collect();
    Rings::new(shard, Arc::clone(interfaces), slots, bounded(1).1, unbounded().0, stop.clone())
}

fn two() -> Arc<[Interface]> {
    Arc::new([Interface::new("eth0", 2, false), Interface::new("eth1", 2, true)])
}

#[test]
fn while_all_interfaces_are_away_time_goes_on() {
    let mut rings = rings(0, &two(), &Stop::default());
    let mut last = EventTime::ZERO;
    for _ in 0..3 {
        let began = Instant::now();
        let Next::Quiet(time) = rings.next() else { panic!("nothing can come") };
        assert!(time > last, "{time:?} after {last:?}");
        assert!(began.elapsed() >= QUIET, "it does not turn in circles");
        last = time;
    }
}

#[test]
fn after_a_stop_a_tap_with_nothing_inside_ends_and_stays_at_its_end() {
    let stop = Stop::default();
    let mut rings = rings(1, &two(), &stop);
    stop.stop();
    for _ in 0..2 {
        // One moment of silence may come before the end.
        let ended = (0..2).any(|_| matches!(rings.next(), Next::End));
        assert!(ended);
    }
}

#[test]
fn what_all_taps_share_is_counted_by_the_first_alone() {
    let interfaces = two();
    interfaces[1].lose();
    interfaces[1].come_back();
    let counted = |shard| {
        let live = rings(shard, &interfaces, &Stop::default()).counters().live;
        (live.interface_losses, live.interface_returns, live.received)
    };
    assert_eq!(counted(0), (1, 1, 0));
    assert_eq!(counted(1), (0, 0, 0));
}

#[test]
fn a_place_without_a_ring_keeps_what_was_counted_there() {
    let mut slot = Slot::new(None);
    slot.account.packets = 5;
    slot.kernel.set(Statistics { received: 9, dropped: 3, freezes: 1 });
    let expected = Account { received: 9, dropped: 3, freezes: 1, packets: 5, ..Account::default() };
    assert_eq!(slot.counted(), expected);
    assert_eq!(slot.counted().waiting(), 1);
    assert!(!slot.is_open() && !slot.has_frame() && slot.time().is_none());
    // Nothing leaves from where nothing is.
    slot.leave();
    assert_eq!(slot.leaving, Leaving::Stays);
}
