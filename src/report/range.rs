//! The period of a report: from a moment on, up to another.
//! It is given moments as people write them: `2026-11-21`, `2026-11-21T10:03:00Z`.
//! It promises that the first moment is inside and the second is not, so that two periods in a row count nothing twice.

use heelguard_detectors::time::EventTime;

/// A period; without a bound it is open there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The first moment inside.
    pub from: Option<EventTime>,
    /// The first moment behind it.
    pub to: Option<EventTime>,
}

impl Range {
    /// Whether nothing is cut.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a moment is inside.
    pub fn holds(&self, time: EventTime) -> bool {
        self.meets(time, time)
    }

    /// Whether something that lasted from `first` to `last` was there in this period.
    pub fn meets(&self, first: EventTime, last: EventTime) -> bool {
        self.from.is_none_or(|from| last >= from) && self.to.is_none_or(|to| first < to)
    }
}

/// A day, or a moment in UTC.
pub fn moment(text: &str) -> Result<EventTime, String> {
    let is_day = text.len() == "2026-11-21".len();
    let full = if is_day { format!("{text}T00:00:00Z") } else { text.to_owned() };
    EventTime::parse(&full)
        .ok_or_else(|| format!("`{text}` is no moment in UTC such as 2026-11-21 or 2026-11-21T10:03:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_first_moment_and_anything_else_is_refused_with_what_is_wanted() {
        assert_eq!(moment("1970-01-02"), Ok(EventTime::from_secs(86_400)));
        assert_eq!(moment("1970-01-02T00:00:00.000001Z"), Ok(EventTime::from_micros(86_400_000_001)));
        assert_eq!(moment("1970-01-02 01:00:00"), Ok(EventTime::from_secs(90_000)));
        for wrong in
            ["", "yesterday", "2026-13-01", "2026-11-21T10", "1969-12-31", "9999-01-01", "2026-1-1234"]
        {
            assert!(moment(wrong).unwrap_err().contains("such as 2026-11-21"), "{wrong}");
        }
    }

    #[test]
    fn the_first_moment_is_inside_and_the_last_is_not() {
        let at = EventTime::from_secs;
        let range = Range { from: Some(at(10)), to: Some(at(20)) };
        let inside: Vec<u64> = (8..23).filter(|second| range.holds(at(*second))).collect();
        assert_eq!(inside, (10..20).collect::<Vec<_>>());
        assert!(range.meets(at(1), at(10)) && range.meets(at(19), at(99)) && range.meets(at(1), at(99)));
        assert!(!range.meets(at(1), at(9)) && !range.meets(at(20), at(99)));
        assert!(Range::default().is_open() && Range::default().holds(EventTime::MAX));
    }
}
