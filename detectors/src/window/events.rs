//! Events in the order of their times. Most windows hold one event, which lies where the window lies.
//! It is given events nearly in order and gives them back from the oldest on.
//! It promises that a list which has become short gives its room back.

use crate::saved::{Damaged, Saved};
use crate::time::EventTime;
use std::collections::VecDeque;
use std::slice;

#[derive(Clone, Debug)]
pub(super) enum Events<T> {
    /// At most one.
    One(Option<(EventTime, T)>),
    /// Two or more.
    Many(VecDeque<(EventTime, T)>),
}

impl<T> Default for Events<T> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<T> Events<T> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(one) => usize::from(one.is_some()),
            Self::Many(many) => many.len(),
        }
    }

    pub(super) fn front(&self) -> Option<&(EventTime, T)> {
        match self {
            Self::One(one) => one.as_ref(),
            Self::Many(many) => many.front(),
        }
    }

    pub(super) fn back(&self) -> Option<&(EventTime, T)> {
        match self {
            Self::One(one) => one.as_ref(),
            Self::Many(many) => many.back(),
        }
    }

    pub(super) fn back_mut(&mut self) -> Option<&mut (EventTime, T)> {
        match self {
            Self::One(one) => one.as_mut(),
            Self::Many(many) => many.back_mut(),
        }
    }

    /// Puts an event behind all that are not later.
    pub(super) fn insert(&mut self, at: EventTime, event: T) {
        let many = match self {
            Self::One(None) => {
                *self = Self::One(Some((at, event)));
                return;
            }
            Self::One(one) => {
                let mut many = VecDeque::with_capacity(2);
                many.extend(one.take());
                *self = Self::Many(many);
                return self.insert(at, event);
            }
            Self::Many(many) => many,
        };
        if many.back().is_none_or(|(last, _)| *last <= at) {
            many.push_back((at, event));
        } else {
            let place = many.partition_point(|(time, _)| *time <= at);
            many.insert(place, (at, event));
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        let gone = match self {
            Self::One(one) => one.take(),
            Self::Many(many) => many.pop_front(),
        };
        if let Self::Many(many) = self
            && many.len() < 2
        {
            *self = Self::One(many.pop_front());
        }
        gone.map(|(_, event)| event)
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> Iter<'_, T> {
        let (older, newer) = match self {
            Self::One(one) => (one.as_slice(), [].as_slice()),
            Self::Many(many) => many.as_slices(),
        };
        Iter { older: older.iter(), newer: newer.iter() }
    }
}

/// The two runs of a ring, one after the other.
#[derive(Debug)]
pub(super) struct Iter<'a, T> {
    older: slice::Iter<'a, (EventTime, T)>,
    newer: slice::Iter<'a, (EventTime, T)>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a (EventTime, T);

    fn next(&mut self) -> Option<Self::Item> {
        self.older.next().or_else(|| self.newer.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.older.len() + self.newer.len();
        (left, Some(left))
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.newer.next_back().or_else(|| self.older.next_back())
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

impl<T: Saved> Saved for Events<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        self.iter().for_each(|event| event.save(out));
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let mut events = Self::default();
        for _ in 0..usize::load(from)? {
            let (at, event) = Saved::load(from)?;
            if events.back().is_some_and(|(last, _)| *last > at) {
                return Err(Damaged);
            }
            events.insert(at, event);
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_in_the_order_of_times() {
        let (mut events, mut list): (Events<u64>, Vec<(EventTime, u64)>) = Default::default();
        let mut random = 1_u64;
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let draw = random >> 33;
            if draw.is_multiple_of(2) {
                let at = EventTime::from_nanos(step + draw / 2 % 4);
                events.insert(at, step);
                list.insert(list.partition_point(|(time, _)| *time <= at), (at, step));
            } else {
                let gone = if list.is_empty() { None } else { Some(list.remove(0).1) };
                assert_eq!(events.pop_front(), gone);
            }
            assert!(events.iter().eq(&list) && events.iter().rev().eq(list.iter().rev()));
            assert_eq!((events.len(), events.iter().len()), (list.len(), list.len()));
            assert_eq!((events.front(), events.back()), (list.first(), list.last()));
            assert_eq!(matches!(events, Events::One(_)), list.len() < 2);
        }
    }
}
