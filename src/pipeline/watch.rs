//! A live sensor's look at itself: how long things take, what the kernel dropped, what the mirror does wrong.
//! It is given every counter about once a second, and moments of the machine's clock as things happen.
//! It promises that nothing of it exists in a replay, whose output is a function of its packets.

use super::eyes::Eyes;
use super::last::Last;
use super::latency::{Clock, LastMinute, Latencies, Stage, Waiting};
use super::{LiveRows, Outputs};
use crate::metrics::{Counters, QueueRow};
use heelguard_detectors::time::EventTime;
use std::time::{Duration, Instant};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Watch {
    pub(super) clock: Clock,
    waiting: Waiting,
    /// What the merge took, since it was last taken in.
    merged: Latencies,
    minute: LastMinute,
    eyes: Eyes,
    /// Packets received and dropped by the kernel, as told to the detectors.
    kernel: (u64, u64),
    /// When it began, by the clock and by one that nobody sets.
    began: (EventTime, Instant),
    asked_at: Option<Instant>,
}

impl Watch {
    /// For a wire with this MTU, where it is known.
    pub(super) fn new(clock: Clock, mtu: Option<u32>) -> Self {
        Self {
            clock,
            waiting: Waiting::default(),
            merged: Latencies::default(),
            minute: LastMinute::default(),
            eyes: Eyes::new(mtu),
            kernel: (0, 0),
            began: (clock(), Instant::now()),
            asked_at: None,
        }
    }

    /// Whether it is time for another look; then the next one is counted from now.
    pub(super) fn is_due(&mut self) -> bool {
        let is_due = self.asked_at.is_none_or(|asked_at| asked_at.elapsed() >= LOOK_EVERY);
        if is_due {
            self.asked_at = Some(Instant::now());
        }
        is_due
    }

    /// A shard has parsed a round.
    pub(super) fn parsed(&mut self, newest: EventTime, at: EventTime) {
        self.waiting.parsed(newest, at);
    }

    /// The merge has let go of everything before `watermark`.
    pub(super) fn released(&mut self, watermark: EventTime) {
        self.waiting.released(watermark, (self.clock)(), &mut self.merged);
    }

    /// Looks at all counters so far, and tells detectors and outputs what they say about the sensor.
    pub(super) fn judge(
        &mut self,
        counters: &Counters,
        mut measured: Latencies,
        queues: Vec<QueueRow>,
        last: &mut Last,
        outputs: &mut dyn Outputs,
    ) {
        // A clock that is set must not blind it.
        let (began, since) = self.began;
        let now = began.after(since.elapsed());
        measured.add(&last.latencies());
        measured.add(&std::mem::take(&mut self.merged));
        self.minute.take(&measured, now);
        last.tell_delay(self.minute.latencies().quantile(Stage::PacketToAlert, 0.99));
        let kernel = (counters.live.received, counters.live.kernel_dropped);
        last.tell_kernel(kernel.0.saturating_sub(self.kernel.0), kernel.1.saturating_sub(self.kernel.1));
        self.kernel = kernel;
        for line in self.eyes.look(counters, now) {
            outputs.tell(&line);
        }
        let (latencies, troubles) = (self.minute.rows(), self.eyes.troubles());
        outputs.live(&LiveRows { interfaces: Vec::new(), queues, latencies, troubles });
    }
}
