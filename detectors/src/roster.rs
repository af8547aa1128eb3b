//! Which rules are asked about a transaction: those that need no fact which it lacks.
//! It is given each rule's needs once and the facts of each transaction, and answers with the rules' places.
//! It promises the order of the rules, and a look at the facts in place of one at every rule.

use crate::facts::Facts;
use crate::rules;

/// A rule is a bit.
const RULES_MAX: usize = u64::BITS as usize;
const _: () = assert!(rules::COUNT <= RULES_MAX, "a roster has a bit for every rule");

/// The rules by what they need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    all: u64,
    /// The rules that need each fact.
    needing: [u64; Facts::COUNT],
}

impl Roster {
    /// Of rules that need so much, in their order.
    pub(crate) fn new(needs: impl Iterator<Item = Facts>) -> Self {
        let mut roster = Self::default();
        for (place, needs) in needs.enumerate().take(RULES_MAX) {
            roster.all |= 1 << place;
            for fact in needs.numbers() {
                roster.needing[fact] |= 1 << place;
            }
        }
        roster
    }

    /// The places of the rules that have all they need.
    pub(crate) fn asked(&self, facts: Facts) -> impl Iterator<Item = usize> + use<> {
        let lacking = facts.others().numbers();
        let mut left = lacking.fold(self.all, |left, fact| left & !self.needing[fact]);
        std::iter::from_fn(move || {
            let place = left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_asked_where_nothing_is_lacking() {
        let needs = [Facts::NONE, Facts::LOGIN, Facts::LOGIN.and(Facts::SUCCESS), Facts::DEVICE];
        let roster = Roster::new(needs.into_iter());
        let asked = |facts: Facts| roster.asked(facts).collect::<Vec<_>>();
        assert_eq!(asked(Facts::NONE), [0]);
        assert_eq!(asked(Facts::SUCCESS), [0]);
        assert_eq!(asked(Facts::LOGIN), [0, 1]);
        assert_eq!(asked(Facts::LOGIN.and(Facts::SUCCESS)), [0, 1, 2]);
        assert_eq!(asked(Facts::NONE.others()), [0, 1, 2, 3]);
    }
}
