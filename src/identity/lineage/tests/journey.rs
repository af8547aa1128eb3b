//! A sighting that travels is completed as one that stays: judged where it was seen, written, read, completed there.

use super::anyone::{deeds, exchanges, sighting};
use super::*;
use crate::identity::extract::tests::extractor;
use crate::identity::secret::Keyring;
use crate::identity::{Bench, Legs, Routes, RoutesConfig};
use heelguard_detectors::saved::Saved;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// What completes sightings, in their order.
struct Place {
    legs: Legs,
    lineage: Lineage,
    routes: Routes,
}

impl Place {
    fn new() -> Self {
        Self {
            legs: Legs::default(),
            lineage: Lineage::new(&LineageConfig::default()),
            routes: Routes::new(RoutesConfig::default()),
        }
    }

    /// All that is known of the exchange in the end.
    fn complete(&mut self, mut sighting: Sighting, is_judged: bool) -> String {
        sighting.transaction.repeat_of = self.legs.repeat_of(&sighting);
        if is_judged {
            self.lineage.complete_judged(&mut sighting);
        } else {
            self.lineage.complete(&mut sighting);
        }
        self.routes.settle(&mut sighting.transaction);
        format!("{sighting:?}")
    }
}

/// Written and read.
fn travelled(sighting: &Sighting) -> Sighting {
    let mut bytes = Vec::new();
    sighting.save(&mut bytes);
    let mut from = bytes.as_slice();
    let read = Sighting::load(&mut from).unwrap();
    assert!(from.is_empty());
    read
}

#[test]
fn whatever_happens_a_journey_changes_nothing() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(60));
    let extractor = std::cell::RefCell::new(extractor());
    runner
        .run(&deeds(true), |deeds| {
            let mut extractor = extractor.borrow_mut();
            let (mut here, mut there) = (Place::new(), Place::new());
            let mut bench = Bench::new(Arc::default(), &Keyring::ephemeral().unwrap());
            for (nth, (told, deed)) in exchanges(&deeds).iter().enumerate() {
                let mut see = || sighting(&mut extractor, nth, told, *deed);
                let (Some(stays), Some(mut leaves)) = (see(), see()) else { continue };
                bench.judge(&mut leaves);
                let came = there.complete(travelled(&leaves), true);
                prop_assert_eq!(came, here.complete(stays, false));
            }
            prop_assert!(there.lineage.save() == here.lineage.save(), "they remember the same");
            prop_assert_eq!(bench.counters(), here.lineage.token_counters());
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_second_verdict_on_a_judged_sighting_changes_nothing() {
    let request = format!(
        "GET /orders HTTP/1.1\nHost: api.example\nAuthorization: Bearer {}",
        crate::identity::extract::tests::jwt(r#"{"iss":"https://id.example","sub":"ann","exp":1794212000}"#)
    );
    let see = || extractor().extract(crate::identity::extract::tests::exchange(&request, "200\n\n{}"));
    let (mut once, mut twice) = (see(), see());
    let mut bench = Bench::new(Arc::default(), &Keyring::ephemeral().unwrap());
    bench.judge(&mut once);
    bench.judge(&mut twice);
    assert!(once.transaction.jwt.is_some() && once.clues.token.is_none());
    // The whole of `complete` has a desk of its own, which is given nothing.
    let told = [Place::new().complete(once, true), Place::new().complete(twice, false)];
    assert_eq!(told[0], told[1]);
}
