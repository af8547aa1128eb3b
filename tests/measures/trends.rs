//! Slopes: growth is seen, noise is not, and noise that hides growth is not taken for proof of none.

use crate::trend::Trend;

/// Noise that is the same on every machine, between -1 and 1.
fn noise(at: u32) -> f64 {
    let mixed = at.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519);
    f64::from(mixed) / f64::from(u32::MAX) * 2.0 - 1.0
}

/// An hour of values, one each ten seconds; time in hours.
fn hour(value: impl Fn(f64, u32) -> f64) -> Trend {
    let points: Vec<(f64, f64)> = (0..360)
        .map(|at| {
            let time = f64::from(at) / 360.0;
            (time, value(time, at))
        })
        .collect();
    Trend::of(&points).expect("enough points")
}

#[test]
fn a_line_has_its_slope_and_no_margin() {
    let trend = hour(|time, _| 100_000.0 + 5_000.0 * time);
    assert!((trend.slope - 5_000.0).abs() < 1e-6, "{trend:?}");
    assert!(trend.margin < 1.0, "{trend:?}");
    assert!(!trend.is_flat());
}

#[test]
fn a_leak_is_seen_through_noise_that_is_as_large() {
    let trend = hour(|time, at| 100_000.0 + 2_000.0 * time + 1_000.0 * noise(at));
    assert!((trend.slope - 2_000.0).abs() < trend.margin, "{trend:?}");
    assert!(!trend.is_flat(), "{trend:?}");
}

#[test]
fn noise_alone_is_no_leak() {
    let trend = hour(|_, at| 100_000.0 + 1_000.0 * noise(at));
    assert!(trend.is_flat(), "{trend:?}");
}

#[test]
fn memory_that_swings_slowly_is_no_leak_though_its_looks_are_alike() {
    let trend = hour(|time, _| 100_000.0 + 1_000.0 * (time * 9.0).sin());
    assert!(trend.is_flat(), "{trend:?}");
}

#[test]
fn memory_that_does_not_move_is_flat() {
    let trend = hour(|_, _| 80_000.0);
    assert!(trend.slope.abs() < 1e-9 && trend.is_flat());
}

#[test]
fn two_points_are_no_trend() {
    assert_eq!(Trend::of(&[(0.0, 1.0), (1.0, 2.0)]), None);
    assert_eq!(Trend::of(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
}
