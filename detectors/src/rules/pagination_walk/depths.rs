//! How far the callers of one route ever went, in steps of half an octave.
//! It is told once of each caller and class, and asked how many others went as far.
//! It promises counts that only go up: whoever repeats a walk changes nothing.

use super::super::octaves;
use crate::saved::saved;
use std::ops::Range;

/// The last class of depth begins at 131,072 steps.
const LAST: u8 = 34;
const CLASSES: usize = LAST as usize + 1;

/// Callers by the depth they reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depths {
    /// How many reached each class.
    reached: [u32; CLASSES],
}

saved!(Depths { reached });

impl Default for Depths {
    fn default() -> Self {
        Self { reached: [0; CLASSES] }
    }
}

/// The others, from the view of one caller at one depth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Others {
    pub(super) all: u32,
    pub(super) as_far: u32,
}

impl Others {
    /// Whether at most this share of them went as far.
    pub(super) fn are_rare(self, percent: u8) -> bool {
        u64::from(self.as_far) * 100 <= u64::from(self.all) * u64::from(percent)
    }
}

impl Depths {
    /// One caller reached these classes for the first time.
    pub(super) fn note(&mut self, classes: Range<u8>) {
        for class in classes {
            if let Some(reached) = self.reached.get_mut(usize::from(class)) {
                *reached = reached.saturating_add(1);
            }
        }
    }

    /// How many beside one caller there are, and how many of them went as far as it did with so many steps.
    pub(super) fn others(&self, steps: u32) -> Others {
        let reached = |class: u8| self.reached.get(usize::from(class)).copied().unwrap_or(0);
        Others { all: reached(0).saturating_sub(1), as_far: reached(class(steps)).saturating_sub(1) }
    }
}

/// The class of a depth.
pub(super) fn class(steps: u32) -> u8 {
    u8::try_from(octaves::class(u64::from(steps))).map_or(LAST, |class| class.min(LAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_class_has_no_end() {
        assert_eq!((class(131_071), class(131_072), class(u32::MAX)), (33, 34, 34));
    }

    #[test]
    fn a_caller_is_none_of_the_others() {
        let mut depths = Depths::default();
        depths.note(0..class(50) + 1);
        assert_eq!((depths.others(50).all, depths.others(50).as_far), (0, 0));
        (0..100).for_each(|_| depths.note(0..1));
        depths.note(0..class(48) + 1);
        let others = depths.others(50);
        assert_eq!((others.all, others.as_far), (101, 1));
        assert!(others.are_rare(1) && !others.are_rare(0));
    }
}
