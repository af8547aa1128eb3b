//! Which rules are asked about a transaction: those that need no fact which it lacks.
//! It is given the rules with what they need once and the facts of each transaction, and answers with places or lanes.
//! It promises the order of the rules, and a look at the facts in place of one at every rule.

use crate::detector::Rule;
use crate::facts::Facts;
use crate::lane::{Lane, Lanes};
use crate::rules;

/// A rule is a bit.
const RULES_MAX: usize = u64::BITS as usize;
const _: () = assert!(rules::COUNT <= RULES_MAX, "a roster has a bit for every rule");

/// The rules by what they need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    /// The rules of each set of lanes.
    within: Vec<u64>,
    /// Those that count rightly what comes late.
    order_free: u64,
    /// The rules that need each fact.
    needing: [u64; Facts::COUNT],
}

impl Roster {
    /// Of rules that need so much, in their order.
    pub(crate) fn new(rules: impl Iterator<Item = (&'static Rule, Facts)>) -> Self {
        let mut roster = Self { within: vec![0; Lanes::SETS], ..Self::default() };
        for (place, (rule, needs)) in rules.enumerate().take(RULES_MAX) {
            let bit = 1 << place;
            for (set, places) in roster.within.iter_mut().enumerate() {
                *places |= if set & Lanes::of(rule.lane).number() != 0 { bit } else { 0 };
            }
            roster.order_free |= if rule.order_free { bit } else { 0 };
            for fact in needs.numbers() {
                roster.needing[fact] |= bit;
            }
        }
        roster
    }

    /// The places of the rules of these lanes that have all they need.
    pub(crate) fn asked(&self, facts: Facts, lanes: Lanes) -> impl Iterator<Item = usize> + use<> {
        places(self.having(facts, self.of(lanes)))
    }

    /// As `asked`, about what comes late.
    pub(crate) fn asked_late(&self, facts: Facts, lanes: Lanes) -> impl Iterator<Item = usize> + use<> {
        places(self.having(facts, self.of(lanes) & self.order_free))
    }

    /// The lanes with a rule that has all it needs.
    pub(crate) fn lanes(&self, facts: Facts) -> Lanes {
        let having = self.having(facts, self.of(Lanes::ALL));
        let wanting = Lanes::ALL.iter().filter(|&lane: &Lane| having & self.of(Lanes::of(lane)) != 0);
        wanting.fold(Lanes::NONE, Lanes::with)
    }

    fn of(&self, lanes: Lanes) -> u64 {
        self.within.get(lanes.number()).copied().unwrap_or(0)
    }

    /// Those among them that lack nothing.
    fn having(&self, facts: Facts, among: u64) -> u64 {
        let lacking = facts.others().numbers();
        lacking.fold(among, |left, fact| left & !self.needing[fact])
    }
}

fn places(mut left: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = left.trailing_zeros() as usize;
        left &= left.checked_sub(1)?;
        Some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{credential_stuffing, mfa_failure_burst, mfa_lockout_missing, unsigned_jwt};

    fn roster() -> Roster {
        let rules = [
            &mfa_failure_burst::RULE,
            &credential_stuffing::RULE,
            &unsigned_jwt::RULE,
            &mfa_lockout_missing::RULE,
        ];
        let needs = [Facts::NONE, Facts::LOGIN, Facts::LOGIN.and(Facts::SUCCESS), Facts::DEVICE];
        Roster::new(rules.into_iter().zip(needs))
    }

    #[test]
    fn a_rule_is_asked_where_nothing_is_lacking() {
        let roster = roster();
        let asked = |facts: Facts| roster.asked(facts, Lanes::ALL).collect::<Vec<_>>();
        assert_eq!(asked(Facts::NONE), [0]);
        assert_eq!(asked(Facts::SUCCESS), [0]);
        assert_eq!(asked(Facts::LOGIN), [0, 1]);
        assert_eq!(asked(Facts::LOGIN.and(Facts::SUCCESS)), [0, 1, 2]);
        assert_eq!(asked(Facts::NONE.others()), [0, 1, 2, 3]);
    }

    #[test]
    fn a_rule_is_asked_in_its_lane() {
        let (roster, everything) = (roster(), Facts::NONE.others());
        let asked = |lanes: Lanes| roster.asked(everything, lanes).collect::<Vec<_>>();
        assert_eq!(asked(Lanes::of(Lane::Principal)), [0]);
        assert_eq!(asked(Lanes::of(Lane::Tenant)), [1]);
        assert_eq!(asked(Lanes::of(Lane::Client).with(Lane::Endpoint)), [2, 3]);
        assert_eq!(asked(Lanes::DEALT), [0, 2, 3]);
        assert_eq!(asked(Lanes::NONE), [0; 0]);
        // What comes late is nothing for a rule that asks which of two things came first.
        assert_eq!(roster.asked_late(everything, Lanes::ALL).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(roster.asked_late(everything, Lanes::DEALT).collect::<Vec<_>>(), [2]);
        assert_eq!(roster.lanes(Facts::LOGIN), Lanes::of(Lane::Principal).with(Lane::Tenant));
        assert_eq!(roster.lanes(everything).iter().count(), 4);
    }
}
