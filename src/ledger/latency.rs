//! How long answers took, as a histogram with eight steps an octave.
//! It is given microseconds and gives quantiles.
//! It promises that a quantile is at most 7 % off, from 64 µs to two minutes, in one kilobyte.

/// Steps in each doubling.
const STEPS: u32 = 8;
/// Shorter times count as this: two to the sixth microseconds.
const LOWEST_LOG2: u32 = 6;
/// Two minutes and a little.
const OCTAVES: u32 = 21;

/// Times to the first byte of answers.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    counts: Vec<u32>,
    total: u64,
}

impl Latency {
    /// Takes in one time.
    pub fn note(&mut self, micros: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; (STEPS * OCTAVES) as usize];
        }
        let place = place_of(micros);
        self.counts[place] = self.counts[place].saturating_add(1);
        self.total += 1;
    }

    /// What it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u32>()
    }

    /// The time that a share of all answers took at most, in microseconds; `None` where there were none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (self.total as f64 * share).ceil().max(1.0);
        let mut sum = 0;
        let place = self.counts.iter().position(|&count| {
            sum += u64::from(count);
            count > 0 && sum as f64 >= wanted
        })?;
        Some(middle_of(place))
    }
}

fn place_of(micros: u64) -> usize {
    let micros = micros.max(1 << LOWEST_LOG2);
    let log2 = micros.ilog2();
    let step = (micros - (1 << log2)) >> (log2 - STEPS.ilog2());
    let place = u64::from(log2 - LOWEST_LOG2) * u64::from(STEPS) + step;
    place.min(u64::from(STEPS * OCTAVES) - 1) as usize
}

/// The middle of the times that stand at a place.
fn middle_of(place: usize) -> u64 {
    let (octave, step) = (place as u32 / STEPS + LOWEST_LOG2, place as u64 % u64::from(STEPS));
    let width = 1_u64 << (octave - STEPS.ilog2());
    (1 << octave) + step * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_close() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        for micros in 1..=100_000 {
            latency.note(micros);
        }
        for (share, expected) in [(0.5, 50_000.0), (0.95, 95_000.0), (0.99, 99_000.0), (1.0, 100_000.0)] {
            let told = latency.quantile(share).unwrap() as f64;
            assert!((told - expected).abs() <= 0.07 * expected, "{share}: {told}");
        }
    }

    #[test]
    fn no_time_is_out_of_range() {
        let mut latency = Latency::default();
        for micros in [0, 1, 63, 64, u64::MAX] {
            latency.note(micros);
        }
        assert_eq!(latency.quantile(0.01), Some(68));
        assert!(latency.quantile(1.0).unwrap() > 120_000_000);
    }
}
