//! Mistakes that tests put into the spool, to see that they would be found.

use std::cell::Cell;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Fault {
    /// What is handed out is saved as acknowledged.
    AckEarly,
    /// A sync that failed is taken for one that did not.
    BelieveSync,
    /// A segment goes before the positions that allow it are on disk.
    UnlinkFirst,
    /// The length in a damaged record is believed.
    TrustLength,
}

thread_local! {
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Whether this thread makes the mistake.
pub(in super::super) fn is(fault: Fault) -> bool {
    FAULT.get() == Some(fault)
}

/// Makes the mistake while `work` runs.
pub(in super::super) fn with<T>(fault: Option<Fault>, work: impl FnOnce() -> T) -> T {
    FAULT.set(fault);
    let done = work();
    FAULT.set(None);
    done
}
