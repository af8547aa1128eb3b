//! A short list that has one thing in it nearly always: one place, one device, one address of one account.
//! It reads as a slice; the first thing lies where the list lies, and further ones bring an allocation.
//! It promises the order of a `Vec` and nothing but its room is different.

use crate::saved::{Damaged, Saved};
use crate::shown::Shown;
use std::ops::{Deref, DerefMut};

/// A list of few things, mostly one.
#[derive(Clone, Debug)]
pub enum Few<T> {
    /// At most one.
    One(Option<T>),
    /// More; while there are two or more, and until the list is used again after that.
    Many(Vec<T>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(one) => one.as_slice(),
            Self::Many(many) => many,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::One(one) => one.as_mut_slice(),
            Self::Many(many) => many,
        }
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Self {
        let mut few = Self::Many(things.into_iter().collect());
        few.settle();
        few
    }
}

impl<T> Few<T> {
    /// Adds a thing at the end.
    pub fn push(&mut self, thing: T) {
        match self {
            Self::One(None) => *self = Self::One(Some(thing)),
            Self::One(one) => {
                let mut many = Vec::with_capacity(2);
                many.extend(one.take());
                many.push(thing);
                *self = Self::Many(many);
            }
            Self::Many(many) => many.push(thing),
        }
    }

    /// Takes a thing out; `None` where there is none.
    pub fn remove(&mut self, place: usize) -> Option<T> {
        let gone = match self {
            Self::One(one) if place == 0 => one.take(),
            Self::Many(many) if place < many.len() => Some(many.remove(place)),
            _ => None,
        };
        self.settle();
        gone
    }

    /// Keeps what `is_kept`. The common list keeps all, and is only looked at.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        match self {
            Self::One(one) => {
                one.take_if(|thing| !is_kept(thing));
            }
            Self::Many(many) => many.retain(is_kept),
        }
        self.settle();
    }

    /// A list that has become short lies in place again.
    fn settle(&mut self) {
        if let Self::Many(many) = self
            && many.len() < 2
        {
            *self = Self::One(many.pop());
        }
    }
}

impl<T: Saved> Saved for Few<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        self.iter().for_each(|thing| thing.save(out));
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let mut things = Self::default();
        for _ in 0..usize::load(from)? {
            things.push(T::load(from)?);
        }
        Ok(things)
    }

    fn shown(&self) -> Shown {
        Shown::list(self.iter().map(T::shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list() {
        let (mut few, mut list) = (Few::default(), Vec::new());
        let mut random = 1_u64;
        for step in 0..10_000_u64 {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let draw = (random >> 33) as usize;
            match draw % 4 {
                0 | 1 => {
                    few.push(step);
                    list.push(step);
                }
                2 => {
                    let place = draw / 4 % 3;
                    let gone = if place < list.len() { Some(list.remove(place)) } else { None };
                    assert_eq!(few.remove(place), gone);
                }
                _ => {
                    few.retain(|thing| thing % 3 != step % 3);
                    list.retain(|thing| thing % 3 != step % 3);
                }
            }
            assert_eq!(*few, *list);
            assert_eq!(matches!(few, Few::One(_)), list.len() < 2);
        }
    }

    #[test]
    fn it_is_saved_as_a_list_is() {
        for things in [vec![], vec![7_u32], vec![7, 8, 9]] {
            let few: Few<u32> = things.iter().copied().collect();
            let (mut bytes, mut expected) = (Vec::new(), Vec::new());
            few.save(&mut bytes);
            things.save(&mut expected);
            assert_eq!(bytes, expected);
            assert_eq!(*Few::<u32>::load(&mut bytes.as_slice()).unwrap(), *things);
        }
    }
}
