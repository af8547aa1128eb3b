//! How long to leave a far side alone after trouble: longer each time, never all sensors at the same moment.
//! It is given the number of tries by being asked, and a seed.
//! It promises waits between half and all of a doubling span, one second at first and a minute at most.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// What a far side may ask for in `Retry-After`; beyond that it is asked again.
const ASKED_MAX: Duration = Duration::from_mins(15);

/// The waits of one worker.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    span: Duration,
    random: u64,
}

impl Backoff {
    /// Waits whose spread depends on the seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { span: FIRST, random: seed | 1 }
    }

    /// All is well again: the next trouble begins with a short wait.
    pub(super) fn reset(&mut self) {
        self.span = FIRST;
    }

    /// The next wait; what the far side asked for is the least of it.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let half = self.span / 2;
        // Xorshift: where in the span is of no interest to anybody, as long as it differs.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let part = (self.random >> 40) as u32;
        let wait = half + half.mul_f64(f64::from(part) / f64::from(1_u32 << 24));
        self.span = (self.span * 2).min(LONGEST);
        wait.max(asked.unwrap_or_default().min(ASKED_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_differ_between_sensors() {
        let (mut one, mut other) = (Backoff::new(17), Backoff::new(4_711));
        let mut span = FIRST;
        let mut same = 0;
        for _ in 0..20 {
            let (a, b) = (one.next(None), other.next(None));
            assert!(a >= span / 2 && a <= span, "{a:?} of {span:?}");
            same += usize::from(a == b);
            span = (span * 2).min(LONGEST);
        }
        assert!(same < 3);
        one.reset();
        assert!(one.next(None) <= FIRST);
    }

    #[test]
    fn a_far_side_may_ask_for_more_but_not_for_ever() {
        let mut backoff = Backoff::new(1);
        assert_eq!(backoff.next(Some(Duration::from_secs(30))), Duration::from_secs(30));
        assert_eq!(backoff.next(Some(Duration::from_secs(1_000_000))), ASKED_MAX);
    }
}
