//! Segments of the spool with damage between their records: every whole record is found, in order. A head with a changed
//! byte names no spool, and a name says a number only in one way.

use super::input::{Input, turn};
use heelguard::fuzzing::{head, number_in, records, spool_in, write};

/// The turn is a record; else bytes that are none.
const RECORD: u8 = 1;
/// The record is written, and then the byte that comes next in it is changed.
const SPOILT: u8 = 2;

pub fn run(data: &[u8]) {
    let (mut bytes, mut whole) = (Vec::new(), Vec::new());
    for (number, turn) in (0..).zip(Input::new(data).turns()) {
        if turn.kind & RECORD == 0 {
            bytes.extend(turn.bytes);
            continue;
        }
        let mut record = write(number, turn.bytes);
        if turn.kind & SPOILT == 0 {
            whole.push((bytes.len(), number, turn.bytes));
        } else {
            let place = usize::from(turn.kind >> 2) * 7 % record.len();
            record[place] ^= 1 << (turn.kind >> 5);
        }
        bytes.extend(record);
    }
    names(data);
    let found = records(&bytes);
    // Bytes that are no record may have been made to be one, and may then hold one of ours.
    if found.iter().all(|record| whole.contains(record)) {
        assert_eq!(found, whole, "every whole record is found");
    }
    assert!(found.is_sorted_by_key(|(at, ..)| *at));
}

fn names(data: &[u8]) {
    let mut input = Input::new(data);
    let (number, at, change) = (u64::from(input.number()), usize::from(input.byte()), input.byte());
    let mut head = head(u128::from(number) << 7, number);
    assert_eq!(spool_in(&head), Some(u128::from(number) << 7));
    let at = at % head.len();
    head[at] ^= change;
    assert_eq!(spool_in(&head).is_some(), change == 0, "byte {at} is part of the head");
    assert_eq!(spool_in(data), None);
    let name = String::from_utf8_lossy(data);
    for name in [&*name, &format!("{number:020}.log")] {
        assert!(number_in(name).is_none_or(|(_, said)| said == *name), "{name}");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let three = [turn(RECORD, "one"), turn(RECORD, "two"), turn(RECORD, "")].concat();
    let zeros = turn(0, [0; 300]);
    let length = turn(0, [41, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    let record = turn(0, write(2, b"a copy"));
    vec![
        three.clone(),
        [&three[..], &zeros, &three].concat(),
        [&length[..], &three, &length].concat(),
        [turn(RECORD | SPOILT, "lost"), three.clone(), turn(RECORD | SPOILT | 0x80, "lost")].concat(),
        [&record[..], &three, &record[..20]].concat(),
    ]
}
