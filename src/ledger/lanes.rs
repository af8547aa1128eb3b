//! The few things of one kind that somebody used: countries, addresses, devices, routes, each with its times.
//! It is given what was used and in which span of the owner's rhythm.
//! It promises at most `max` of them: the one that is longest out of use makes room, and that is counted.

use super::rhythm::{Beat, halved};
use heelguard_detectors::saved::{Damaged, Saved};
use heelguard_detectors::time::EventTime;

/// Things of one kind.
#[derive(Clone, Debug)]
pub struct Lanes<T> {
    list: Vec<Lane<T>>,
    /// How often one had to make room.
    pub given_up: u64,
}

/// One thing, and when it was used.
#[derive(Clone, Debug)]
pub struct Lane<T> {
    /// What it is.
    pub name: T,
    /// Calls with it.
    pub calls: u64,
    /// The first of them.
    pub first: EventTime,
    /// The last of them.
    pub last: EventTime,
    /// A bit for each span of the rhythm with a call.
    pub spans: u64,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { list: Vec::new(), given_up: 0 }
    }
}

impl<T> Lanes<T> {
    /// These, of which somebody else kept the sums.
    pub fn of(list: Vec<Lane<T>>, given_up: u64) -> Self {
        Self { list, given_up }
    }

    /// Notes a call with the thing that `is_it` knows, and gives it; `make` names it when it is new.
    pub fn note(
        &mut self,
        max: usize,
        (time, beat): (EventTime, Beat),
        is_it: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> &mut T {
        let place = self.list.iter().position(|lane| is_it(&lane.name)).unwrap_or_else(|| {
            let lane = Lane { name: make(), calls: 0, first: time, last: time, spans: 0 };
            self.put(max, lane)
        });
        // The usual one is found at the first look.
        self.list.swap(0, place);
        let lane = &mut self.list[0];
        lane.calls += 1;
        lane.last = lane.last.max(time);
        lane.spans |= 1 << (beat.span & 63);
        &mut lane.name
    }

    /// Spans were joined.
    pub fn halve(&mut self, beat: Beat) {
        if beat.doubled > 0 {
            self.list.iter_mut().for_each(|lane| lane.spans = halved(lane.spans, beat.doubled));
        }
    }

    /// All of them, in no order.
    pub fn iter(&self) -> std::slice::Iter<'_, Lane<T>> {
        self.list.iter()
    }

    /// What they are, to be changed.
    pub(super) fn names_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.list.iter_mut().map(|lane| &mut lane.name)
    }

    /// The most used one first.
    pub fn by_use(&self) -> Vec<&Lane<T>> {
        let mut lanes: Vec<&Lane<T>> = self.list.iter().collect();
        lanes.sort_by_key(|lane| (std::cmp::Reverse(lane.calls), lane.first));
        lanes
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.list.capacity() * size_of::<Lane<T>>()
    }

    fn put(&mut self, max: usize, lane: Lane<T>) -> usize {
        let max = max.max(1);
        if self.list.len() < max {
            if self.list.len() == self.list.capacity() {
                // Most know one thing of a kind: doubled from one, and not beyond what is ever needed.
                self.list.reserve_exact(self.list.len().clamp(1, max - self.list.len()));
            }
            self.list.push(lane);
            return self.list.len() - 1;
        }
        self.given_up += 1;
        let oldest = self.list.iter().enumerate().min_by_key(|(_, lane)| lane.last);
        let place = oldest.map_or(0, |(place, _)| place);
        self.list[place] = lane;
        place
    }
}

/// Room is made for what there is: a list grows by its own steps.
impl<T: Saved> Saved for Lanes<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.given_up.save(out);
        self.list.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let given_up = Saved::load(from)?;
        let mut list: Vec<Lane<T>> = Saved::load(from)?;
        list.shrink_to_fit();
        Ok(Self { list, given_up })
    }
}

impl<T: Saved> Saved for Lane<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.name.save(out);
        (self.calls, self.first, self.last, self.spans).save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let name = T::load(from)?;
        let (calls, first, last, spans) = Saved::load(from)?;
        Ok(Self { name, calls, first, last, spans })
    }
}

impl<'a, T> IntoIterator for &'a Lanes<T> {
    type Item = &'a Lane<T>;
    type IntoIter = std::slice::Iter<'a, Lane<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_makes_room() {
        let mut lanes: Lanes<u32> = Lanes::default();
        for (second, name) in [(1, 1), (2, 2), (3, 1), (4, 3), (5, 1)] {
            let beat = Beat { span: second as usize, doubled: 0 };
            lanes.note(2, (EventTime::from_secs(second), beat), |known| *known == name, || name);
        }
        let told: Vec<_> =
            lanes.by_use().into_iter().map(|lane| (lane.name, lane.calls, lane.spans)).collect();
        assert_eq!(told, [(1, 3, 0b10_1010), (3, 1, 0b1_0000)]);
        assert_eq!((lanes.len(), lanes.given_up), (2, 1));
    }

    #[test]
    fn no_room_is_made_that_is_never_used() {
        let mut lanes: Lanes<u32> = Lanes::default();
        let mut rooms = Vec::new();
        for name in 0..40 {
            let now = (EventTime::from_secs(1), Beat { span: 0, doubled: 0 });
            lanes.note(12, now, |known| *known == name, || name);
            rooms.push(lanes.list.capacity());
        }
        rooms.dedup();
        assert_eq!(rooms, [1, 2, 4, 8, 12]);
    }
}
