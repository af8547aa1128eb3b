//! Who was cut off by the cap on alerts: counts by rule, and the subjects that were cut off most.
//! It is given one cut-off finding at a time; of more subjects than it has room for, the rarest give way
//! (Space-Saving; Metwally, Agrawal, El Abbadi 2005).
//! It promises bounded memory, counts that are never too high, and that a subject which is more than one in 64 of all
//! is among those it knows.

use crate::alert::{Fact, Subject};
use crate::detector::Rule;
use crate::saved::saved;
use std::cmp::Reverse;
use std::sync::Arc;

/// Subjects counted at a time.
const SUBJECTS_MAX: usize = 64;
/// Subjects an alert names.
const NAMED_MAX: usize = 10;

/// What was cut off since the cap was reached.
#[derive(Clone, Debug, Default)]
pub(super) struct Loudest {
    /// Findings cut off, by rule.
    rules: Vec<(Arc<str>, u64)>,
    subjects: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    rule: Arc<str>,
    subject: Subject,
    count: u64,
    /// How much of the count may belong to subjects that gave way.
    unsure: u64,
}

saved!(Loudest { rules, subjects });
saved!(Row { rule, subject, count, unsure });

impl Loudest {
    /// Counts one finding that was cut off.
    pub(super) fn add(&mut self, rule: &Rule, subject: Subject) {
        match self.rules.iter_mut().find(|(name, _)| **name == *rule.name) {
            Some((_, count)) => *count += 1,
            None => self.rules.push((rule.name.into(), 1)),
        }
        let known = self.subjects.iter_mut().find(|row| *row.rule == *rule.name && row.subject == subject);
        if let Some(row) = known {
            row.count += 1;
            return;
        }
        let row = Row { rule: rule.name.into(), subject, count: 1, unsure: 0 };
        if self.subjects.len() < SUBJECTS_MAX {
            self.subjects.push(row);
        } else if let Some(rarest) = self.subjects.iter_mut().min_by_key(|row| row.count) {
            *rarest = Row { count: rarest.count + 1, unsure: rarest.count, ..row };
        }
    }

    /// The rule that was cut off most.
    pub(super) fn rule(&self) -> &str {
        self.rules().first().map_or("", |(name, _)| name)
    }

    /// The facts of the alert about the cap.
    pub(super) fn facts(&self) -> Vec<(&'static str, Fact)> {
        let rules = self.rules().iter().map(|(name, count)| format!("{name}: {count}").into()).collect();
        let mut subjects: Vec<&Row> = self.subjects.iter().filter(|row| row.sure() > 1).collect();
        subjects.sort_by_key(|row| (Reverse(row.sure()), &row.rule, &row.subject));
        let named = subjects.iter().take(NAMED_MAX);
        let subjects: Vec<Arc<str>> =
            named.map(|row| format!("{} {}: {}", row.rule, row.subject.value, row.sure()).into()).collect();
        let mut facts = vec![("suppressed_by_detector", Fact::List(rules))];
        if !subjects.is_empty() {
            facts.push(("suppressed_most", Fact::List(subjects)));
        }
        facts
    }

    fn rules(&self) -> Vec<&(Arc<str>, u64)> {
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(name, count)| (Reverse(*count), name));
        rules
    }
}

impl Row {
    fn sure(&self) -> u64 {
        self.count - self.unsure.min(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Scope;
    use crate::rules::mfa_failure_burst::RULE;

    fn subject(name: &str) -> Subject {
        Subject { scope: Scope::Principal, value: name.into() }
    }

    fn most(loudest: &Loudest) -> Vec<String> {
        match loudest.facts().pop() {
            Some(("suppressed_most", Fact::List(list))) => list.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_loud_are_named_in_a_crowd_of_ten_thousand() {
        let mut loudest = Loudest::default();
        for n in 0..10_000 {
            loudest.add(&RULE, subject(&format!("user:u{n}")));
            if n % 10 == 0 {
                loudest.add(&RULE, subject("user:loud"));
            }
        }
        let most = most(&loudest);
        let (name, count) = most[0].rsplit_once(": ").unwrap();
        assert_eq!(name, "mfa_failure_burst user:loud");
        assert!((800..=1_000).contains(&count.parse().unwrap()), "{count}");
        assert_eq!(loudest.subjects.len(), SUBJECTS_MAX);
    }

    #[test]
    fn in_a_crowd_of_strangers_nobody_is_named() {
        let mut loudest = Loudest::default();
        (0..10_000).for_each(|n| loudest.add(&RULE, subject(&format!("user:u{n}"))));
        assert!(most(&loudest).is_empty(), "{:?}", most(&loudest));
        assert_eq!(loudest.rule(), "mfa_failure_burst");
    }
}
