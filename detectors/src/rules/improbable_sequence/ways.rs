//! Where people go from one route, and how often.
//! It is told each step and says whether it is an odd one.
//! It promises 32 ways at most: of more, the least taken gives way, and counts as taken all the same.

use crate::saved::saved;

/// Ways that are remembered of one route.
const WAYS_MAX: usize = 32;
/// Steps that must be known before one can be odd.
const STEPS_MIN: u32 = 100;
/// From here on all counts are halved: what was long ago weighs less.
const STEPS_MAX: u32 = 100_000;

/// The ways from one route.
#[derive(Debug, Default)]
pub(super) struct Ways {
    steps: u32,
    /// Marks of routes, and how often each was next.
    next: Vec<(u64, u32)>,
}

saved!(Ways { steps, next });

impl Ways {
    /// Notes a step. Whether it was odd: it and all that are no likelier are less than so many per cent; nothing while too
    /// little is known.
    pub(super) fn step(&mut self, to: u64, odd_pct: u8) -> Option<bool> {
        let is_odd = (self.steps >= STEPS_MIN).then(|| self.is_odd(to, odd_pct));
        self.learn(to);
        is_odd
    }

    fn is_odd(&self, to: u64, odd_pct: u8) -> bool {
        let taken = self.next.iter().find(|(route, _)| *route == to).map_or(0, |(_, count)| *count);
        let likelier: u64 =
            self.next.iter().filter(|(_, count)| *count > taken).map(|(_, count)| u64::from(*count)).sum();
        let no_likelier = u64::from(self.steps).saturating_sub(likelier);
        no_likelier * 100 < u64::from(self.steps) * u64::from(odd_pct)
    }

    fn learn(&mut self, to: u64) {
        self.steps = self.steps.saturating_add(1);
        if let Some((_, count)) = self.next.iter_mut().find(|(route, _)| *route == to) {
            *count = count.saturating_add(1);
        } else {
            self.make_room();
            self.next.push((to, 1));
        }
        if self.steps >= STEPS_MAX {
            self.steps /= 2;
            self.next.iter_mut().for_each(|(_, count)| *count /= 2);
        }
    }

    fn make_room(&mut self) {
        let least = self.next.iter().enumerate().min_by_key(|(_, (_, count))| *count);
        if let Some((place, _)) = least.filter(|_| self.next.len() >= WAYS_MAX) {
            self.next.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(counts: &[(u64, u32)]) -> Ways {
        let mut ways = Ways::default();
        for &(to, times) in counts {
            (0..times).for_each(|_| ways.learn(to));
        }
        ways
    }

    #[test]
    fn odd_is_what_is_rare_with_all_that_is_as_rare() {
        let ways_of = ways(&[(1, 500), (2, 460), (3, 30), (4, 10)]);
        let odd: Vec<bool> = [1, 2, 3, 4, 5].iter().map(|&to| ways_of.is_odd(to, 5)).collect();
        assert_eq!(odd, [false, false, true, true, true]);
        // Five in a hundred are not less than that.
        assert!(!ways(&[(1, 950), (2, 50)]).is_odd(2, 5) && ways(&[(1, 951), (2, 49)]).is_odd(2, 5));
        // Of a page that leads to fifty none is odd, though each is rare.
        let many: Vec<(u64, u32)> = (0..30).map(|to| (to, 10)).collect();
        assert!((0..30).all(|to| !ways(&many).is_odd(to, 5)));
    }

    #[test]
    fn little_is_known_at_first_and_old_steps_weigh_less() {
        assert_eq!(ways(&[(1, 99)]).step(2, 5), None);
        assert_eq!(ways(&[(1, 100)]).step(2, 5), Some(true));
        assert_eq!(ways(&[(1, STEPS_MAX)]).steps, STEPS_MAX / 2);
        assert_eq!(ways(&(0..200).map(|to| (to, 3)).collect::<Vec<_>>()).next.len(), WAYS_MAX);
    }
}
