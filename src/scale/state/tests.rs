//! State as records: torn, foreign, compacted, and written by one who does not know yet that he is out.

use super::*;

const KEY: [u8; 8] = [3; 8];

fn parts(text: &str) -> Vec<(String, Part)> {
    let long = text.repeat(400_000).into_bytes();
    vec![
        ("place".to_owned(), text.as_bytes().to_vec()),
        ("large".to_owned(), long),
        ("empty".to_owned(), vec![]),
    ]
}

fn place(next_offset: i64) -> Place {
    Place { key: KEY, partitions: 4, next_offset }
}

fn written(writer: &mut Writer, text: &str, next_offset: i64) -> Vec<Record> {
    writer.records(parts(text), &place(next_offset)).unwrap().into_iter().flatten().collect()
}

fn read(records: &[Record]) -> Reading {
    let mut reading = Reading::default();
    for record in records {
        reading.take(record.key.as_bytes(), record.value.as_deref());
    }
    reading
}

fn restored(records: &[Record]) -> Option<Restored> {
    read(records).restore(KEY, 4).unwrap()
}

#[test]
fn what_was_written_comes_back_with_its_offset() {
    let mut writer = Writer::new(1, None);
    let records = written(&mut writer, "ab", 7);
    assert!(records.len() > 3, "a large part has several chunks");
    let back = restored(&records).unwrap();
    assert_eq!((back.parts, back.place), (parts("ab"), place(7)));
    assert!(restored(&[]).is_none());
}

#[test]
fn a_part_that_did_not_change_is_not_written_again() {
    let mut writer = Writer::new(1, None);
    let mut records = written(&mut writer, "ab", 7);
    let again = written(&mut writer, "ab", 9);
    assert_eq!(again.len(), 1, "the manifest alone");
    records.extend(again);
    assert_eq!(restored(&records).unwrap().place, place(9));
}

#[test]
fn a_state_that_is_torn_anywhere_is_the_one_before_or_the_new_one() {
    let mut writer = Writer::new(1, None);
    let first = written(&mut writer, "ab", 7);
    let second = written(&mut writer, "cd", 9);
    for torn in 0..=second.len() {
        let records = [first.as_slice(), &second[..torn]].concat();
        let back = restored(&records).unwrap();
        let is_new = back.place == place(9);
        assert!(is_new && back.parts == parts("cd") || back.place == place(7) && back.parts == parts("ab"));
    }
}

#[test]
fn one_who_is_out_and_does_not_know_it_takes_nothing_from_his_successor() {
    let mut old = Writer::new(1, None);
    let mut records = written(&mut old, "ab", 7);
    let mut new = Writer::new(2, restored(&records).as_ref());
    records.extend(written(&mut new, "ab", 12));
    // What did not change he does not write again, and his successor took it back.
    records.extend(written(&mut old, "ab", 9));
    let back = restored(&records).unwrap();
    assert_eq!((back.parts, back.place), (parts("ab"), place(12)));
    // Compaction leaves the newest record of each key.
    let mut compacted: Vec<Record> = Vec::new();
    for (place, record) in records.iter().enumerate() {
        if !records[place + 1..].iter().any(|later| later.key == record.key) {
            compacted.push(record.clone());
        }
    }
    assert_eq!(restored(&compacted).unwrap().place, place(12));
    records.extend(written(&mut old, "cd", 10));
    let back = restored(&records).unwrap();
    assert_eq!((back.parts, back.place), (parts("cd"), place(10)), "older, and whole");
}

#[test]
fn foreign_state_is_refused_in_words() {
    let records = written(&mut Writer::new(1, None), "ab", 7);
    assert!(read(&records).restore([4; 8], 4).unwrap_err().contains("another fingerprint key"));
    assert!(read(&records).restore(KEY, 5).unwrap_err().contains("4 partitions; now they have 5"));
    let mut damaged = records.clone();
    damaged[0].value = Some(b"no zstd".to_vec());
    assert!(read(&damaged).restore(KEY, 4).unwrap_err().contains("not whole"));
    let newer = Record { key: format!("{MANIFEST}1"), value: Some(vec![VERSION + 1, 0]) };
    assert!(read(&[newer]).restore(KEY, 4).unwrap_err().contains("another version"));
}
