//! Values at places that are used again: a growing list with a list of holes.
//! It promises that a place stays where it is until it is given up; who keeps a place beyond that must know whose it is.
//! It grows by whole chunks: nothing that is held is moved, however much there is.

/// Values of a chunk.
const CHUNK: usize = 1024;

/// The places.
pub(super) struct Slab<T> {
    slots: Chunks<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { slots: Chunks::new(), free: Vec::new() }
    }

    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.slots.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.slots.get_mut(place)?.as_mut()
    }

    /// The place of a new value. Tables are far smaller than `u32::MAX`: their limits are checked before.
    pub(super) fn add(&mut self, value: T) -> u32 {
        if let Some(place) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(place)
        {
            *slot = Some(value);
            return place;
        }
        self.slots.push(Some(value))
    }

    pub(super) fn take(&mut self, place: u32) -> Option<T> {
        let value = self.slots.get_mut(place)?.take()?;
        self.free.push(place);
        Some(value)
    }

    /// Memory taken, without what the values hold elsewhere.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.slots.bytes() + self.free.capacity() * size_of::<u32>()
    }

    /// Values held.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

/// A list in chunks, all but the last full.
pub(super) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Chunks<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn get(&self, place: u32) -> Option<&T> {
        let place = place as usize;
        self.0.get(place / CHUNK)?.get(place % CHUNK)
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        let place = place as usize;
        self.0.get_mut(place / CHUNK)?.get_mut(place % CHUNK)
    }

    /// Adds a value and tells its place.
    pub(super) fn push(&mut self, value: T) -> u32 {
        let place = self.len() as u32;
        match self.0.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(value),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(value);
                self.0.push(chunk);
            }
        }
        place
    }

    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.0.len() * CHUNK * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stay_over_the_borders_of_chunks_and_are_used_again() {
        let mut slab = Slab::new();
        let count = 3 * CHUNK as u32 + 1;
        for n in 0..count {
            assert_eq!(slab.add(n), n);
        }
        assert!((0..count).all(|n| slab.get(n) == Some(&n)));
        assert_eq!((slab.take(CHUNK as u32), slab.take(CHUNK as u32)), (Some(CHUNK as u32), None));
        assert_eq!((slab.add(7), slab.len()), (CHUNK as u32, count as usize));
        assert_eq!((slab.get(count), slab.get(u32::MAX)), (None, None));
    }
}
