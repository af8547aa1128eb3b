//! Sets of names that are looked up once for every header line, parameter and JSON key.
//! They are given as `snake_case` and found in any case, as `kebab-case` and as `camelCase` too.
//! It promises that a name in no set costs one table read: the slot is computed from length and three letters, and
//! letters are compared eight at a time.

use std::collections::HashSet;
use std::ops::Range;

/// Slots of the table; a power of two, well above the number of names, so that most slots are empty.
const SLOTS: usize = 4096;

/// Which of many known names a given one is.
pub(crate) struct Names<T> {
    /// `entries[starts[slot]..starts[slot + 1]]` are the names of a slot.
    starts: Box<[u16; SLOTS + 1]>,
    entries: Vec<Entry<T>>,
}

/// A name in lower case, its first letters apart: they tell nearly all names from each other.
struct Entry<T> {
    len: usize,
    first: u64,
    rest: Box<[u8]>,
    meaning: T,
}

impl<T: Copy> Names<T> {
    /// A table of these names and their spelling variants; of two equal names the first counts.
    pub(crate) fn new<N: AsRef<str>>(names: impl IntoIterator<Item = (N, T)>) -> Self {
        let variants = |(name, meaning): (N, T)| variants(name.as_ref()).map(|variant| (variant, meaning));
        Self::of(names.into_iter().flat_map(variants))
    }

    /// A table of these names as they are, in any case.
    pub(crate) fn exact(names: &[(String, T)]) -> Self {
        Self::of(names.iter().map(|(name, meaning)| (name.to_ascii_lowercase(), *meaning)))
    }

    fn of(names: impl Iterator<Item = (String, T)>) -> Self {
        let mut known = HashSet::new();
        let mut names: Vec<(usize, Entry<T>)> = names
            .filter(|(name, _)| !name.is_empty() && known.insert(name.clone()))
            .map(|(name, meaning)| (slot(name.as_bytes()), Entry::new(name.as_bytes(), meaning)))
            .take(usize::from(u16::MAX))
            .collect();
        names.sort_by_key(|&(slot, _)| slot);
        let mut starts = Box::new([0u16; SLOTS + 1]);
        for (slot, _) in &names {
            if let Some(count) = starts.get_mut(slot + 1) {
                *count += 1;
            }
        }
        let mut before = 0;
        for start in &mut *starts {
            before += *start;
            *start = before;
        }
        Self { starts, entries: names.into_iter().map(|(_, entry)| entry).collect() }
    }

    /// The meaning of `name`, in whatever case it is written.
    #[inline]
    pub(crate) fn get(&self, name: &[u8]) -> Option<T> {
        let slot = slot(name);
        let (from, to) = (*self.starts.get(slot)?, *self.starts.get(slot + 1)?);
        // Most slots are empty.
        if from == to { None } else { self.among(from..to, name) }
    }

    fn among(&self, slot: Range<u16>, name: &[u8]) -> Option<T> {
        let entries = self.entries.get(usize::from(slot.start)..usize::from(slot.end))?;
        let (first, rest) = name.split_at_checked(8).unwrap_or((name, &[]));
        let first = lower(word(first));
        let is_meant = |entry: &&Entry<T>| {
            entry.first == first && entry.len == name.len() && is_in_lower_case(&entry.rest, rest)
        };
        entries.iter().find(is_meant).map(|entry| entry.meaning)
    }
}

impl<T> Entry<T> {
    fn new(name: &[u8], meaning: T) -> Self {
        let (first, rest) = name.split_at_checked(8).unwrap_or((name, &[]));
        Self { len: name.len(), first: word(first), rest: rest.into(), meaning }
    }
}

/// Whether `known` is `text` in lower case.
fn is_in_lower_case(known: &[u8], text: &[u8]) -> bool {
    known.len() == text.len()
        && known.chunks(8).zip(text.chunks(8)).all(|(known, text)| word(known) == lower(word(text)))
}

/// Up to eight letters as a number.
#[inline]
fn word(letters: &[u8]) -> u64 {
    if let Some(eight) = letters.first_chunk() {
        return u64::from_le_bytes(*eight);
    }
    match (letters.first_chunk(), letters.last_chunk()) {
        // Between four and eight: what is in both halves is the same in both.
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first))
                | u64::from(u32::from_le_bytes(*last)) << (8 * (letters.len() - 4))
        }
        _ => letters.iter().rev().fold(0, |word, &letter| word << 8 | u64::from(letter)),
    }
}

/// Eight letters in lower case; what is not ASCII stays as it is.
#[inline]
fn lower(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let low = word & !HIGH;
    // The high bit of each byte from `A` (0x41) on, and of each byte above `Z` (0x5A).
    let from_a = low.wrapping_add(ONES * (0x80 - 0x41));
    let above_z = low.wrapping_add(ONES * (0x7F - 0x5A));
    word | ((from_a ^ above_z) & !word & HIGH) >> 2
}

/// Length, first, middle and last letter, without case.
#[inline]
pub(crate) fn slot(name: &[u8]) -> usize {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 0 };
    let middle = name.get(name.len() / 2).unwrap_or(first);
    let letter = |letter: &u8| usize::from(letter | 0x20);
    let mixed = (name.len().wrapping_mul(0x9E5) ^ letter(first).wrapping_mul(0x35))
        ^ letter(middle).wrapping_mul(0x1F7)
        ^ letter(last).wrapping_mul(0x6D);
    mixed % SLOTS
}

/// `access_token` is also written `access-token` and, without case, `accessToken`.
fn variants(name: &str) -> [String; 3] {
    let snake = name.to_ascii_lowercase();
    if !snake.contains('_') || snake.starts_with('_') || snake.starts_with('.') {
        return [snake, String::new(), String::new()];
    }
    let (kebab, camel) = (snake.replace('_', "-"), snake.replace('_', ""));
    [snake, kebab, camel]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn letters_are_compared_without_case(name in "[ -~é]{0,24}", other in "[@-_a-z{|-]{1,24}") {
            let known = other.to_ascii_lowercase();
            let names = Names::exact(&[(known.clone(), ())]);
            prop_assert_eq!(names.get(name.as_bytes()).is_some(), known.eq_ignore_ascii_case(&name));
            prop_assert!(names.get(other.as_bytes()).is_some());
            let mut longer = other.into_bytes();
            longer.push(0);
            prop_assert!(names.get(&longer).is_none());
        }
    }

    #[test]
    fn a_name_is_found_in_every_spelling_and_nothing_else_is() {
        let names = Names::new([("access_token", 1), ("sid", 2), ("_session", 3)]);
        for spelled in ["access_token", "ACCESS-TOKEN", "accessToken", "AccessToken"] {
            assert_eq!(names.get(spelled.as_bytes()), Some(1), "{spelled}");
        }
        assert_eq!(names.get(b"SID"), Some(2));
        assert_eq!(names.get(b"_session"), Some(3));
        for other in ["", "access", "access_tokens", "session", "xid"] {
            assert_eq!(names.get(other.as_bytes()), None, "{other}");
        }
    }
}
