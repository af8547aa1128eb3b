//! When something happened: calls and refusals in at most `SPANS` spans of equal length.
//! It is given moments in order and lengthens its spans as time goes on: from a second, doubling.
//! It promises that a span's counts are exact, whatever the length.

use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;

/// Spans at most; so many bits has the mask of a lane.
pub const SPANS: usize = 64;

/// Counts over time.
#[derive(Clone, Debug, Default)]
pub struct Rhythm {
    /// When the first span begins, in seconds.
    start_s: u64,
    /// A span is two to this many seconds long.
    doublings: u32,
    spans: Vec<Span>,
}

/// What happened in one span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// All calls.
    pub calls: u32,
    /// Those that were refused.
    pub denied: u32,
}

saved!(Span { calls, denied });

impl Saved for Rhythm {
    fn save(&self, out: &mut Vec<u8>) {
        (self.start_s, self.doublings).save(out);
        self.spans.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let (start_s, doublings) = Saved::load(from)?;
        let spans: Vec<Span> = Saved::load(from)?;
        // No time is longer than two to the 64 seconds; more spans than masks have bits mean nothing.
        if doublings >= u64::BITS || spans.len() > SPANS {
            Err(Damaged)
        } else {
            Ok(Self { start_s, doublings, spans })
        }
    }
}

/// Where a moment was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Which span.
    pub span: usize,
    /// How often spans were joined in pairs before; masks over them must be, too.
    pub doubled: u32,
}

impl Rhythm {
    /// Notes one call.
    pub fn note(&mut self, time: EventTime, is_denied: bool) -> Beat {
        let second = time.as_secs();
        if self.spans.is_empty() {
            self.start_s = second;
        }
        // What ends earlier than the first call began belongs to it.
        let passed = second.saturating_sub(self.start_s);
        let mut doubled = 0;
        while (passed >> self.doublings) >= SPANS as u64 {
            self.doublings += 1;
            doubled += 1;
            let joined =
                self.spans.chunks(2).map(|pair| pair.iter().copied().fold(Span::default(), Span::plus));
            self.spans = joined.collect();
        }
        let span = (passed >> self.doublings) as usize;
        if self.spans.len() <= span {
            self.spans.resize(span + 1, Span::default());
        }
        let counts = &mut self.spans[span];
        counts.calls = counts.calls.saturating_add(1);
        counts.denied = counts.denied.saturating_add(u32::from(is_denied));
        Beat { span, doubled }
    }

    /// Every span from the first call to the last.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// What it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.spans.capacity() * size_of::<Span>()
    }

    /// How long a span is, in seconds.
    pub fn span_s(&self) -> u64 {
        1 << self.doublings
    }

    /// When the first span begins, and when the last one ends.
    pub fn bounds(&self) -> (EventTime, EventTime) {
        let end = self.start_s.saturating_add((self.spans.len() as u64) << self.doublings);
        (EventTime::from_secs(self.start_s), EventTime::from_secs(end))
    }
}

impl Span {
    fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            denied: self.denied.saturating_add(other.denied),
        }
    }
}

/// A mask over spans, after spans were joined in pairs so often.
pub fn halved(mask: u64, times: u32) -> u64 {
    (0..times).fold(mask, |mask, _| {
        (0..32).fold(0, |joined, bit| joined | (u64::from(mask >> (2 * bit) & 3 != 0) << bit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_double_and_lose_nothing() {
        let mut rhythm = Rhythm::default();
        let mut doubled = 0;
        for second in 0..86_400 {
            doubled += rhythm.note(EventTime::from_secs(1_000 + second), second % 10 == 0).doubled;
        }
        assert_eq!((rhythm.span_s(), rhythm.spans().len(), doubled), (2_048, 43, 11));
        let sum = rhythm.spans().iter().copied().fold(Span::default(), Span::plus);
        assert_eq!(sum, Span { calls: 86_400, denied: 8_640 });
        assert_eq!(rhythm.bounds(), (EventTime::from_secs(1_000), EventTime::from_secs(1_000 + 43 * 2_048)));
    }

    #[test]
    fn a_moment_before_the_first_and_one_at_the_end_of_time_are_taken() {
        let mut rhythm = Rhythm::default();
        assert_eq!(rhythm.note(EventTime::from_secs(50), false), Beat { span: 0, doubled: 0 });
        assert_eq!(rhythm.note(EventTime::from_secs(7), false).span, 0);
        assert!(rhythm.note(EventTime::MAX, false).span < SPANS);
        assert_eq!(rhythm.spans()[0].calls, 2);
    }

    #[test]
    fn a_mask_is_joined_like_its_spans() {
        assert_eq!(halved(0b1000_0010_0001, 1), 0b10_0101);
        assert_eq!(halved(1 << 63, 1), 1 << 31);
        assert_eq!(halved(1 << 63, 7), 1);
        assert_eq!(halved(5, 0), 5);
    }
}
