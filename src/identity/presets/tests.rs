//! Every preset holds what it promises: its examples, played in order, are told as it says.

mod examples;

use super::*;

include!(concat!(env!("OUT_DIR"), "/preset_tests.rs"));

#[test]
fn a_name_means_one_thing_in_all_presets_together() {
    let together = vocabulary(&[ALL.to_owned()], &[]);
    assert!(together.is_ok(), "{}", together.err().unwrap_or_default());
}

#[test]
fn every_preset_says_where_it_is_from_and_shows_itself() {
    for preset in BUILT_IN.as_ref().unwrap() {
        assert!(!preset.examples.is_empty(), "{} has no example", preset.file);
        for example in &preset.examples {
            assert!(!example.steps.is_empty(), "{}: `{}` has no steps", preset.file, example.name);
        }
    }
}
