//! Mistakes that tests put into the spool, to see that they would be found.
//! Unit tests put them into a thread; the kill loop, which needs a whole process that errs, names one in
//! `HEELGUARD_SEEDED_BUG`, which only a build with the feature `seeded-bugs` reads.

#[cfg(test)]
use std::cell::Cell;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing is synced.
    NoSync,
    /// What is handed out is saved as acknowledged.
    AckEarly,
    /// A sync that failed is taken for one that did not.
    BelieveSync,
    /// A segment goes before the positions that allow it are on disk.
    UnlinkFirst,
    /// The length in a damaged record is believed.
    TrustLength,
}

#[cfg(test)]
thread_local! {
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Whether this thread makes the mistake.
#[cfg(test)]
pub(super) fn is(fault: Fault) -> bool {
    FAULT.get() == Some(fault)
}

/// Makes the mistake while `work` runs.
#[cfg(test)]
pub(super) fn with<T>(fault: Option<Fault>, work: impl FnOnce() -> T) -> T {
    FAULT.set(fault);
    let done = work();
    FAULT.set(None);
    done
}

/// Whether this process makes the mistake.
#[cfg(not(test))]
pub(super) fn is(fault: Fault) -> bool {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let name = NAME.get_or_init(|| std::env::var("HEELGUARD_SEEDED_BUG").unwrap_or_default());
    let wanted = match fault {
        Fault::NoSync => "no_fsync",
        Fault::AckEarly => "acknowledge_early",
        Fault::UnlinkFirst => "unlink_first",
        Fault::BelieveSync => "believe_sync",
        Fault::TrustLength => "trust_length",
    };
    name == wanted
}
