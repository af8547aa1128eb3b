//! What connections have in common: the same program that calls the same server says the same in each handshake.
//! It is given what a handshake said, once nothing is added to it any more, and gives it back, shared where it was met.
//! It promises a fixed number of places and that nothing but equals is taken for the same.

use super::Facts;
use ahash::RandomState;
use std::sync::Arc;

/// Places; a power of two.
const PLACES: usize = 1_024;

/// What was met last in each place.
#[derive(Debug, Default)]
pub(super) struct Alike {
    /// Empty until something is shared.
    places: Vec<Option<Arc<Facts>>>,
    hasher: RandomState,
}

impl Alike {
    /// The same facts, in memory that connections like this one share.
    pub(super) fn share(&mut self, facts: &mut Arc<Facts>) {
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        let place = self.hasher.hash_one((&facts.sni, &facts.alpn, &facts.ja4)) as usize % PLACES;
        match self.places.get_mut(place) {
            Some(Some(met)) if met == facts => *facts = Arc::clone(met),
            Some(place) => *place = Some(Arc::clone(facts)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str, cipher: u16) -> Arc<Facts> {
        Arc::new(Facts { sni: Some(name.as_bytes().into()), cipher: Some(cipher), ..Facts::default() })
    }

    #[test]
    fn equals_are_shared_and_nothing_else() {
        let mut alike = Alike::default();
        let [mut first, mut again, mut other] = [facts("a", 1), facts("a", 1), facts("a", 2)];
        for each in [&mut first, &mut again, &mut other] {
            alike.share(each);
        }
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!((&*other, Arc::ptr_eq(&first, &other)), (&*facts("a", 2), false));
    }
}
