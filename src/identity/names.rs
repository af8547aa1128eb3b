//! Sets of names that are looked up once for every header line, parameter and JSON key.
//! They are given as `snake_case` and found in any case, as `kebab-case` and as `camelCase` too.
//! It promises that a name in no set costs one table read: the slot is computed from length and three letters.

use std::collections::HashSet;

/// Slots of the table; a power of two, well above the number of names, so that most slots are empty.
const SLOTS: usize = 4096;

/// Which of many known names a given one is.
pub(crate) struct Names<T> {
    /// `entries[starts[slot]..starts[slot + 1]]` are the names of a slot.
    starts: Vec<u16>,
    entries: Vec<(Box<[u8]>, T)>,
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
        let mut entries: Vec<(Box<[u8]>, T)> = names
            .filter(|(name, _)| !name.is_empty() && known.insert(name.clone()))
            .map(|(name, meaning)| (name.into_bytes().into_boxed_slice(), meaning))
            .take(usize::from(u16::MAX))
            .collect();
        entries.sort_by_cached_key(|(name, _)| slot(name));
        let mut starts = vec![0u16; SLOTS + 1];
        for (name, _) in &entries {
            if let Some(count) = starts.get_mut(slot(name) + 1) {
                *count += 1;
            }
        }
        let mut before = 0;
        for start in &mut starts {
            before += *start;
            *start = before;
        }
        Self { starts, entries }
    }

    /// The meaning of `name`, in whatever case it is written.
    pub(crate) fn get(&self, name: &[u8]) -> Option<T> {
        let slot = slot(name);
        let (from, to) = (usize::from(*self.starts.get(slot)?), usize::from(*self.starts.get(slot + 1)?));
        self.entries
            .get(from..to)?
            .iter()
            .find(|(known, _)| **known == *name || known.eq_ignore_ascii_case(name))
            .map(|&(_, meaning)| meaning)
    }
}

/// Length, first, middle and last letter, without case.
pub(crate) fn slot(name: &[u8]) -> usize {
    let letter = |at: usize| usize::from(name.get(at).copied().unwrap_or(0) | 0x20);
    let len = name.len();
    let mixed = (len.wrapping_mul(0x9E5) ^ letter(0).wrapping_mul(0x35))
        ^ letter(len / 2).wrapping_mul(0x1F7)
        ^ letter(len.saturating_sub(1)).wrapping_mul(0x6D);
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
