//! The names that the messages of an endpoint hold: parameters of its requests, fields of its answers.
//! It is given a name with the type of its value, whenever a message with it was looked into.
//! It promises at most `max` names: one that was met once makes room for another, and what made room or found none is
//! counted.

use heelguard_detectors::contents::{ParameterPlace, ValueType};
use heelguard_detectors::saved::saved;
use heelguard_detectors::time::EventTime;
use std::sync::Arc;

/// Names of one kind.
#[derive(Clone, Debug, Default)]
pub struct Names {
    list: Vec<Name>,
    /// How often a name made room, or found none.
    pub left_out: u64,
}

saved!(Names { list, left_out });

/// One name, and what it stood before.
#[derive(Clone, Debug)]
pub struct Name {
    /// The name.
    pub name: Arc<str>,
    /// Where in the request; nothing for what an answer holds.
    pub place: Option<ParameterPlace>,
    /// A bit for each type of its values, in the order of `ValueType::ALL`.
    types: u16,
    /// Messages with it, of those that were looked into.
    pub calls: u64,
    /// The first of them.
    pub first: EventTime,
    /// The last of them.
    pub last: EventTime,
}

saved!(Name { name, place, types, calls, first, last });

/// A name as a message has it.
#[derive(Clone, Copy)]
pub(super) struct Met<'a> {
    pub(super) place: Option<ParameterPlace>,
    pub(super) name: &'a Arc<str>,
    pub(super) kind: ValueType,
}

impl Name {
    /// The types of its values.
    pub fn types(&self) -> impl Iterator<Item = ValueType> {
        let types = self.types;
        ValueType::ALL.iter().copied().filter(move |kind| types >> (*kind as u16 & 15) & 1 == 1)
    }

    fn is(&self, met: Met<'_>) -> bool {
        self.place == met.place && (Arc::ptr_eq(&self.name, met.name) || *self.name == **met.name)
    }
}

impl Names {
    /// All of them, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Name> {
        self.list.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What it takes beside itself and the letters of the names.
    #[cfg(test)]
    pub(in crate::ledger) fn heap_bytes(&self) -> usize {
        self.list.capacity() * size_of::<Name>()
    }

    pub(super) fn note(&mut self, max: usize, met: Met<'_>, time: EventTime) {
        let known = self.list.iter().position(|name| name.is(met));
        let Some(place) = known.or_else(|| self.room(max)) else {
            self.left_out += 1;
            return;
        };
        if known.is_none() {
            let Met { name, place: stands, .. } = met;
            let new =
                Name { name: Arc::clone(name), place: stands, types: 0, calls: 0, first: time, last: time };
            match self.list.get_mut(place) {
                Some(old) => *old = new,
                None => self.list.push(new),
            }
        }
        if let Some(name) = self.list.get_mut(place) {
            name.types |= 1 << (met.kind as u16 & 15);
            name.calls += 1;
            name.last = name.last.max(time);
        }
    }

    /// Where a new name may stand: behind the others, or in the place of one that was met once.
    fn room(&mut self, max: usize) -> Option<usize> {
        let used = self.list.len();
        if used < max {
            if used == self.list.capacity() {
                // Doubled from four, and not beyond what is ever needed.
                self.list.reserve_exact(used.max(4).min(max - used));
            }
            return Some(used);
        }
        let once = self.list.iter().enumerate().filter(|(_, name)| name.calls == 1);
        let (place, _) = once.min_by_key(|(_, name)| name.last)?;
        self.left_out += 1;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(names: &mut Names, name: &str, kind: ValueType, second: u64) {
        let met = Met { place: None, name: &name.into(), kind };
        names.note(3, met, EventTime::from_secs(second));
    }

    fn told(names: &Names) -> Vec<(&str, u64)> {
        names.iter().map(|name| (&*name.name, name.calls)).collect()
    }

    #[test]
    fn a_name_has_every_type_that_it_was_met_with() {
        let mut names = Names::default();
        for (kind, second) in [(ValueType::String, 5), (ValueType::Null, 6), (ValueType::String, 7)] {
            note(&mut names, "note", kind, second);
        }
        let [name] = names.list.as_slice() else { panic!("{names:?}") };
        assert_eq!(name.types().collect::<Vec<_>>(), [ValueType::Null, ValueType::String]);
        assert_eq!((name.calls, name.first.as_secs(), name.last.as_secs()), (3, 5, 7));
    }

    #[test]
    fn one_place_is_another_parameter() {
        let mut names = Names::default();
        for place in [ParameterPlace::Query, ParameterPlace::Json, ParameterPlace::Query] {
            let met = Met { place: Some(place), name: &"id".into(), kind: ValueType::Integer };
            names.note(3, met, EventTime::ZERO);
        }
        assert_eq!(told(&names), [("id", 2), ("id", 1)]);
    }

    #[test]
    fn names_that_somebody_invents_push_out_none_that_is_in_use() {
        let mut names = Names::default();
        for (second, name) in ["a", "b", "a", "b"].into_iter().enumerate() {
            note(&mut names, name, ValueType::String, second as u64);
        }
        for invented in 0..100 {
            note(&mut names, &format!("x{invented}"), ValueType::String, 10 + invented);
        }
        assert_eq!(told(&names), [("a", 2), ("b", 2), ("x99", 1)]);
        assert_eq!(names.left_out, 99);
        note(&mut names, "x99", ValueType::String, 200);
        note(&mut names, "late", ValueType::String, 201);
        assert_eq!((told(&names).len(), names.left_out), (3, 100), "all are in use: no room");
        assert_eq!(names.list.capacity(), 3);
    }
}
