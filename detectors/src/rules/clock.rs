//! What an answer proves about the clock of the server that wrote it.
//! It is given one exchange and gives the bounds of how far that clock was ahead of the capture's.
//! It promises bounds that hold wherever on the way the sensor sits, and none where they cannot be proved.

use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Completeness, Transaction};

const NANOS_PER_S: i64 = 1_000_000_000;

/// How far a server's clock is ahead of the capture's, in nanoseconds: at least `least`, and less than `most`.
/// What is behind is ahead by a negative span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skew {
    pub(super) least: i64,
    pub(super) most: i64,
}

saved!(Skew { least, most });

impl Skew {
    /// The server looked at its clock after the request's first byte had passed the sensor and before the answer's
    /// last byte did, so it looked at a moment from `time` to `end`. `Date` is what it saw, cut to whole seconds, so
    /// it saw at least `Date` and less than a second more.
    ///
    /// The answer's first byte would be a closer bound than `end`, but when that passed is not known: `ttfb_us`
    /// counts from the request's last byte.
    pub(super) fn of(tx: &Transaction) -> Option<Self> {
        let date = tx.response.as_ref()?.date_s?.checked_mul(NANOS_PER_S)?;
        if tx.completeness != Completeness::Whole {
            return None;
        }
        let least = date.checked_sub(nanos(tx.end))?;
        let most = date.checked_add(NANOS_PER_S)?.checked_sub(nanos(tx.time))?;
        (least < most).then_some(Self { least, most })
    }

    /// What both say; `None` when no one clock can have written both.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let (least, most) = (self.least.max(other.least), self.most.min(other.most));
        (least < most).then_some(Self { least, most })
    }
}

fn nanos(time: EventTime) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::transactions;

    fn skew(words: &str) -> Option<(f64, f64)> {
        let story = format!("10:00:00.25 203.0.113.1 -> use GET /me {words}");
        let skew = Skew::of(&transactions(&story).unwrap()[0])?;
        Some((skew.least as f64 / 1e9, skew.most as f64 / 1e9))
    }

    #[test]
    fn a_date_bounds_the_clock_by_a_second_and_the_exchange() {
        assert_eq!(skew("200 clock=0s"), Some((-0.25, 0.75)));
        assert_eq!(
            skew("200 clock=0s took=2s"),
            Some((-0.25, 2.75)),
            "it may have been read two seconds ago"
        );
        assert_eq!(skew("200 clock=40s"), Some((39.75, 40.75)));
        assert_eq!(skew("200 clock=-0.5s"), Some((-1.25, -0.25)));
    }

    #[test]
    fn nothing_is_proved_by_half_an_exchange_or_none() {
        assert_eq!(skew("200"), None);
        assert_eq!(skew("200 clock=0s gap"), None);
        assert_eq!(skew("200 clock=0s truncated"), None);
    }

    #[test]
    fn two_bounds_meet_or_are_of_two_clocks() {
        let skew = |least, most| Skew { least, most };
        assert_eq!(skew(0, 10).and(skew(4, 12)), Some(skew(4, 10)));
        assert_eq!(skew(0, 10).and(skew(10, 12)), None, "the upper bound is no value of it");
    }
}
