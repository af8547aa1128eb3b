//! How times or sizes are spread, as a histogram with eight steps an octave.
//! It is given whole numbers (microseconds, bytes) and gives quantiles.
//! It promises that a quantile is at most 7 % off, up to a thousand million, in less than one kilobyte.

use heelguard_detectors::saved::{Damaged, Saved};

/// Steps in each doubling; numbers below stand for themselves.
const STEPS: u64 = 1 << STEPS_LOG2;
const STEPS_LOG2: u32 = 3;
/// A number of more bits counts as the greatest of so many: 18 minutes, or a gigabyte.
const BITS_MAX: u32 = 30;
/// Places at most.
const PLACES: usize = ((BITS_MAX - STEPS_LOG2 + 1) as usize) << STEPS_LOG2;

/// Numbers by how great they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The place of the first count: an endpoint answers within a few octaves.
    from: usize,
    counts: Vec<u32>,
}

impl Saved for Spread {
    fn save(&self, out: &mut Vec<u8>) {
        self.from.save(out);
        self.counts.save(out);
    }

    fn load(bytes: &mut &[u8]) -> Result<Self, Damaged> {
        let (from, mut counts): (usize, Vec<u32>) = Saved::load(bytes)?;
        if from.checked_add(counts.len()).is_none_or(|end| end > PLACES) {
            return Err(Damaged);
        }
        counts.shrink_to_fit();
        Ok(Self { from, counts })
    }
}

impl Spread {
    /// Takes in one number.
    pub fn note(&mut self, number: u64) {
        let place = place_of(number);
        if self.counts.is_empty() {
            self.from = place;
        }
        if let Some(missing) = self.from.checked_sub(place) {
            self.counts.reserve_exact(missing);
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.from = place;
        }
        let at = place - self.from;
        if at >= self.counts.len() {
            self.counts.reserve_exact(at + 1 - self.counts.len());
            self.counts.resize(at + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
    }

    /// What it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u32>()
    }

    /// What a share of all numbers is at most; `None` where there were none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let total: u64 = self.counts.iter().copied().map(u64::from).sum();
        let wanted = (total as f64 * share).ceil().max(1.0);
        let mut sum = 0;
        let at = self.counts.iter().position(|&count| {
            sum += u64::from(count);
            sum as f64 >= wanted
        })?;
        Some(middle_of(self.from + at))
    }
}

fn place_of(number: u64) -> usize {
    let number = number.min((1 << BITS_MAX) - 1);
    if number < STEPS {
        return number as usize;
    }
    let shift = number.ilog2() - STEPS_LOG2;
    // The highest bit says the octave, the three behind it the step.
    (u64::from(shift) * STEPS + (number >> shift)) as usize
}

/// The middle of the numbers that stand at a place.
fn middle_of(place: usize) -> u64 {
    let place = place as u64;
    if place < STEPS {
        return place;
    }
    let (shift, step) = (place / STEPS - 1, place % STEPS + STEPS);
    (step << shift) + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn quantiles_are_close() {
        let mut spread = Spread::default();
        assert_eq!(spread.quantile(0.5), None);
        for number in (1..=100_000).rev() {
            spread.note(number);
        }
        for (share, expected) in [(0.5, 50_000.0), (0.95, 95_000.0), (0.99, 99_000.0), (1.0, 100_000.0)] {
            let told = spread.quantile(share).unwrap() as f64;
            assert!((told - expected).abs() <= 0.07 * expected, "{share}: {told}");
        }
    }

    #[test]
    fn every_number_has_a_place_near_it() {
        let numbers = (0..=1_000).chain((10..BITS_MAX).flat_map(|bits| {
            let power = 1_u64 << bits;
            [power - 1, power, power + power / 3, power + power / 2]
        }));
        for number in numbers {
            let told = middle_of(place_of(number));
            assert!(told.abs_diff(number) as f64 <= 0.07 * number as f64, "{number}: {told}");
        }
        assert_eq!(place_of(u64::MAX), PLACES - 1);
        assert!(middle_of(PLACES - 1) > 1_000_000_000);
    }

    #[test]
    fn no_order_of_numbers_takes_more_than_a_kilobyte() {
        let mut spread = Spread::default();
        for number in [1 << 12, 0, u64::MAX, 7, 1 << 20] {
            spread.note(number);
        }
        assert_eq!((spread.quantile(0.1), spread.quantile(0.4)), (Some(0), Some(7)));
        assert_eq!(spread.heap_bytes(), PLACES * size_of::<u32>());
        assert!(spread.heap_bytes() < 1024);
    }

    #[test]
    fn what_is_saved_goes_on_and_no_bytes_stop_it() {
        let mut spread = Spread::default();
        for number in [3, 900, 40_000] {
            spread.note(number);
        }
        let mut bytes = Vec::new();
        spread.save(&mut bytes);
        assert_eq!(Spread::load(&mut bytes.as_slice()).unwrap(), spread);
        for (from, is_sound) in [(PLACES - 1, true), (PLACES, false), (usize::MAX, false)] {
            let mut bytes = Vec::new();
            (from, vec![1_u32]).save(&mut bytes);
            assert_eq!(Spread::load(&mut bytes.as_slice()).is_ok(), is_sound, "{from}");
        }
    }
}
