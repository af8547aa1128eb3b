//! Notices as bytes: whole, cut, of another version.

use super::*;
use proptest::prelude::*;

fn notice() -> Notice {
    let publication = Publication::sample("id.acme.example", "/jwks.json");
    Notice { tenant: "acme".into(), sensor: "s1".into(), publication }
}

#[test]
fn a_notice_comes_back_whole_and_nothing_else_is_one() {
    let bytes = notice().write();
    assert_eq!(Notice::read(&bytes), Some(notice()));
    for cut in 0..bytes.len() {
        assert_eq!(Notice::read(&bytes[..cut]), None, "cut at {cut}");
    }
    assert_eq!(Notice::read(&[&bytes[..], &[0]].concat()), None, "more behind it");
    assert_eq!(Notice::read(&[&[VERSION + 1], &bytes[1..]].concat()), None, "of a newer sensor");
}

#[test]
fn what_is_kept_is_one_place_of_one_sensor() {
    let other = Notice { sensor: "s2".into(), ..notice() };
    assert_eq!(notice().key(), "s1/id.acme.example/jwks.json");
    assert_ne!(notice().key(), other.key(), "what two sensors saw of one place does not hide one another");
}

proptest! {
    #[test]
    fn any_bytes_are_a_notice_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(notice) = Notice::read(&bytes) {
            prop_assert_eq!(notice.write(), bytes);
        }
    }
}
