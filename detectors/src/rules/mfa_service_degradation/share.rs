//! Shares of what went wrong, span by span, and how much of each is more than chance.
//! It is given one thing after the other, good or bad; some turn out good later.
//! It promises a bound that a share of less than the limit passes once in forty spans (Wilson 1927, one side of 95 %).

use crate::saved::{Damaged, Saved, saved};
use crate::shown::Shown;

/// Measures there are.
const MEASURES: usize = 6;
/// The normal distribution's 97.5th percentile, squared.
const Z_SQUARED: f64 = 1.96 * 1.96;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Measure {
    /// Series of attempts that do not succeed.
    Success,
    /// Attempts that are answered late.
    Latency,
    /// Prompts that are not answered.
    Push,
    /// Assertions that are refused.
    Rejection,
    /// Wrong codes at the confirmation of a factor.
    Confirmation,
    /// Set-ups that are not confirmed.
    Registration,
}

impl Saved for Measure {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        Self::ALL.get(usize::from(u8::load(from)?)).copied().ok_or(Damaged)
    }

    fn shown(&self) -> Shown {
        Shown::word(self.name())
    }
}

impl Measure {
    pub(super) const ALL: [Self; MEASURES] =
        [Self::Success, Self::Latency, Self::Push, Self::Rejection, Self::Confirmation, Self::Registration];

    /// For facts and subjects.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Latency => "latency",
            Self::Push => "answer",
            Self::Rejection => "rejection",
            Self::Confirmation => "confirmation",
            Self::Registration => "registration",
        }
    }

    /// What the bad ones are, for messages.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Success => "series did not succeed",
            Self::Latency => "attempts were answered late",
            Self::Push => "prompts were not answered",
            Self::Rejection => "assertions were refused",
            Self::Confirmation => "confirming codes were wrong",
            Self::Registration => "set-ups were not confirmed",
        }
    }
}

/// So many bad ones of so many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    pub(super) bad: u32,
    pub(super) of: u32,
}

saved!(Share { bad, of });

impl Share {
    pub(super) fn add(&mut self, is_bad: bool) {
        self.of = self.of.saturating_add(1);
        self.bad = self.bad.saturating_add(u32::from(is_bad));
    }

    /// One of the bad turned out good.
    pub(super) fn redeem(&mut self) {
        self.bad = self.bad.saturating_sub(1);
    }

    /// One of the bad does not count at all.
    pub(super) fn withdraw(&mut self) {
        self.bad = self.bad.saturating_sub(1);
        self.of = self.of.saturating_sub(1);
    }

    pub(super) fn value(self) -> f64 {
        f64::from(self.bad) / f64::from(self.of.max(1))
    }

    /// The lower Wilson bound: the least share that is likely to have given these numbers.
    pub(super) fn least(self) -> f64 {
        let n = f64::from(self.of.max(1));
        let p = self.value();
        let centre = p + Z_SQUARED / (2.0 * n);
        let spread = (Z_SQUARED * (p * (1.0 - p) / n + Z_SQUARED / (4.0 * n * n))).sqrt();
        ((centre - spread) / (1.0 + Z_SQUARED / n)).max(0.0)
    }
}

/// One span of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    /// Counted from 1970.
    pub(super) number: u64,
    shares: [Share; MEASURES],
}

saved!(Span { number, shares });

impl Span {
    pub(super) fn of(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    pub(super) fn share(&self, measure: Measure) -> Share {
        self.shares[measure as usize]
    }

    pub(super) fn share_mut(&mut self, measure: Measure) -> &mut Share {
        &mut self.shares[measure as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_wilsons() {
        // Newcombe 1998, table I: 81 of 263 give 0.2553, 0 of 20 give 0, 15 of 148 give 0.0624.
        for (bad, of, least) in [(81, 263, 0.2553), (0, 20, 0.0), (15, 148, 0.0624)] {
            assert!((Share { bad, of }.least() - least).abs() < 5e-5, "{bad} of {of}");
        }
    }
}
