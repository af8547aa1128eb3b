//! Who runs where: the sender has one core for itself, the listener has the others.
//! It is asked once, before there are other threads, and parts the cores that this process may use.
//! It promises nothing on a machine with one core, where both share it.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The sender's core.
#[derive(Clone, Copy)]
pub(super) struct Core(Option<CpuSet>);

impl Core {
    /// Threads and programs that the calling thread starts from now on stay away from the core that is given back.
    pub(super) fn apart() -> Self {
        let Ok(mut others) = sched_getaffinity(None) else { return Self(None) };
        let last = (0..CpuSet::MAX_CPU).rfind(|&core| others.is_set(core));
        let Some(last) = last.filter(|_| others.count() > 1) else { return Self(None) };
        others.unset(last);
        let mut own = CpuSet::new();
        own.set(last);
        // Where it is forbidden, the measurement goes on with what the scheduler makes of it.
        let _ = sched_setaffinity(None, &others);
        Self(Some(own))
    }

    /// The calling thread runs on this core.
    pub(super) fn take(self) {
        if let Some(own) = self.0 {
            // As above.
            let _ = sched_setaffinity(None, &own);
        }
    }
}
