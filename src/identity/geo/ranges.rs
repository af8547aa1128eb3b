//! Sorted address ranges with a number each, found in a few steps.
//! It is given range starts in rising order and keeps them as two plain arrays and an index over the leading bits.
//! It promises an answer for every address within some eight comparisons, without allocating.

/// How many slots the index has: the leading 16 bits of the space.
const SLOTS: u64 = 1 << 16;

/// Ranges over one address space. Range `i` runs from `starts[i]` to just before `starts[i + 1]`.
///
/// `starts` rises strictly, `values` is as long, and `slots` holds for each 16-bit prefix how many
/// starts lie before it, with a closing entry.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    first: u64,
    slot_bits: u32,
    starts: Vec<u64>,
    values: Vec<u32>,
    slots: Vec<u32>,
}

impl Ranges {
    /// Over the space of `SLOTS << slot_bits` addresses that begins at `first`.
    /// None when the starts do not rise, leave the space, or do not pair with the values.
    pub(super) fn new(first: u64, slot_bits: u32, starts: Vec<u64>, values: Vec<u32>) -> Option<Self> {
        let rising = starts.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = |start: &u64| start.checked_sub(first).is_some_and(|offset| offset >> slot_bits < SLOTS);
        if !rising || !starts.iter().all(inside) || starts.len() != values.len() {
            return None;
        }
        let mut slots = Vec::with_capacity(SLOTS as usize + 1);
        let mut before = 0;
        for slot in 0..SLOTS {
            let from = first + (slot << slot_bits);
            while starts.get(before).is_some_and(|&start| start < from) {
                before += 1;
            }
            slots.push(u32::try_from(before).ok()?);
        }
        slots.push(u32::try_from(starts.len()).ok()?);
        Some(Self { first, slot_bits, starts, values, slots })
    }

    /// The value of the range that `address` is in; none outside the space or before the first start.
    pub(super) fn find(&self, address: u64) -> Option<u32> {
        let slot = usize::try_from(address.checked_sub(self.first)? >> self.slot_bits).ok()?;
        let from = *self.slots.get(slot)? as usize;
        let to = *self.slots.get(slot + 1)? as usize;
        let begun = from + self.starts.get(from..to)?.partition_point(|&start| start <= address);
        self.values.get(begun.checked_sub(1)?).copied()
    }

    /// Every range as its first address and its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        self.starts.iter().copied().zip(self.values.iter().copied())
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;

    #[test]
    fn both_edges_of_a_range() {
        let ranges = Ranges::new(0, 16, vec![0x0100_0000, 0x0100_0100, 0x0200_8000], vec![1, 2, 0]).unwrap();
        let found =
            [0x00ff_ffff, 0x0100_0000, 0x0100_00ff, 0x0100_0100, 0x0200_7fff, 0x0200_8000, 0xffff_ffff];
        assert_eq!(
            found.map(|address| ranges.find(address)),
            [None, Some(1), Some(1), Some(2), Some(2), Some(0), Some(0)]
        );
        assert_eq!(ranges.find(1 << 32), None, "outside the space");
    }

    #[test]
    fn starts_that_cannot_be_are_refused() {
        assert!(Ranges::new(0, 16, vec![5, 5], vec![1, 2]).is_none(), "not rising");
        assert!(Ranges::new(0, 16, vec![5, 6], vec![1]).is_none(), "unpaired");
        assert!(Ranges::new(10, 16, vec![5], vec![1]).is_none(), "before the space");
        assert!(Ranges::new(0, 16, vec![1 << 32], vec![1]).is_none(), "after the space");
    }
}
