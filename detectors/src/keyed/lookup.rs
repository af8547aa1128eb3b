//! What a table is asked by: a key, a key whose hash is known, or what a key would be made of.
//! All tables hash alike, so that whoever looks into several hashes once; a key is made only where it is new.
//! It promises hashes that differ from run to run: nobody who sends keys can tell which of them meet.

use ahash::RandomState;
use std::hash::Hash;
use std::sync::LazyLock;

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The hash of a key in every table of this process.
pub fn hash_of(key: &impl Hash) -> u64 {
    HASHER.hash_one(key)
}

/// Enough of a key to find it, and to make it.
pub trait Lookup<K> {
    /// The key's hash, as `hash_of` gives it.
    fn hash(&self) -> u64;

    /// Whether this is the key.
    fn is(&self, key: &K) -> bool;

    /// The key itself.
    fn make(self) -> K;
}

impl<K: Hash + Eq + Clone> Lookup<K> for &K {
    fn hash(&self) -> u64 {
        hash_of(*self)
    }

    fn is(&self, key: &K) -> bool {
        *self == key
    }

    fn make(self) -> K {
        self.clone()
    }
}

/// A key, or what it is made of, with its hash.
#[derive(Clone, Copy, Debug)]
pub struct Hashed<T> {
    key: T,
    hash: u64,
}

impl<T> Hashed<T> {
    /// The hash must be the one that `hash_of` gives for the key.
    pub(crate) fn new(key: T, hash: u64) -> Self {
        Self { key, hash }
    }
}

impl<K, T: Lookup<K>> Lookup<K> for Hashed<T> {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn is(&self, key: &K) -> bool {
        self.key.is(key)
    }

    fn make(self) -> K {
        self.key.make()
    }
}
