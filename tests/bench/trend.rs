//! Whether something grows: a line through measurements, and how sure it is.
//! It is given times and values and gives a slope with the margin that chance alone would explain.
//! It promises to heed that measurements soon after each other are alike, which makes a margin wider.

/// Twice the standard error: what chance stays within nineteen times of twenty.
const STANDARD_ERRORS: f64 = 2.0;
/// Growth of less than this part of the whole, over all the time, is none.
const PART_MIN: f64 = 0.002;

/// A line through measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trend {
    /// Values per unit of time.
    pub slope: f64,
    /// How far the slope may be from the truth.
    pub margin: f64,
    /// The mean value, and the time from first to last.
    pub mean: f64,
    pub span: f64,
}

impl Trend {
    /// Least squares; `None` for fewer than three points or no time between them.
    pub(crate) fn of(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let (first, last) = (points.first()?.0, points.last()?.0);
        if points.len() < 3 || last <= first {
            return None;
        }
        let mean_of = |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>() / count;
        let (mean_time, mean) = (mean_of(|point| point.0), mean_of(|point| point.1));
        let spread: f64 = points.iter().map(|(time, _)| (time - mean_time).powi(2)).sum();
        let slope =
            points.iter().map(|(time, value)| (time - mean_time) * (value - mean)).sum::<f64>() / spread;
        let rest: Vec<f64> =
            points.iter().map(|(time, value)| value - mean - slope * (time - mean_time)).collect();
        let squares: f64 = rest.iter().map(|rest| rest * rest).sum();
        let alike = if squares > 0.0 {
            rest.windows(2).map(|pair| pair.iter().product::<f64>()).sum::<f64>() / squares
        } else {
            0.0
        };
        let alike = alike.clamp(0.0, 0.98);
        // Of measurements that are alike only this many say something new.
        let effective = (count * (1.0 - alike) / (1.0 + alike)).max(3.0);
        let variance = squares / (effective - 2.0).max(1.0);
        let margin = STANDARD_ERRORS * (variance / (spread * effective / count)).sqrt();
        Some(Self { slope, margin, mean, span: last - first })
    }

    /// Whether it is no trend: within chance, or too small to matter.
    pub(crate) fn is_flat(&self) -> bool {
        self.slope.abs() <= self.margin || (self.slope * self.span).abs() <= PART_MIN * self.mean.abs()
    }
}
