//! What time it is for a tap, by the clock of its packets.
//! It is given packets' times with moments by which they had come, and gives times for packets and for silence.
//! It promises times that never go back.

use heelguard_detectors::time::EventTime;
use std::time::{Duration, Instant, SystemTime};

/// A block that is not full is handed over after so long.
pub(super) const RETIRE_MS: u32 = 50;
/// After so long whatever came before has been handed over.
pub(super) const SETTLED: Duration = Duration::from_millis(RETIRE_MS as u64 + 10);

/// The present of one tap.
#[derive(Debug, Default)]
pub(super) struct Present {
    /// The latest time that was given.
    last: EventTime,
    /// A packet's time, and a moment by which it had come: the packets' clock may not be the system's.
    anchor: Option<(EventTime, Instant)>,
}

impl Present {
    pub(super) fn last(&self) -> EventTime {
        self.last
    }

    /// The time to be given to a packet that had come by `since`.
    #[inline]
    pub(super) fn packet(&mut self, time: EventTime, since: Instant) -> EventTime {
        self.anchor = Some((time, since));
        self.last = self.last.max(time);
        self.last
    }

    /// The time before which nothing comes any more, given that nothing is waiting: whatever comes is younger than
    /// the kernel may hold it back.
    pub(super) fn quiet(&mut self) -> EventTime {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let now = match self.anchor {
            Some((time, at)) => time.as_nanos().saturating_add(nanos(at.elapsed())),
            None => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, nanos),
        };
        self.last = self.last.max(EventTime::from_nanos(now.saturating_sub(nanos(SETTLED))));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_goes_on_from_the_last_packet_by_its_own_clock() {
        let mut present = Present::default();
        let ago = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        // A card whose clock began at zero.
        assert_eq!(present.packet(EventTime::from_secs(100), ago), EventTime::from_secs(100));
        let quiet = present.quiet();
        assert!(quiet >= EventTime::from_micros(109_900_000) && quiet < EventTime::from_secs(115), "{quiet:?}");
        assert_eq!(present.packet(EventTime::from_secs(101), Instant::now()), quiet, "time does not go back");
    }

    #[test]
    fn before_the_first_packet_it_is_the_systems_time() {
        let quiet = Present::default().quiet();
        assert!(quiet > EventTime::from_secs(1_700_000_000), "{quiet:?}");
    }
}
