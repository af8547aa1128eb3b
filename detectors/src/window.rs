//! Exact sliding windows: which events lie within the last W, and how many different things they speak of.
//! A rule pushes events as they come and asks for the count; events a little out of order find their place.
//! It promises an edge to the nanosecond: N events count as "N in W" when the last minus the first is at most W.

mod events;

use crate::few::Few;
use crate::saved::{Damaged, Saved};
use crate::shown::Shown;
use crate::time::EventTime;
use ahash::RandomState;
use events::Events;
use std::collections::HashMap;
use std::time::Duration;

/// Events a window remembers at least; a window asked for more keeps what its limit needs.
const KEPT_MIN: usize = 256;

/// "N in W".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// N.
    pub count: u64,
    /// W.
    pub within: Duration,
}

impl Limit {
    /// N events in W seconds; a limit of nothing is read as one.
    pub fn new(count: u32, within_s: u32) -> Self {
        Self { count: u64::from(count.max(1)), within: Duration::from_secs(u64::from(within_s)) }
    }

    /// Events a window must remember to answer for this limit.
    fn kept(self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX).max(KEPT_MIN)
    }
}

/// Events of one key in the order of their times, oldest first.
#[derive(Clone, Debug)]
pub struct Window<T> {
    events: Events<T>,
    /// Events pushed since the last `take_fresh`: what an episode has not counted yet.
    fresh: u64,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self { events: Events::default(), fresh: 0 }
    }
}

impl<T: Saved> Saved for Window<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.events.save(out);
        self.fresh.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        Ok(Self { events: Saved::load(from)?, fresh: Saved::load(from)? })
    }

    fn shown(&self) -> Shown {
        if self.is_empty() {
            return Shown::Nothing;
        }
        let count = Shown::word(&format_args!("{} in {}", self.count(), crate::detector::Span(self.span())));
        Shown::parts([("", count), ("events", Shown::list(self.events.iter().map(Saved::shown)))])
    }
}

impl<T> Window<T> {
    /// Adds an event, drops what lies outside `limit`, and says whether the limit is reached.
    /// Beyond the events a window keeps, the oldest go first and the count is a lower bound.
    pub fn push(&mut self, at: EventTime, event: T, limit: Limit) -> bool {
        // What is outside goes first, so that an event that comes alone stays alone.
        let now = self.last().map_or(at, |last| last.max(at));
        while self.pop_outside(now, limit.within).is_some() {}
        self.insert(at, event);
        if at < now {
            while self.pop_outside(now, limit.within).is_some() {}
        }
        while self.pop_beyond(limit.kept()).is_some() {}
        self.count() >= limit.count
    }

    /// Adds an event and drops none; for windows whose leaving events are counted elsewhere.
    pub fn insert(&mut self, at: EventTime, event: T) {
        self.fresh = self.fresh.saturating_add(1);
        self.events.insert(at, event);
    }

    /// Takes the oldest event if it lies more than `within` before `now`.
    pub fn pop_outside(&mut self, now: EventTime, within: Duration) -> Option<T> {
        let (oldest, _) = self.events.front()?;
        if now.since(*oldest) <= within {
            return None;
        }
        self.events.pop_front()
    }

    /// Takes the oldest event if there are more than `kept`.
    pub fn pop_beyond(&mut self, kept: usize) -> Option<T> {
        if self.events.len() <= kept {
            return None;
        }
        self.events.pop_front()
    }

    /// Forgets every event.
    pub fn clear(&mut self) {
        if !self.is_empty() || self.fresh > 0 {
            *self = Self::default();
        }
    }

    /// Events in the window.
    pub fn count(&self) -> u64 {
        self.events.len() as u64
    }

    /// Whether the window holds no event.
    pub fn is_empty(&self) -> bool {
        self.events.len() == 0
    }

    /// The oldest event's time.
    pub fn first(&self) -> Option<EventTime> {
        self.events.front().map(|(time, _)| *time)
    }

    /// The newest event's time.
    pub fn last(&self) -> Option<EventTime> {
        self.events.back().map(|(time, _)| *time)
    }

    /// From the oldest to the newest event.
    pub fn span(&self) -> Duration {
        match (self.first(), self.last()) {
            (Some(first), Some(last)) => last.since(first),
            _ => Duration::ZERO,
        }
    }

    /// The newest event, to add to what is known of it.
    pub fn last_mut(&mut self) -> Option<&mut T> {
        self.events.back_mut().map(|(_, event)| event)
    }

    /// The events, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.events.iter().map(|(_, event)| event)
    }

    /// The times, oldest first.
    pub fn times(&self) -> impl DoubleEndedIterator<Item = EventTime> + ExactSizeIterator {
        self.events.iter().map(|(time, _)| *time)
    }

    /// Events pushed since this was last asked.
    pub fn take_fresh(&mut self) -> u64 {
        std::mem::take(&mut self.fresh)
    }
}

/// Different things up to which a tally is a list.
const LISTED_MAX: usize = 16;

/// How often each thing occurs in a window; things are given by a 64-bit hash.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: Counts,
    total: u64,
}

#[derive(Clone, Debug)]
enum Counts {
    /// Few enough to be searched one by one.
    Listed(Few<(u64, u32)>),
    #[expect(clippy::box_collection, reason = "a list of one thing is half as large as a map")]
    Mapped(Box<HashMap<u64, u32, RandomState>>),
}

impl Default for Counts {
    fn default() -> Self {
        Self::Listed(Few::default())
    }
}

impl Saved for Tally {
    fn save(&self, out: &mut Vec<u8>) {
        let mut counts: Vec<(u64, u32)> = match &self.counts {
            Counts::Listed(list) => list.to_vec(),
            Counts::Mapped(map) => map.iter().map(|(&thing, &count)| (thing, count)).collect(),
        };
        counts.sort_unstable();
        counts.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let counts: Vec<(u64, u32)> = Saved::load(from)?;
        let total = counts.iter().map(|&(_, count)| u64::from(count)).sum();
        let counts = if counts.len() > LISTED_MAX {
            Counts::Mapped(Box::new(counts.into_iter().collect()))
        } else {
            Counts::Listed(counts.into_iter().collect())
        };
        Ok(Self { counts, total })
    }

    fn shown(&self) -> Shown {
        if self.total == 0 {
            return Shown::Nothing;
        }
        Shown::parts([("total", self.total.shown()), ("different", self.distinct().shown())])
    }
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, thing: u64) {
        let count = self.counts.entry(thing);
        *count = count.saturating_add(1);
        self.total += 1;
    }

    /// Counts one less.
    pub fn remove(&mut self, thing: u64) {
        if let Some(count) = self.counts.get_mut(thing) {
            *count -= 1;
            self.total -= 1;
            if *count == 0 {
                self.counts.remove(thing);
            }
        }
    }

    /// Different things.
    pub fn distinct(&self) -> u64 {
        self.counts.len() as u64
    }

    /// Things in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How often this one.
    pub fn of(&self, thing: u64) -> u32 {
        match &self.counts {
            Counts::Listed(list) => {
                list.iter().find(|(known, _)| *known == thing).map_or(0, |(_, count)| *count)
            }
            Counts::Mapped(map) => map.get(&thing).copied().unwrap_or(0),
        }
    }
}

impl Counts {
    fn len(&self) -> usize {
        match self {
            Self::Listed(list) => list.len(),
            Self::Mapped(map) => map.len(),
        }
    }

    fn get_mut(&mut self, thing: u64) -> Option<&mut u32> {
        match self {
            Self::Listed(list) => list.iter_mut().find(|(known, _)| *known == thing).map(|(_, count)| count),
            Self::Mapped(map) => map.get_mut(&thing),
        }
    }

    /// The count of a thing, nothing at first.
    fn entry(&mut self, thing: u64) -> &mut u32 {
        if let Self::Listed(list) = self
            && list.len() == LISTED_MAX
            && !list.iter().any(|(known, _)| *known == thing)
        {
            *self = Self::Mapped(Box::new(list.iter().copied().collect()));
        }
        match self {
            Self::Mapped(map) => map.entry(thing).or_default(),
            Self::Listed(list) => {
                let place = list.iter().position(|(known, _)| *known == thing).unwrap_or_else(|| {
                    list.push((thing, 0));
                    list.len() - 1
                });
                &mut list[place].1
            }
        }
    }

    fn remove(&mut self, thing: u64) {
        match self {
            Self::Listed(list) => list.retain(|(known, _)| *known != thing),
            Self::Mapped(map) => {
                map.remove(&thing);
                if map.is_empty() {
                    *self = Self::default();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { count: 3, within: Duration::from_mins(5) };

    fn crossings(nanos: &[u64]) -> Vec<bool> {
        let mut window = Window::default();
        nanos.iter().map(|&t| window.push(EventTime::from_nanos(t), (), LIMIT)).collect()
    }

    #[test]
    fn the_edge_is_inclusive_to_the_nanosecond() {
        let s = 1_000_000_000;
        assert_eq!(crossings(&[0, 150 * s, 300 * s]), [false, false, true]);
        assert_eq!(crossings(&[0, 150 * s, 300 * s + 1]), [false, false, false]);
    }

    #[test]
    fn it_slides_where_fixed_bins_would_split() {
        let s = 1_000_000_000;
        // Two events at the end of one five-minute bin and one at the start of the next.
        assert_eq!(crossings(&[590 * s, 599 * s, 601 * s]), [false, false, true]);
        // Always two per window, for ever: never three.
        let riding: Vec<u64> = (0..1000).map(|i| (i / 2) * (300 * s + 2) + i % 2).collect();
        assert!(crossings(&riding).iter().all(|&crossed| !crossed));
    }

    #[test]
    fn a_late_event_finds_its_place() {
        let mut window = Window::default();
        for t in [10, 30, 20, 25] {
            window.push(EventTime::from_secs(t), t, LIMIT);
        }
        assert_eq!(window.iter().copied().collect::<Vec<_>>(), [10, 20, 25, 30]);
        assert_eq!(window.span(), Duration::from_secs(20));
    }

    #[test]
    fn a_flood_keeps_what_the_limit_needs() {
        let mut window = Window::default();
        let crossed = (0..100_000).filter(|&t| window.push(EventTime::from_nanos(t), (), LIMIT)).count();
        assert_eq!(crossed, 100_000 - 2);
        assert_eq!(window.count(), KEPT_MIN as u64);
        assert_eq!(window.take_fresh(), 100_000);
    }

    #[test]
    fn a_tally_of_many_things_counts_as_one_of_few() {
        let mut tally = Tally::default();
        for things in [1_u64, 16, 17, 40] {
            for thing in (0..things).chain(0..things / 2) {
                tally.add(thing);
            }
            assert_eq!((tally.distinct(), tally.total()), (things, things + things / 2));
            let of: Vec<u32> = (0..=things).map(|thing| tally.of(thing)).collect();
            assert!(
                (0..things).all(|thing| of[thing as usize] == 1 + u32::from(thing < things / 2)),
                "{of:?}"
            );
            assert_eq!(of.last(), Some(&0));
            let mut bytes = Vec::new();
            tally.save(&mut bytes);
            let loaded = Tally::load(&mut bytes.as_slice()).unwrap();
            assert_eq!((loaded.distinct(), loaded.total()), (tally.distinct(), tally.total()));
            for thing in (0..things).chain(0..things / 2) {
                tally.remove(thing);
            }
            assert_eq!((tally.distinct(), tally.total(), tally.of(0)), (0, 0, 0));
        }
    }

    #[test]
    fn a_tally_forgets_what_left() {
        let mut tally = Tally::default();
        for thing in [7, 7, 9] {
            tally.add(thing);
        }
        tally.remove(9);
        tally.remove(9);
        assert_eq!((tally.distinct(), tally.total(), tally.of(7), tally.of(9)), (1, 2, 2, 0));
    }
}
