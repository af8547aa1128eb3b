//! Which place of a full table is given up first: the one not used for longest, but a flood of new ones pushes out only
//! new ones. A quarter of the room is kept for those known for ten minutes and still in use.
//! It holds places and times alone, as two linked lists, and promises constant work for every step.

use super::slab::Chunks;
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// What is used at this age counts as known.
const KNOWN_AFTER: Duration = Duration::from_mins(10);
/// No place.
const NONE: u32 = u32::MAX;

/// The order of eviction of one table.
pub(super) struct Order {
    links: Chunks<Link>,
    /// New places and known ones, each from longest unused to just used.
    queues: [Queue; 2],
    limit: usize,
}

/// How long a place has been held, for the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tenure {
    pub(super) first: EventTime,
    pub(super) known: bool,
}

#[derive(Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
    tenure: Tenure,
}

#[derive(Clone, Copy)]
struct Queue {
    front: u32,
    back: u32,
    len: usize,
}

impl Order {
    /// For at most `limit` places.
    pub(super) fn new(limit: usize) -> Self {
        let empty = Queue { front: NONE, back: NONE, len: 0 };
        Self { links: Chunks::new(), queues: [empty; 2], limit: limit.clamp(1, NONE as usize) }
    }

    /// The place to give up before another is taken, if there is no room. Only a checkpoint has known ones to take.
    pub(super) fn victim(&self, known_enters: bool) -> Option<u32> {
        let reserve = self.limit / 4;
        let [new, known] = &self.queues;
        let queue = if !known_enters && new.len + reserve >= self.limit {
            new
        } else if new.len + known.len < self.limit {
            return None;
        } else if known.len > reserve {
            known
        } else {
            new
        };
        Some(queue.front).filter(|&place| place != NONE)
    }

    /// Takes a place.
    pub(super) fn enter(&mut self, place: u32, tenure: Tenure) {
        let link = Link { before: NONE, after: NONE, tenure };
        while self.links.len() <= place as usize {
            self.links.push(link);
        }
        if let Some(slot) = self.links.get_mut(place) {
            *slot = link;
        }
        self.link(place);
    }

    /// Marks a place as used.
    pub(super) fn touch(&mut self, place: u32, now: EventTime) {
        let Some(link) = self.links.get_mut(place) else { return };
        let grown = !link.tenure.known && now.since(link.tenure.first) >= KNOWN_AFTER;
        // What was just used is at the back already: the common case.
        if link.after == NONE && !grown {
            return;
        }
        self.unlink(place);
        if let Some(link) = self.links.get_mut(place) {
            link.tenure.known |= grown;
        }
        self.link(place);
    }

    /// Counts a place from this time on, if that is earlier: when it is used next it may be known.
    pub(super) fn count_from(&mut self, place: u32, first: EventTime) {
        if let Some(link) = self.links.get_mut(place) {
            link.tenure.first = link.tenure.first.min(first);
        }
    }

    /// Since when a place has been held.
    pub(super) fn first(&self, place: u32) -> Option<EventTime> {
        self.links.get(place).map(|link| link.tenure.first)
    }

    /// Gives a place up.
    pub(super) fn leave(&mut self, place: u32) {
        self.unlink(place);
    }

    /// Memory taken.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.links.bytes()
    }

    /// Places in the order in which they would go: the new ones, then the known ones.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Tenure)> {
        self.queues.iter().flat_map(|queue| {
            let next = |&(place, _): &(u32, Tenure)| self.at(self.links.get(place)?.after);
            std::iter::successors(self.at(queue.front), next)
        })
    }

    fn at(&self, place: u32) -> Option<(u32, Tenure)> {
        self.links.get(place).map(|link| (place, link.tenure))
    }

    fn link(&mut self, place: u32) {
        let Some(known) = self.links.get(place).map(|link| link.tenure.known) else { return };
        let queue = &mut self.queues[usize::from(known)];
        let back = std::mem::replace(&mut queue.back, place);
        queue.len += 1;
        if back == NONE {
            queue.front = place;
        } else if let Some(last) = self.links.get_mut(back) {
            last.after = place;
        }
        if let Some(link) = self.links.get_mut(place) {
            (link.before, link.after) = (back, NONE);
        }
    }

    fn unlink(&mut self, place: u32) {
        let Some(&Link { before, after, tenure }) = self.links.get(place) else { return };
        let queue = &mut self.queues[usize::from(tenure.known)];
        queue.len = queue.len.saturating_sub(1);
        match self.links.get_mut(before) {
            Some(link) => link.after = after,
            None => queue.front = after,
        }
        match self.links.get_mut(after) {
            Some(link) => link.before = before,
            None => queue.back = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> EventTime {
        EventTime::from_secs(seconds)
    }

    /// Takes places as a table does, and says which are held, in the order in which they would go.
    fn held(limit: usize, steps: impl IntoIterator<Item = (u32, u64)>) -> Vec<u32> {
        let mut order = Order::new(limit);
        for (place, seconds) in steps {
            if order.iter().any(|(held, _)| held == place) {
                order.touch(place, at(seconds));
                continue;
            }
            if let Some(victim) = order.victim(false) {
                order.leave(victim);
            }
            order.enter(place, Tenure { first: at(seconds), known: false });
        }
        order.iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn the_place_unused_for_longest_goes_first() {
        assert_eq!(held(3, [(1, 0), (2, 1), (3, 2), (1, 3), (4, 4)]), [3, 1, 4]);
        assert_eq!(held(1, [(1, 0), (2, 1)]), [2]);
    }

    #[test]
    fn a_flood_pushes_out_what_is_new_and_not_what_is_known() {
        let known = (0..3).flat_map(|place| [(place, 0), (place, 600)]);
        let flood = (10..1000).map(|place| (place, 700));
        let left = held(12, known.chain(flood.clone()));
        assert!((0..3).all(|place| left.contains(&place)), "{left:?}");
        // One second short of ten minutes it is as new as the flood.
        let young = (0..3).flat_map(|place| [(place, 0), (place, 599)]);
        let left = held(12, young.chain(flood));
        assert!((0..3).all(|place| !left.contains(&place)), "{left:?}");
    }

    #[test]
    fn known_places_leave_room_for_new_ones() {
        let known = (0..100).flat_map(|place| [(place, 0), (place, 600)]);
        let left = held(100, known.chain((200..300).map(|place| (place, 700))));
        let old = left.iter().filter(|&&place| place < 100).count();
        assert_eq!((old, left.len()), (25, 100));
    }
}
