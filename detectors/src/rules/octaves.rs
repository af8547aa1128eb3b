//! Numbers by their half octave: 1, 2, 3, 4, 6, 8, 12 … begin a class each.
//! Shared by the rules that learn what is usual from counts of many sizes.
//! It promises that a class says a number to within a half of it, in a few bytes a class.

/// The class of a number; nothing is in the class of one.
pub(super) fn class(number: u64) -> usize {
    let octave = number.max(1).ilog2();
    let half = octave.checked_sub(1).map_or(0, |bit| number >> bit & 1);
    octave as usize * 2 + half as usize
}

/// The number that every one of the class is below; the last one ends nowhere.
pub(super) fn upper_edge(class: usize) -> u64 {
    let octave = u32::try_from(class / 2).ok().and_then(|octave| 1_u64.checked_shl(octave));
    let edge = octave.and_then(|octave| {
        if class.is_multiple_of(2) { octave.checked_add(octave / 2) } else { octave.checked_mul(2) }
    });
    edge.unwrap_or(u64::MAX)
}

/// The class of the 99th percentile of what was counted by class; `None` of nothing.
pub(super) fn percentile(counts: &[u16]) -> Option<usize> {
    let all: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let mut above = all / 100;
    for (class, &count) in counts.iter().enumerate().rev() {
        match above.checked_sub(u64::from(count)) {
            Some(rest) if count == 0 || rest > 0 => above = rest,
            _ => return (all > 0).then_some(class),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_their_numbers() {
        for number in [1, 2, 3, 4, 5, 6, 7, 8, 100, 1_000, 65_535, 65_536, 1 << 19, 1 << 40] {
            assert!(upper_edge(class(number)) >= number, "{number}");
            assert!(upper_edge(class(number)) <= number * 2, "{number}");
        }
        let begin: Vec<u64> = (1..100).filter(|&n| n == 1 || class(n) > class(n - 1)).collect();
        assert_eq!(begin, [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]);
        assert_eq!((class(0), class(u64::MAX), upper_edge(127)), (0, 127, u64::MAX));
    }

    #[test]
    fn one_in_a_hundred_is_above() {
        assert_eq!(percentile(&[0; 9]), None);
        assert_eq!(percentile(&[0, 1, 0]), Some(1));
        assert_eq!(percentile(&[0, 99, 0, 1]), Some(3));
        assert_eq!(percentile(&[0, 199, 0, 1]), Some(1));
        assert_eq!(percentile(&[0, 299, 1, 2]), Some(2));
    }
}
