//! State as bytes, so that windows and learning survive a restart, and as words, so that it can be looked at.
//! A type says which of its fields are kept, in order; numbers are little-endian, lists have their length before them.
//! It promises that damaged bytes are refused and never believed further than they reach, and that equal state
//! gives equal bytes.

use crate::shown::Shown;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// State that cannot be read: cut short, damaged, or written by another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the saved state is damaged or of another version")
    }
}

impl std::error::Error for Damaged {}

/// What can be saved and loaded again.
pub trait Saved: Sized {
    /// Appends the value.
    fn save(&self, out: &mut Vec<u8>);

    /// Takes the value from the front.
    fn load(from: &mut &[u8]) -> Result<Self, Damaged>;

    /// The value in words for whoever asks why; a type without words of its own is passed over.
    fn shown(&self) -> Shown {
        Shown::Nothing
    }
}

/// Implements `Saved` for a struct by the fields that are kept; those behind `fresh` start from their defaults.
///
/// In the state of a rule what is under a key of one process (marks of one-time codes) must be `fresh`: it means
/// nothing to the next, and is never shown. The kept fields are shown by their names, unless `as` says how.
#[macro_export]
macro_rules! saved {
    ($type:ty { $($field:tt),* $(,)? } $(fresh { $($fresh:ident),* $(,)? })?) => {
        $crate::saved!($type { $($field),* } $(fresh { $($fresh),* })? as |this: &Self| {
            $crate::shown::Shown::parts([
                $((stringify!($field), $crate::saved::Saved::shown(&this.$field)),)*
            ])
        });
    };
    ($type:ty { $($field:tt),* $(,)? } $(fresh { $($fresh:ident),* $(,)? })? as $shown:expr) => {
        impl $crate::saved::Saved for $type {
            fn save(&self, out: &mut Vec<u8>) {
                $($crate::saved::Saved::save(&self.$field, out);)*
                $($(let _ = &self.$fresh;)*)?
            }

            fn load(from: &mut &[u8]) -> Result<Self, $crate::saved::Damaged> {
                Ok(Self {
                    $($field: $crate::saved::Saved::load(from)?,)*
                    $($($fresh: Default::default(),)*)?
                })
            }

            fn shown(&self) -> $crate::shown::Shown {
                ($shown)(self)
            }
        }
    };
}
pub use saved;

/// Takes `N` bytes from the front.
fn take<'a>(from: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], Damaged> {
    let (taken, rest) = from.split_at_checked(bytes).ok_or(Damaged)?;
    *from = rest;
    Ok(taken)
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Saved for $type {
            fn save(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
                let bytes = take(from, size_of::<Self>())?;
                Ok(Self::from_le_bytes(bytes.try_into().map_err(|_| Damaged)?))
            }

            fn shown(&self) -> Shown {
                Shown::word(self)
            }
        }
    )*};
}
numbers!(u8 u16 u32 u64 u128 i16 i64 f64);

impl Saved for usize {
    fn save(&self, out: &mut Vec<u8>) {
        (*self as u64).save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        usize::try_from(u64::load(from)?).map_err(|_| Damaged)
    }

    fn shown(&self) -> Shown {
        Shown::word(self)
    }
}

impl Saved for () {
    fn save(&self, _: &mut Vec<u8>) {}

    fn load(_: &mut &[u8]) -> Result<Self, Damaged> {
        Ok(())
    }
}

impl Saved for bool {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        match u8::load(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damaged),
        }
    }

    fn shown(&self) -> Shown {
        if *self { Shown::word("yes") } else { Shown::Nothing }
    }
}

impl Saved for Duration {
    fn save(&self, out: &mut Vec<u8>) {
        (self.as_secs(), self.subsec_nanos()).save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let (secs, nanos) = Saved::load(from)?;
        if nanos >= 1_000_000_000 { Err(Damaged) } else { Ok(Self::new(secs, nanos)) }
    }

    fn shown(&self) -> Shown {
        Shown::word(&crate::detector::Span(*self))
    }
}

/// Appends a text.
fn save_text(text: &str, out: &mut Vec<u8>) {
    text.len().save(out);
    out.extend_from_slice(text.as_bytes());
}

/// Takes a text from the front.
fn load_text<'a>(from: &mut &'a [u8]) -> Result<&'a str, Damaged> {
    let bytes = usize::load(from)?;
    std::str::from_utf8(take(from, bytes)?).map_err(|_| Damaged)
}

impl Saved for Arc<str> {
    fn save(&self, out: &mut Vec<u8>) {
        save_text(self, out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        load_text(from).map(Self::from)
    }

    fn shown(&self) -> Shown {
        Shown::word(self)
    }
}

impl Saved for String {
    fn save(&self, out: &mut Vec<u8>) {
        save_text(self, out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        load_text(from).map(str::to_owned)
    }

    fn shown(&self) -> Shown {
        Shown::word(self)
    }
}

/// Class names and notes are texts of the program itself; another version may know others.
impl Saved for &'static str {
    fn save(&self, out: &mut Vec<u8>) {
        save_text(self, out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        interned(load_text(from)?).ok_or(Damaged)
    }

    fn shown(&self) -> Shown {
        Shown::word(self)
    }
}

/// Different texts that loading may add to the program's own.
const INTERNED_MAX: usize = 1024;
const INTERNED_BYTES_MAX: usize = 128;

/// A text as one of the program's own; nothing where there were too many.
pub fn interned(text: &str) -> Option<&'static str> {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().ok()?;
    if let Some(same) = known.get(text) {
        return Some(same);
    }
    if known.len() >= INTERNED_MAX || text.len() > INTERNED_BYTES_MAX {
        return None;
    }
    let text: &'static str = String::from(text).leak();
    known.insert(text);
    Some(text)
}

impl Saved for IpAddr {
    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::V4(ip) => {
                out.push(4);
                ip.to_bits().save(out);
            }
            Self::V6(ip) => {
                out.push(6);
                ip.to_bits().save(out);
            }
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        match u8::load(from)? {
            4 => Ok(Self::V4(Ipv4Addr::from_bits(Saved::load(from)?))),
            6 => Ok(Self::V6(Ipv6Addr::from_bits(Saved::load(from)?))),
            _ => Err(Damaged),
        }
    }

    fn shown(&self) -> Shown {
        Shown::word(self)
    }
}

impl Saved for SocketAddr {
    fn save(&self, out: &mut Vec<u8>) {
        (self.ip(), self.port()).save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let (ip, port): (IpAddr, u16) = Saved::load(from)?;
        Ok(Self::new(ip, port))
    }

    fn shown(&self) -> Shown {
        Shown::word(self)
    }
}

impl<T: Saved> Saved for Option<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.is_some().save(out);
        if let Some(value) = self {
            value.save(out);
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        bool::load(from)?.then(|| T::load(from)).transpose()
    }

    fn shown(&self) -> Shown {
        self.as_ref().map_or(Shown::Nothing, T::shown)
    }
}

/// What several share is written each time, and is loaded as that many.
macro_rules! holders {
    ($($holder:ident)*) => {$(
        impl<T: Saved> Saved for $holder<T> {
            fn save(&self, out: &mut Vec<u8>) {
                T::save(self, out);
            }

            fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
                T::load(from).map(Self::new)
            }

            fn shown(&self) -> Shown {
                T::shown(self)
            }
        }
    )*};
}
holders! { Box Arc }

impl<T: Saved> Saved for Arc<[T]> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        self.iter().for_each(|value| value.save(out));
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        Vec::<T>::load(from).map(Self::from)
    }

    fn shown(&self) -> Shown {
        Shown::list(self.iter().map(T::shown))
    }
}

impl<T: Saved + Copy + Default, const N: usize> Saved for [T; N] {
    fn save(&self, out: &mut Vec<u8>) {
        for value in self {
            value.save(out);
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::load(from)?;
        }
        Ok(values)
    }

    fn shown(&self) -> Shown {
        Shown::list(self.iter().map(T::shown))
    }
}

/// A length is a promise of the bytes, not a fact: room is made as the values come.
macro_rules! lists {
    ($($list:ident: $add:ident $(, $bound:ident)?;)*) => {$(
        impl<T: Saved $(+ $bound)?> Saved for $list<T> {
            fn save(&self, out: &mut Vec<u8>) {
                self.len().save(out);
                for value in self {
                    value.save(out);
                }
            }

            fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
                let mut values = Self::new();
                for _ in 0..usize::load(from)? {
                    values.$add(T::load(from)?);
                }
                Ok(values)
            }

            fn shown(&self) -> Shown {
                Shown::list(self.iter().map(T::shown))
            }
        }
    )*};
}
lists! {
    Vec: push;
    VecDeque: push_back;
    BTreeSet: insert, Ord;
}

impl<K: Saved + Ord, V: Saved> Saved for BTreeMap<K, V> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        for (key, value) in self {
            key.save(out);
            value.save(out);
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let mut values = Self::new();
        for _ in 0..usize::load(from)? {
            values.insert(K::load(from)?, V::load(from)?);
        }
        Ok(values)
    }

    fn shown(&self) -> Shown {
        let pair = |(key, value): (&K, &V)| Shown::parts([("", key.shown()), ("", value.shown())]);
        Shown::list(self.iter().map(pair))
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        impl<$($name: Saved),+> Saved for ($($name,)+) {
            #[expect(non_snake_case, reason = "a name stands for a type and its value")]
            fn save(&self, out: &mut Vec<u8>) {
                let ($($name,)+) = self;
                $($name.save(out);)+
            }

            fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
                Ok(($($name::load(from)?,)+))
            }

            #[expect(non_snake_case, reason = "a name stands for a type and its value")]
            fn shown(&self) -> Shown {
                let ($($name,)+) = self;
                Shown::parts([$(("", $name.shown()),)+])
            }
        }
    )*};
}
tuples! { (A B) (A B C) (A B C D) }

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Thing {
        times: Vec<(u64, Option<Arc<str>>)>,
        from: IpAddr,
        class: &'static str,
        mark: Option<u64>,
    }
    saved!(Thing { times, from, class } fresh { mark });

    fn thing() -> Thing {
        Thing {
            times: vec![(1, None), (u64::MAX, Some("né".into()))],
            from: [203, 0, 113, 7].into(),
            class: "api_key",
            mark: Some(7),
        }
    }

    #[test]
    fn what_is_saved_is_loaded_and_what_is_fresh_is_not() {
        let mut bytes = Vec::new();
        thing().save(&mut bytes);
        let mut from = bytes.as_slice();
        assert_eq!(Thing::load(&mut from), Ok(Thing { mark: None, ..thing() }));
        assert!(from.is_empty());
    }

    #[test]
    fn every_cut_is_refused_and_a_huge_length_costs_nothing() {
        let mut bytes = Vec::new();
        thing().save(&mut bytes);
        for end in 0..bytes.len() {
            assert_eq!(Thing::load(&mut &bytes[..end]), Err(Damaged), "{end}");
        }
        let huge = u64::MAX.to_le_bytes();
        assert_eq!(Vec::<u64>::load(&mut huge.as_slice()), Err(Damaged));
        assert_eq!(Arc::<str>::load(&mut huge.as_slice()), Err(Damaged));
    }
}
