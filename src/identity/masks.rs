//! Where a letter stands in 64 bytes, as the bits of one number: who reads JSON steps from bit to bit.
//! It is given a block of a text and a question about a byte, and gives a bit for each byte of the block.
//! It promises no branch that depends on the text: comparing and gathering work on many bytes at a time.

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

/// A text in blocks. The last one is filled up with blanks.
pub(crate) struct Blocks<'a> {
    whole: &'a [[u8; BLOCK]],
    last: [u8; BLOCK],
}

impl<'a> Blocks<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Self {
        let (whole, tail) = text.as_chunks::<BLOCK>();
        let mut last = [b' '; BLOCK];
        if let Some(slots) = last.get_mut(..tail.len()) {
            slots.copy_from_slice(tail);
        }
        Self { whole, last }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8; BLOCK]> {
        self.whole.iter().chain(std::iter::once(&self.last))
    }
}

/// Bit `i` says whether `is` holds for byte `i`; it should be made of comparisons alone.
pub(crate) fn mask(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    let mut marks = block.map(|byte| if is(byte) { 0xFF } else { 0u8 });
    marks.iter_mut().zip(OWN_BIT).for_each(|(mark, bit)| *mark &= bit);
    let (words, _) = marks.as_chunks::<8>();
    // Bit `8 * j + i` speaks of byte `j` of word `i`.
    transposed(words.iter().fold(0, |bits, word| bits | u64::from_le_bytes(*word)))
}

/// Bit `i` is the parity of bits 0 to `i`: of quotes, set from an opening one up to the closing one.
pub(crate) fn prefix_xor(quotes: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].iter().fold(quotes, |bits, shift| bits ^ bits << shift)
}

/// In each word of eight bytes the words' own bit.
const OWN_BIT: [u8; BLOCK] = {
    let (mut bits, mut at) = ([0; BLOCK], 0);
    while at < BLOCK {
        bits[at] = 1 << (at / 8);
        at += 1;
    }
    bits
};

/// Rows as columns: bit `8 * i + j` for bit `8 * j + i`, by exchanging ever larger squares (Hacker's Delight 7-3).
fn transposed(bits: u64) -> u64 {
    let squares = [(7, 0x00AA_00AA_00AA_00AA), (14, 0x0000_CCCC_0000_CCCC), (28, 0x0000_0000_F0F0_F0F0)];
    squares.into_iter().fold(bits, |bits, (apart, mask)| {
        let other = (bits ^ bits >> apart) & mask;
        bits ^ other ^ other << apart
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_byte_has_its_bit(text in prop::collection::vec(prop::sample::select(b"\",x".to_vec()), 0..200)) {
            for (index, block) in Blocks::of(&text).iter().enumerate() {
                let bits = mask(block, |byte| byte == b'"');
                for (at, byte) in (index * BLOCK..).zip(block) {
                    prop_assert_eq!(bits >> (at % BLOCK) & 1 == 1, *byte == b'"');
                    prop_assert_eq!(*byte, text.get(at).copied().unwrap_or(b' '));
                }
            }
        }

        #[test]
        fn what_is_quoted_lies_between_two_bits(quotes: u64) {
            let inside = prefix_xor(quotes);
            for at in 0..64 {
                let upto = quotes << (63 - at);
                prop_assert_eq!(inside >> at & 1, u64::from(upto.count_ones() % 2));
            }
        }
    }
}
