//! The few things of one kind that somebody used: countries, addresses, devices, routes, each with its times.
//! It is given what was used and in which span of the owner's rhythm.
//! It promises at most `max` of them: the one that is longest out of use makes room, and that is counted; and that the
//! right one is found by looking at one cache line, not at all of them.

use super::rhythm::{Beat, halved};
use heelguard_detectors::identity::{Country, PrincipalKind};
use heelguard_detectors::saved::{Damaged, Saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Device;
use std::net::IpAddr;
use std::sync::Arc;

/// Things whose tags are kept; of more, the rest are compared one by one.
const TAGS: usize = 16;

/// What is told apart by a byte before it is compared.
pub trait Tagged {
    /// The byte: equal things have the same.
    fn tag(&self) -> u8;
}

/// Things of one kind.
#[derive(Clone, Debug)]
pub struct Lanes<T> {
    list: Vec<Lane<T>>,
    /// Of the first ones, in the order of the list.
    tags: [u8; TAGS],
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
        Self { list: Vec::new(), tags: [0; TAGS], given_up: 0 }
    }
}

impl<T: Tagged> Lanes<T> {
    /// These, of which somebody else kept the sums.
    pub fn of(list: Vec<Lane<T>>, given_up: u64) -> Self {
        let mut lanes = Self { list, tags: [0; TAGS], given_up };
        lanes.tag_all();
        lanes
    }

    /// Notes a call with the thing of this tag that `is_it` knows, and gives it; `make` names it when it is new.
    pub fn note(
        &mut self,
        max: usize,
        (time, beat): (EventTime, Beat),
        tag: u8,
        is_it: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> &mut T {
        let place = self.find(tag, is_it).unwrap_or_else(|| {
            let lane = Lane { name: make(), calls: 0, first: time, last: time, spans: 0 };
            self.put(max, lane)
        });
        let lane = &mut self.list[place];
        lane.calls += 1;
        lane.last = lane.last.max(time);
        lane.spans |= 1 << (beat.span & 63);
        &mut lane.name
    }

    fn find(&self, tag: u8, is_it: impl Fn(&T) -> bool) -> Option<usize> {
        let tagged = self.tags.iter().zip(&self.list).position(|(of, lane)| *of == tag && is_it(&lane.name));
        tagged.or_else(|| {
            let rest = self.list.get(TAGS..)?;
            rest.iter().position(|lane| is_it(&lane.name)).map(|place| TAGS + place)
        })
    }

    /// Changes what they are.
    pub(super) fn rename(&mut self, change: impl FnMut(&mut T)) {
        self.list.iter_mut().map(|lane| &mut lane.name).for_each(change);
        self.tag_all();
    }

    fn tag_all(&mut self) {
        self.tags.iter_mut().zip(&self.list).for_each(|(tag, lane)| *tag = lane.name.tag());
    }

    fn put(&mut self, max: usize, lane: Lane<T>) -> usize {
        let max = max.max(1);
        let place = if self.list.len() < max {
            self.list.len()
        } else {
            self.given_up += 1;
            let oldest = self.list.iter().enumerate().min_by_key(|(_, lane)| lane.last);
            oldest.map_or(0, |(place, _)| place)
        };
        if let Some(tag) = self.tags.get_mut(place) {
            *tag = lane.name.tag();
        }
        if let Some(oldest) = self.list.get_mut(place) {
            *oldest = lane;
        } else {
            if self.list.len() == self.list.capacity() {
                // Most know one thing of a kind: doubled from one, and not beyond what is ever needed.
                self.list.reserve_exact(self.list.len().clamp(1, max - self.list.len()));
            }
            self.list.push(lane);
        }
        place
    }
}

impl<T> Lanes<T> {
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
}

impl Tagged for Country {
    fn tag(&self) -> u8 {
        self.as_str().bytes().fold(0, |tag, letter| tag.wrapping_mul(31).wrapping_add(letter))
    }
}

impl Tagged for u32 {
    fn tag(&self) -> u8 {
        self.to_le_bytes()[0]
    }
}

impl Tagged for IpAddr {
    fn tag(&self) -> u8 {
        match self {
            Self::V4(ip) => ip.octets()[3],
            // Addresses are counted by their networks, whose last part is the eighth byte.
            Self::V6(ip) => ip.octets()[7],
        }
    }
}

impl Tagged for Device {
    fn tag(&self) -> u8 {
        self.traits.iter().fold(0, |tag, part| tag ^ part.tag())
    }
}

impl Tagged for (PrincipalKind, Arc<str>) {
    fn tag(&self) -> u8 {
        name_tag(&self.1)
    }
}

/// The tag of a name.
pub(super) fn name_tag(name: &str) -> u8 {
    name.bytes().last().unwrap_or_default()
}

/// Room is made for what there is: a list grows by its own steps.
impl<T: Saved + Tagged> Saved for Lanes<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.given_up.save(out);
        self.list.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let given_up = Saved::load(from)?;
        let mut list: Vec<Lane<T>> = Saved::load(from)?;
        list.shrink_to_fit();
        Ok(Self::of(list, given_up))
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
            lanes.note(2, (EventTime::from_secs(second), beat), name as u8, |known| *known == name, || name);
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
            lanes.note(12, now, name as u8, |known| *known == name, || name);
            rooms.push(lanes.list.capacity());
        }
        rooms.dedup();
        assert_eq!(rooms, [1, 2, 4, 8, 12]);
    }
}
