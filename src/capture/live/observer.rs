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
