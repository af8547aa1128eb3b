//! How the interfaces are doing, for whoever asks from another thread.
//! It is given counts by the taps, each of which writes its own, and gives them added up by interface.
//! It promises that asking costs the data path nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One interface, as taps, supervisor and observers share it.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) name: String,
    up: AtomicBool,
    losses: AtomicU64,
    returns: AtomicU64,
    /// One account for each shard.
    accounts: Vec<Shown>,
}

/// What one ring came to, all its openings added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) received: u64,
    pub(super) dropped: u64,
    pub(super) freezes: u64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) truncated: u64,
    pub(super) lost: u64,
}

impl Account {
    pub(super) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.dropped += other.dropped;
        self.freezes += other.freezes;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.truncated += other.truncated;
        self.lost += other.lost;
    }

    /// Packets that the kernel has put into the ring and nobody has read yet.
    pub(super) fn waiting(&self) -> u64 {
        self.received.saturating_sub(self.dropped + self.packets + self.lost)
    }
}

#[derive(Debug, Default)]
struct Shown {
    received: AtomicU64,
    dropped: AtomicU64,
    freezes: AtomicU64,
    packets: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
}

/// How an interface is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Whether packets can come from it.
    pub up: bool,
    /// Packets that the kernel received for us, those that it dropped included.
    pub received: u64,
    /// Packets that the kernel dropped because a ring was full.
    pub dropped: u64,
    /// How often a ring was full.
    pub freezes: u64,
    /// Packets read.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Packets that were in a ring when it had to be given up.
    pub lost: u64,
    /// How often it went down or was deleted.
    pub losses: u64,
    /// How often it came back.
    pub returns: u64,
}

/// Asks how the interfaces are doing, from any thread, for as long as it likes.
#[derive(Clone, Debug)]
pub struct Observer {
    pub(super) interfaces: Arc<[Interface]>,
}

impl Observer {
    /// How each interface is doing, in the order of the configuration. The counts are a second old at most.
    pub fn statuses(&self) -> Vec<Status> {
        self.interfaces.iter().map(Interface::status).collect()
    }
}

impl Interface {
    pub(super) fn new(name: &str, shards: usize, up: bool) -> Self {
        let accounts = std::iter::repeat_with(Shown::default).take(shards).collect();
        Self { name: name.to_owned(), up: AtomicBool::new(up), accounts, ..Self::default() }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// It is down or gone. Whoever is first to see it counts it.
    pub(super) fn lose(&self) {
        if self.up.swap(false, Ordering::AcqRel) {
            self.losses.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn come_back(&self) {
        self.returns.fetch_add(1, Ordering::Relaxed);
        self.up.store(true, Ordering::Release);
    }

    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    pub(super) fn returns(&self) -> u64 {
        self.returns.load(Ordering::Relaxed)
    }

    /// Shows what a tap has counted.
    pub(super) fn show(&self, shard: usize, account: &Account) {
        let Some(shown) = self.accounts.get(shard) else { return };
        shown.received.store(account.received, Ordering::Relaxed);
        shown.dropped.store(account.dropped, Ordering::Relaxed);
        shown.freezes.store(account.freezes, Ordering::Relaxed);
        shown.packets.store(account.packets, Ordering::Relaxed);
        shown.bytes.store(account.bytes, Ordering::Relaxed);
        shown.lost.store(account.lost, Ordering::Relaxed);
    }

    fn status(&self) -> Status {
        let sum = |field: fn(&Shown) -> &AtomicU64| {
            self.accounts.iter().map(|shown| field(shown).load(Ordering::Relaxed)).sum()
        };
        Status {
            name: self.name.clone(),
            up: self.is_up(),
            received: sum(|shown| &shown.received),
            dropped: sum(|shown| &shown.dropped),
            freezes: sum(|shown| &shown.freezes),
            packets: sum(|shown| &shown.packets),
            bytes: sum(|shown| &shown.bytes),
            lost: sum(|shown| &shown.lost),
            losses: self.losses(),
            returns: self.returns(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(packets: u64) -> Account {
        Account {
            received: packets + 7,
            dropped: 4,
            freezes: 1,
            packets,
            bytes: packets * 100,
            truncated: 2,
            lost: 1,
        }
    }

    #[test]
    fn what_each_shard_shows_is_added_up_and_shown_anew_it_replaces_what_was() {
        let interface = Interface::new("eth0", 2, true);
        interface.show(0, &account(5));
        interface.show(1, &account(10));
        interface.show(0, &account(20));
        // A shard that there is not.
        interface.show(2, &account(1_000));
        let observer = Observer { interfaces: Arc::new([interface]) };
        let expected = Status {
            name: "eth0".to_owned(),
            up: true,
            received: 44,
            dropped: 8,
            freezes: 2,
            packets: 30,
            bytes: 3_000,
            lost: 2,
            losses: 0,
            returns: 0,
        };
        assert_eq!(observer.statuses(), [expected]);
    }

    #[test]
    fn what_waits_is_what_came_without_what_was_dropped_read_or_lost() {
        assert_eq!(account(5).waiting(), 2);
        // The kernel was asked before the last packet was read.
        assert_eq!(Account { received: 3, packets: 5, ..Account::default() }.waiting(), 0);
        let mut sum = account(5);
        sum.add(&account(6));
        assert_eq!((sum.waiting(), sum.truncated), (4, 4));
    }

    #[test]
    fn a_loss_that_many_see_is_one_and_counts_again_after_a_return() {
        let interface = Interface::new("eth0", 4, true);
        (0..4).for_each(|_| interface.lose());
        assert!(!interface.is_up());
        assert_eq!((interface.losses(), interface.returns()), (1, 0));
        interface.come_back();
        assert!(interface.is_up());
        interface.lose();
        assert_eq!((interface.losses(), interface.returns()), (2, 1));
        // One that was never up is not lost.
        let down = Interface::new("eth1", 4, false);
        down.lose();
        assert_eq!(down.losses(), 0);
    }
}
