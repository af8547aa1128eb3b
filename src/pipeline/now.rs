//! What only a sensor has whose traffic is read while it happens: a clock, what it measures, what the kernel counts.
//! It is told of packets now and then, and asked for both when somebody tells of them.
//! It promises that what was asked for is told once.

use super::latency::{Clock, Latencies};
use heelguard_detectors::health::Kernel;

pub(super) struct Now {
    pub(super) clock: Clock,
    /// Measured since they were last asked for.
    pub(super) latencies: Latencies,
    /// Packets since they were last told.
    kernel: Kernel,
}

impl Now {
    pub(super) fn new(clock: Clock) -> Self {
        let (latencies, kernel) = Default::default();
        Self { clock, latencies, kernel }
    }

    /// So many packets came to the kernel, and were dropped by it, since this was last told.
    pub(super) fn tell_kernel(&mut self, received: u64, dropped: u64) {
        self.kernel.received = self.kernel.received.saturating_add(received);
        self.kernel.dropped = self.kernel.dropped.saturating_add(dropped);
    }

    /// Packets so far, which are told again.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Packets so far, which are told now.
    pub(super) fn take_kernel(&mut self) -> Kernel {
        std::mem::take(&mut self.kernel)
    }

    /// What was measured since this was last asked.
    pub(super) fn take_latencies(&mut self) -> Latencies {
        std::mem::take(&mut self.latencies)
    }
}
