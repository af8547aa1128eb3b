//! Secrets of connections by their client random, shared by all shards.
//! It is given key-log text, whole or as it grows, and is asked by connections that want to be read.
//! It promises a bound (the oldest connection's secrets leave first), wiped memory, and that a secret that a capture
//! brings is known to packets behind it alone, however far ahead of the shards the reader is.

use super::keylog::{self, Line};
use super::secret::{LABELS, Label, Secret};
use crate::metrics::SecretCounters;
use ahash::RandomState;
use heelguard_detectors::time::EventTime;
use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock};

/// Secrets that were written down by who took part. There is no way to print them. A lock is right here: connections ask
/// a few times in their lives, and a file's secrets come in a thread of their own.
pub struct KeyStore {
    table: RwLock<Table>,
    connections_max: usize,
    grows: bool,
}

struct Table {
    /// Boxed: a map that grows moves its values, and would leave copies behind.
    by_random: HashMap<[u8; 32], Box<Entry>, RandomState>,
    /// The order in which they came, for the limit.
    by_age: VecDeque<[u8; 32]>,
    counters: SecretCounters,
}

/// What is known of one connection: a secret for each label, and the moment behind which it may be used.
#[derive(Default)]
struct Entry([Option<(EventTime, Secret)>; LABELS]);

impl KeyStore {
    /// For so many connections. One that `grows` may have tomorrow what it does not have today.
    pub fn new(connections_max: usize, grows: bool) -> Self {
        let table = Table {
            by_random: HashMap::with_hasher(RandomState::new()),
            by_age: VecDeque::new(),
            counters: SecretCounters::default(),
        };
        Self { table: RwLock::new(table), connections_max, grows }
    }

    /// Takes in whole lines of key-log text. Packets up to `since` do not know of them: the time of the packet before a
    /// secrets block, or `EventTime::ZERO` for a file beside the capture, whose lines all packets may know.
    pub fn read_key_log(&self, text: &[u8], since: EventTime) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        for line in keylog::lines(text) {
            match line {
                Line::Secret { label, client_random, secret } => {
                    table.put(label, client_random, secret, since, self.connections_max);
                }
                Line::Unused => table.counters.unused_lines += 1,
                Line::Junk => table.counters.junk_lines += 1,
            }
        }
    }

    /// Counts a line that is too long to be one.
    pub(super) fn count_junk(&self) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).counters.junk_lines += 1;
    }

    /// Whether a secret that is not there may still come.
    pub fn grows(&self) -> bool {
        self.grows
    }

    /// What was read so far.
    pub fn counters(&self) -> SecretCounters {
        self.table.read().unwrap_or_else(PoisonError::into_inner).counters.clone()
    }

    /// Whether anything is known of the connection with this client random, now or a packet later.
    pub(super) fn knows(&self, client_random: &[u8; 32]) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.by_random.contains_key(client_random)
    }

    /// A secret of the connection with this client random, as far as a packet of this time may know it.
    pub(super) fn secret(&self, client_random: &[u8; 32], label: Label, now: EventTime) -> Option<Secret> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let (since, secret) = table.by_random.get(client_random)?.0.get(label as usize)?.as_ref()?;
        (*since == EventTime::ZERO || *since < now).then(|| secret.clone())
    }
}

impl Table {
    fn put(&mut self, label: Label, client_random: [u8; 32], secret: Secret, since: EventTime, max: usize) {
        if !self.by_random.contains_key(&client_random) {
            self.make_room(max);
            self.by_age.push_back(client_random);
        }
        let entry = self.by_random.entry(client_random).or_default();
        let Some(place) = entry.0.get_mut(label as usize) else { return };
        // A log that is read again says nothing new, and takes nothing back that packets know already.
        let known = place.as_ref().is_some_and(|(_, known)| known.bytes() == secret.bytes());
        if !known {
            self.counters.taken += 1;
            *place = Some((since, secret));
        }
    }

    /// The oldest leave until there is room for one more.
    fn make_room(&mut self, max: usize) {
        while self.by_age.len() >= max {
            let Some(oldest) = self.by_age.pop_front() else { break };
            self.by_random.remove(&oldest);
            self.counters.forgotten += 1;
        }
    }
}
