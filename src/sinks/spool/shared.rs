//! What callers, readers and the committer hold together: the state, the disk beneath it, and two bells.
//! It is given by whoever opens a spool and lives as long as anybody uses it.
//! It promises that a panic elsewhere does not take the spool with it.
#![expect(clippy::disallowed_types, reason = "one lock that is held for a copy in memory, never for a disk")]

use super::disk::Disk;
use super::state::State;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Everything that is used from several threads.
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) disk: Box<dyn Disk>,
    /// The spool's id: random, made once.
    pub(super) spool: u128,
    /// How long a record waits for others to be written with.
    pub(super) commit_every: Duration,
    /// There is work for the committer.
    pub(super) work: Condvar,
    /// Something became visible, durable, free or wrong.
    pub(super) news: Condvar,
}

/// The state, for as long as it is held.
pub(super) type Guard<'a> = MutexGuard<'a, State>;

impl Shared {
    pub(super) fn new(state: State, disk: Box<dyn Disk>, spool: u128, commit_every: Duration) -> Self {
        let (work, news) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), disk, spool, commit_every, work, news }
    }

    pub(super) fn lock(&self) -> Guard<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody who waits that something has changed.
    pub(super) fn ring(&self) {
        self.lock().rings += 1;
        self.news.notify_all();
    }

    /// Sleeps until a bell rings, at most for a time.
    pub(super) fn wait<'a>(bell: &Condvar, state: Guard<'a>, for_at_most: Duration) -> Guard<'a> {
        bell.wait_timeout(state, for_at_most).unwrap_or_else(PoisonError::into_inner).0
    }
}
