//! How much the handlers of all flows keep of messages that are not whole, or wait for their answers.
//! It is told what each flow keeps whenever that may have changed.
//! It promises the exact sum, and of those who keep much the one that has done so for longest.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// From here on a flow keeps much: an ordinary request is shorter.
const MUCH_BYTES: usize = 4_096;

/// The sum, and who keeps much.
pub(super) struct Keepers {
    pub(super) bytes: usize,
    /// In the order in which it became much.
    much: BTreeMap<NonZeroU64, u32>,
    ever: NonZeroU64,
}

/// What is noted of one flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    bytes: u32,
    /// Its entry among those who keep much.
    place: Option<NonZeroU64>,
}

impl Keepers {
    pub(super) fn new() -> Self {
        Self { bytes: 0, much: BTreeMap::new(), ever: NonZeroU64::MIN }
    }

    /// The flow with this number keeps so many bytes now; whether that is more than before.
    pub(super) fn note(&mut self, id: u32, kept: &mut Kept, bytes: usize) -> bool {
        if bytes == kept.bytes as usize {
            return false;
        }
        let before = std::mem::replace(&mut kept.bytes, u32::try_from(bytes).unwrap_or(u32::MAX));
        self.bytes = self.bytes - before as usize + kept.bytes as usize;
        match kept.place {
            None if bytes >= MUCH_BYTES => {
                self.ever = self.ever.saturating_add(1);
                kept.place = Some(self.ever);
                self.much.insert(self.ever, id);
            }
            Some(place) if bytes < MUCH_BYTES => {
                kept.place = None;
                self.much.remove(&place);
            }
            _ => {}
        }
        kept.bytes > before
    }

    /// A flow is over.
    pub(super) fn leave(&mut self, kept: Kept) {
        self.bytes -= kept.bytes as usize;
        if let Some(place) = kept.place {
            self.much.remove(&place);
        }
    }

    /// The flow that has kept much for longest.
    pub(super) fn longest(&self) -> Option<u32> {
        self.much.first_key_value().map(|(_, &id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_exact_and_the_longest_goes_first() {
        let mut keepers = Keepers::new();
        let mut flows = [Kept::default(); 3];
        for (id, bytes) in [(0, 100), (1, 5_000), (2, 4_096), (1, 9_000), (2, 4_095), (0, 8_000)] {
            keepers.note(id, &mut flows[id as usize], bytes);
        }
        assert_eq!((keepers.bytes, keepers.longest()), (21_095, Some(1)));
        keepers.leave(flows[1]);
        assert_eq!((keepers.bytes, keepers.longest()), (12_095, Some(0)));
        keepers.leave(flows[0]);
        keepers.leave(flows[2]);
        assert_eq!((keepers.bytes, keepers.longest()), (0, None));
    }
}
