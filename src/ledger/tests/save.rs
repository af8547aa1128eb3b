//! A ledger that goes on in another process is the ledger that never ended.

use super::{full, told};
use crate::ledger::Ledger;
use heelguard_detectors::saved::Damaged;
use heelguard_detectors::story::transactions;

/// The bytes of every part.
fn parts(ledger: &Ledger) -> Vec<(String, Vec<u8>)> {
    ledger.parts().into_iter().map(|name| (name.clone(), ledger.save(&name).unwrap())).collect()
}

fn gone_on(parts: &[(String, Vec<u8>)]) -> Result<Ledger, Damaged> {
    let ledger = Ledger::default();
    for (name, bytes) in parts {
        ledger.load(name, bytes)?;
    }
    Ok(ledger)
}

const DAY: &str = "08:00:00 203.0.113.7 -> offer POST /login 200 user=ann country=DE device=abcd
    08:00:20 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=totp country=DE device=abcd
    08:01:00 203.0.113.{1..30} -> use GET /orders/{1..30} 200 user=u{1..7} session=s{1..9} route=/orders/{id} proof=mfa country={DE,FR} device=abcd every 30s
    09:00:00 198.51.100.9 -> use GET /r{1..60} 200 user=ann key=k{1..3} proof=api_key has_mfa labels=admin asn=7 every 1h
    4d+09:00:00 198.51.100.{1..20} -> use DELETE /orders/1 403 key=k{1..90} proof=api_key route=/orders/{id}";

#[test]
fn a_restart_anywhere_changes_nothing() {
    let all = transactions(DAY).unwrap();
    let whole = Ledger::default();
    for tx in &all {
        whole.observe(tx);
    }
    for place in (0..=all.len()).step_by(17) {
        let (before, after) = all.split_at(place);
        let first = Ledger::default();
        for tx in before {
            first.observe(tx);
        }
        let second = gone_on(&parts(&first)).unwrap();
        for tx in after {
            second.observe(tx);
        }
        assert_eq!(parts(&second), parts(&whole), "after {place} of {}", all.len());
        assert_eq!(second.overview(), whole.overview());
        assert_eq!(format!("{:?}", second.coverage()), format!("{:?}", whole.coverage()));
    }
}

#[test]
fn what_is_full_is_saved_whole_in_parts_that_are_small() {
    let ledger = full();
    let saved = parts(&ledger);
    let largest = saved.iter().map(|(_, bytes)| bytes.len()).max().unwrap();
    assert!(saved.len() > 4 && largest < 3_000_000, "{} parts, {largest} bytes", saved.len());
    assert_eq!(parts(&gone_on(&saved).unwrap()), saved);
}

#[test]
fn what_makes_room_is_the_same_after_a_restart() {
    let flood =
        transactions("09:00:00 203.0.113.7 -> login POST /login 401 user=u{1..12000} every 1ms").unwrap();
    let (whole, first) = (Ledger::default(), Ledger::default());
    for tx in &flood {
        whole.observe(tx);
    }
    flood.iter().take(7_000).for_each(|tx| first.observe(tx));
    let second = gone_on(&parts(&first)).unwrap();
    flood.iter().skip(7_000).for_each(|tx| second.observe(tx));
    assert_eq!(second.overview(), whole.overview());
    assert_eq!(parts(&second), parts(&whole));
}

#[test]
fn damage_is_refused_at_every_cut_and_other_parts_are_passed_over() {
    let saved = parts(&told(DAY));
    for (name, bytes) in &saved {
        for end in (0..bytes.len()).step_by(bytes.len() / 50 + 1) {
            let cut = bytes.get(..end).unwrap();
            assert_eq!(Ledger::default().load(name, cut), Err(Damaged), "{name} {end}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Ledger::default().load(name, &longer), Err(Damaged), "{name}");
    }
    assert_eq!(Ledger::default().load("ledger.of_tomorrow.7", b"anything"), Ok(()));
    assert_eq!(Ledger::default().save("ledger.keys.x"), None);
}

#[test]
fn a_row_that_moved_while_parts_were_written_is_there_once() {
    let ledger = told("09:00:00 203.0.113.7 -> use GET /a 401 user=u{1..9} key=k{1..9}");
    let saved = parts(&ledger);
    transactions("09:01:00 203.0.113.7 -> use GET /a 200 user=u{1..9} key=k{1..9}")
        .unwrap()
        .iter()
        .for_each(|tx| ledger.observe(tx));
    let second = gone_on(&[saved, parts(&ledger).split_off(1)].concat()).unwrap();
    let used = |of: &Ledger| of.overview().rooms.iter().map(|room| room.used).collect::<Vec<_>>();
    assert_eq!(used(&second), used(&ledger));
}
