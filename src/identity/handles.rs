//! What was handed out, to whom, and with what proof: sessions, tokens, tickets, codes and keys by fingerprint.
//! It is given bindings in event order and gives them back when the handle is presented.
//! It promises a bounded table: the handle not used for longest leaves first, and is counted.

use super::accounts::AccountId;
use super::clues::HandleKind;
use ahash::RandomState;
use heelguard_detectors::identity::{Factor, Fingerprint, ProofLevel};
use heelguard_detectors::time::EventTime;
use std::collections::{HashMap, VecDeque};

/// What a handle stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    pub(super) account: AccountId,
    pub(super) kind: HandleKind,
    pub(super) level: ProofLevel,
    pub(super) factor: Option<Factor>,
    pub(super) mfa_at: Option<EventTime>,
}

struct Entry {
    binding: Binding,
    /// Used since the eviction hand last passed (CLOCK).
    used: bool,
}

/// All handles, bounded.
pub(super) struct Handles {
    table: HashMap<Fingerprint, Entry, RandomState>,
    clock: VecDeque<Fingerprint>,
    handles_max: usize,
    pub(super) evicted: u64,
}

impl Handles {
    pub(super) fn new(handles_max: usize) -> Self {
        Self {
            table: HashMap::default(),
            clock: VecDeque::new(),
            handles_max: handles_max.max(1),
            evicted: 0,
        }
    }

    pub(super) fn get(&mut self, fingerprint: Fingerprint) -> Option<Binding> {
        let entry = self.table.get_mut(&fingerprint)?;
        entry.used = true;
        Some(entry.binding)
    }

    /// Binds a handle, or binds it anew.
    pub(super) fn bind(&mut self, fingerprint: Fingerprint, binding: Binding) {
        if let Some(entry) = self.table.get_mut(&fingerprint) {
            *entry = Entry { binding, used: true };
            return;
        }
        while self.table.len() >= self.handles_max {
            self.evict_one();
        }
        self.table.insert(fingerprint, Entry { binding, used: false });
        self.clock.push_back(fingerprint);
    }

    /// Second chance: what was used since the hand last passed goes to the back once.
    fn evict_one(&mut self) {
        while let Some(candidate) = self.clock.pop_front() {
            match self.table.get_mut(&candidate) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.clock.push_back(candidate);
                }
                _ => {
                    self.table.remove(&candidate);
                    self.evicted += 1;
                    return;
                }
            }
        }
    }
}
