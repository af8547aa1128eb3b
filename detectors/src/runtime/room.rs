//! How many keys all rules may hold together: nobody can fill the tables of all of them at one time.
//! It looks at one detector after the other, when that is told the time, and keeps the sum.
//! It promises that a rule with its equal part of the room or less gives nothing up for others.

use crate::detector::Detector;

/// Keys that one look may take away; so many transactions come between two looks at most as there are rules.
const SHED_MAX: usize = 1_024;

/// The sum of what was seen at the last look at each.
#[derive(Debug)]
pub(super) struct Room {
    held: Vec<usize>,
    sum: usize,
    keys_max: usize,
}

impl Room {
    /// For so many detectors.
    pub(super) fn new(detectors: usize, keys_max: usize) -> Self {
        Self { held: vec![0; detectors], sum: 0, keys_max }
    }

    /// Whether what is held is all there is room for, or nearly.
    pub(super) fn is_full(&self) -> bool {
        self.sum + SHED_MAX >= self.keys_max
    }

    /// Looks at the detector of this place; takes keys from it while there are too many and it has more than its part.
    pub(super) fn look_at(&mut self, place: usize, detector: &mut dyn Detector) {
        let part = self.keys_max / self.held.len().max(1);
        let Some(held) = self.held.get_mut(place) else { return };
        let keys = detector.keys();
        self.sum = self.sum - *held + keys;
        let beyond = self.sum.saturating_sub(self.keys_max).min(keys.saturating_sub(part)).min(SHED_MAX);
        if beyond > 0 {
            detector.shed(beyond);
        }
        *held = detector.keys();
        self.sum = self.sum - keys + *held;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::Findings;
    use crate::time::EventTime;
    use crate::transaction::Transaction;

    /// Holds so many keys.
    struct Holder(usize);

    impl Detector for Holder {
        fn observe(&mut self, _: &Transaction, _: &mut Findings<'_>) {}

        fn advance(&mut self, _: EventTime) {}

        fn evicted(&self) -> u64 {
            0
        }

        fn keys(&self) -> usize {
            self.0
        }

        fn shed(&mut self, keys: usize) {
            self.0 -= keys;
        }

        fn save(&self, _: &mut crate::slice::Slice<'_>) {}

        fn load(&mut self, _: &mut &[u8]) -> Result<(), crate::saved::Damaged> {
            Ok(())
        }
    }

    /// What each holds after so many rounds.
    fn after(rounds: usize, keys_max: usize, holds: [usize; 4]) -> [usize; 4] {
        let (mut room, mut holders) = (Room::new(4, keys_max), holds.map(Holder));
        for _ in 0..rounds {
            for (place, holder) in holders.iter_mut().enumerate() {
                room.look_at(place, holder);
            }
        }
        holders.map(|holder| holder.0)
    }

    #[test]
    fn while_there_is_room_nobody_gives_anything_up() {
        assert_eq!(after(3, 4_000, [4_000, 0, 0, 0]), [4_000, 0, 0, 0]);
    }

    #[test]
    fn who_holds_more_than_its_part_gives_up_and_nobody_else() {
        assert_eq!(after(9, 4_000, [3_500, 900, 0, 1_000]), [2_100, 900, 0, 1_000]);
        assert_eq!(after(9, 4_000, [3_500, 3_500, 3_500, 3_500]), [1_000; 4]);
    }

    #[test]
    fn one_look_takes_so_many_and_no_more() {
        assert_eq!(after(1, 40, [9_000, 0, 0, 0]), [9_000 - SHED_MAX, 0, 0, 0]);
    }
}
