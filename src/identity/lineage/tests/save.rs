//! A memory that was saved and restored answers as if nothing had been; what is no such memory is an error that says why.

use super::anyone::{deeds, exchanges, sighting};
use super::*;
use crate::identity::extract::tests::extractor;
use crate::identity::lineage::save::RestoreError;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn saved(lineage: &Lineage) -> Vec<u8> {
    lineage.save()
}

fn restored(config: &LineageConfig, bytes: &[u8]) -> Lineage {
    Lineage::restore(config, &mut &*bytes).unwrap()
}

/// A memory with one of everything.
fn memory(config: &LineageConfig) -> Lineage {
    let mut lineage = Lineage::new(config);
    let steps = [
        login(API, "alice", LoginOutcome::SecondFactor)
            .issues(HandleKind::Challenge, "ticket")
            .at(1)
            .from(1, 1),
        verify(API, MfaOutcome::Success)
            .spends(OneTime::Ticket, HandleKind::Challenge, "ticket")
            .issues(HandleKind::Session, "s")
            .answers("alice@x.example", &["7"])
            .edit(|_, clues| clues.dpop_jti = Some(5))
            .at(700)
            .from(1, 1),
        step(API, Activity::Use)
            .presents(HandleKind::Session, "s")
            .ends(Ends::Others, EndCause::PasswordChange)
            .at(900),
        step(API, Activity::KeyIssue)
            .presents(HandleKind::Session, "s")
            .issues(HandleKind::ApiKey, "k")
            .at(901),
        step(API, Activity::Use).presents(HandleKind::Session, "s").ends(Ends::Own, EndCause::Logout).at(902),
    ];
    for step in steps {
        lineage.attribute(step);
    }
    lineage
}

#[test]
fn a_restored_memory_answers_as_the_saved_one_would() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(40));
    let extractor = std::cell::RefCell::new(extractor());
    let sizes = prop_oneof![Just((1_000_000, 500_000)), (1..30usize, 1..8usize)];
    runner
        .run(&(deeds(true), 0..100usize, sizes), |(deeds, cut, (handles_max, accounts_max))| {
            let config = LineageConfig { handles_max, accounts_max, ..LineageConfig::default() };
            let exchanges = exchanges(&deeds);
            let cut = exchanges.len() * cut / 100;
            let mut extractor = extractor.borrow_mut();
            let (mut whole, mut resumed) = (Lineage::new(&config), Lineage::new(&config));
            for (nth, (told, deed)) in exchanges.iter().enumerate() {
                if nth == cut {
                    let bytes = saved(&resumed);
                    resumed = restored(&config, &bytes);
                    prop_assert_eq!(saved(&resumed), bytes, "saved again it is the same");
                }
                let mut see = || sighting(&mut extractor, nth, told, *deed);
                let (Some(one), Some(other)) = (see(), see()) else { continue };
                let one = whole.attribute(one);
                prop_assert_eq!(format!("{:?}", resumed.attribute(other)), format!("{:?}", one));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_cut_off_says_so() {
    let config = LineageConfig::default();
    let bytes = saved(&memory(&config));
    for length in 0..bytes.len() {
        let error = Lineage::restore(&config, &mut &bytes[..length]).err();
        assert!(matches!(error, Some(RestoreError::Truncated)), "{length}: {error:?}");
    }
}

#[test]
fn no_byte_can_be_changed_unseen() {
    let config = LineageConfig::default();
    let bytes = saved(&memory(&config));
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let error = Lineage::restore(&config, &mut &*damaged).err();
            let fits = match at {
                0..8 => matches!(error, Some(RestoreError::NotLineage)),
                8..12 => matches!(error, Some(RestoreError::Newer { .. } | RestoreError::Corrupt(_))),
                20..28 => matches!(error, Some(RestoreError::Truncated | RestoreError::Corrupt(_))),
                _ => matches!(error, Some(RestoreError::Corrupt(_))),
            };
            assert!(fits, "byte {at}, bit {bit}: {error:?}");
        }
    }
}

#[test]
fn another_key_and_a_later_version_are_refused_in_words() {
    let config = LineageConfig::default();
    let bytes = saved(&memory(&config));
    let other = LineageConfig { key: [1; 8], ..config.clone() };
    let error = Lineage::restore(&other, &mut &*bytes).err().unwrap();
    assert_eq!(error.to_string(), "it was saved under another key than privacy.key_file holds");
    let mut later = bytes;
    later[8] = 9;
    let error = Lineage::restore(&config, &mut &*later).err().unwrap();
    assert_eq!(error.to_string(), "it is of version 9; this program knows versions up to 1");
}

#[test]
fn smaller_limits_take_what_would_have_stayed() {
    let config = LineageConfig::default();
    let bytes = saved(&memory(&config));
    let small = LineageConfig { handles_max: 2, accounts_max: 1, ..config };
    let mut lineage = restored(&small, &bytes);
    assert_eq!(lineage.evicted().handles, 1);
    let principal = lineage.attribute(step(API, Activity::Use).presents(HandleKind::Session, "s")).principal;
    assert_eq!(principal.key(), "user:alice");
}

proptest! {
    #[test]
    fn any_bytes_are_an_error_at_worst(mut bytes in prop::collection::vec(any::<u8>(), 0..400), sealed: bool) {
        if sealed {
            // Under a right head and checksum, so that the content itself is read.
            let content = bytes.split_off(0);
            bytes = [b"HGLINEAG".as_slice(), &1u32.to_le_bytes(), &[0; 8], &(content.len() as u64).to_le_bytes(), &content].concat();
            let checksum = blake3::hash(&bytes);
            bytes.extend_from_slice(checksum.as_bytes());
        }
        let _ = Lineage::restore(&LineageConfig::default(), &mut &*bytes);
    }
}
