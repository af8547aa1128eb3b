//! What was delivered a moment ago, as hashes: enough to notice that a retransmission says something else.
//! It is given delivered bytes and the receiver's acknowledgements, and compares later copies with them.
//! It promises that a second copy of unacknowledged bytes is found equal, or is called a conflict.
//!
//! Once the receiver has acknowledged bytes, no later copy can reach its application, so they are
//! forgotten. Bytes can be compared for whole remembered segments only: a copy that cuts through one
//! that is unacknowledged counts as a conflict, because nobody can say which version the host took.

use super::seq::{SeqNo, span};
use std::collections::VecDeque;

/// Unacknowledged segments remembered in a direction.
const UNACKED_SEGMENTS_MAX: usize = 256;
/// The same where the receiver is not seen, so nothing is ever known to be acknowledged.
const ONE_WAY_SEGMENTS_MAX: usize = 16;
/// An idle direction keeps room for so many at most.
const IDLE_SEGMENTS_MAX: usize = 16;

/// A keyed hash over payload bytes: four multiply-fold lanes, about a tenth of a nanosecond a byte.
pub(super) struct ByteHash {
    keys: [u64; 5],
}

impl ByteHash {
    pub(super) fn new(random: &ahash::RandomState) -> Self {
        Self { keys: [1u64, 2, 3, 4, 5].map(|n| random.hash_one(n)) }
    }

    fn hash(&self, bytes: &[u8]) -> u32 {
        let [mut a, mut b, mut c, mut d, key] = self.keys;
        let (blocks, rest) = bytes.as_chunks::<64>();
        for block in blocks {
            let (words, _) = block.as_chunks::<8>();
            if let &[w0, w1, w2, w3, w4, w5, w6, w7] = words {
                a = fold(a ^ u64::from_le_bytes(w0), key ^ u64::from_le_bytes(w1));
                b = fold(b ^ u64::from_le_bytes(w2), key ^ u64::from_le_bytes(w3));
                c = fold(c ^ u64::from_le_bytes(w4), key ^ u64::from_le_bytes(w5));
                d = fold(d ^ u64::from_le_bytes(w6), key ^ u64::from_le_bytes(w7));
            }
        }
        let (words, tail) = rest.as_chunks::<8>();
        for &word in words {
            a = fold(a ^ u64::from_le_bytes(word), key);
        }
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        let mixed = fold(a ^ u64::from_le_bytes(last), key ^ bytes.len() as u64)
            ^ fold(b ^ key, c.rotate_left(17) ^ d)
            ^ d.rotate_left(31);
        let hash = fold(mixed, self.keys[0] | 1);
        (hash ^ (hash >> 32)) as u32
    }
}

/// The product's two halves, folded: no input bit is lost, unlike in a plain wrapping product.
fn fold(x: u64, y: u64) -> u64 {
    let product = u128::from(x) * u128::from(y);
    (product as u64) ^ ((product >> 64) as u64)
}

/// One delivered segment.
#[derive(Clone, Copy)]
struct Delivered {
    start: SeqNo,
    len: u32,
    hash: u32,
}

/// Delivered segments of one direction that a later copy is compared with, in order.
///
/// Most messages are one segment, acknowledged before the next one comes: the first has its place here, and only
/// what follows an unacknowledged one needs memory of its own.
#[derive(Default)]
pub(super) struct Recent {
    first: Option<Delivered>,
    /// Empty where there is no first.
    #[expect(clippy::box_collection, reason = "most directions never need it, and there are very many")]
    others: Option<Box<VecDeque<Delivered>>>,
}

impl Recent {
    /// Remembers bytes that were just delivered.
    pub(super) fn remember(&mut self, start: SeqNo, bytes: &[u8], receiver_seen: bool, key: &ByteHash) {
        let limit = if receiver_seen { UNACKED_SEGMENTS_MAX } else { ONE_WAY_SEGMENTS_MAX };
        while self.len() >= limit {
            self.forget_first();
        }
        let delivered = Delivered { start, len: span(bytes.len()), hash: key.hash(bytes) };
        match self.first {
            None => self.first = Some(delivered),
            Some(_) => self.others.get_or_insert_default().push_back(delivered),
        }
    }

    /// Forgets what the receiver has acknowledged.
    pub(super) fn retire(&mut self, acked: SeqNo) {
        while self.first.is_some_and(|s| !s.start.plus(s.len).after(acked)) {
            self.forget_first();
        }
        if self
            .others
            .as_ref()
            .is_some_and(|others| others.is_empty() && others.capacity() > IDLE_SEGMENTS_MAX)
        {
            self.others = None;
        }
    }

    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }

    fn forget_first(&mut self) {
        self.first = self.others.as_mut().and_then(|others| others.pop_front());
    }

    /// Whether a copy of delivered bytes contradicts them, or may. `acked` is the receiver's word, if seen.
    pub(super) fn contradicts(
        &self,
        start: SeqNo,
        bytes: &[u8],
        acked: Option<SeqNo>,
        key: &ByteHash,
    ) -> bool {
        let end = start.plus(span(bytes.len()));
        let mut compared_to = acked.map_or(start, |acked| acked.later(start));
        for known in self.first.iter().chain(self.others.iter().flat_map(|others| others.iter())) {
            let known_end = known.start.plus(known.len);
            if !known.start.before(end) || !known_end.after(start) {
                continue;
            }
            let whole = !known.start.before(start) && !known_end.after(end);
            let from = known.start.since(start) as usize;
            let copy = bytes.get(from..).and_then(|rest| rest.get(..known.len as usize));
            match copy {
                Some(copy) if whole => {
                    if key.hash(copy) != known.hash {
                        return true;
                    }
                    if !known.start.after(compared_to) {
                        compared_to = compared_to.later(known_end);
                    }
                }
                _ => {}
            }
        }
        acked.is_some() && compared_to.before(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ByteHash {
        ByteHash { keys: [3, 5, 7, 11, 13].map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) }
    }

    fn delivered(key: &ByteHash) -> Recent {
        let mut recent = Recent::default();
        recent.remember(SeqNo(100), b"0123456789", true, key);
        recent.remember(SeqNo(110), b"abcdefghij", true, key);
        recent
    }

    #[test]
    fn equal_copies_agree_and_other_bytes_do_not() {
        let (key, acked) = (key(), Some(SeqNo(100)));
        let recent = delivered(&key);
        assert!(!recent.contradicts(SeqNo(100), b"0123456789", acked, &key));
        assert!(!recent.contradicts(SeqNo(100), b"0123456789abcdefghij", acked, &key));
        assert!(recent.contradicts(SeqNo(100), b"0123456780", acked, &key));
        assert!(recent.contradicts(SeqNo(100), b"0123456789abcdefghi_", acked, &key));
    }

    #[test]
    fn a_copy_that_cannot_be_compared_is_doubtful_until_acknowledged() {
        let key = key();
        let mut recent = delivered(&key);
        assert!(recent.contradicts(SeqNo(102), b"2345", Some(SeqNo(100)), &key));
        assert!(!recent.contradicts(SeqNo(102), b"2345", None, &key));
        recent.retire(SeqNo(110));
        assert!(!recent.contradicts(SeqNo(102), b"____", Some(SeqNo(110)), &key));
        assert!(recent.contradicts(SeqNo(112), b"cd", Some(SeqNo(110)), &key));
    }

    #[test]
    fn every_bit_of_every_length_counts() {
        let key = key();
        for len in [1usize, 7, 8, 9, 63, 64, 65, 127, 128, 200] {
            let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let hash = key.hash(&bytes);
            for bit in 0..len * 8 {
                let mut other = bytes.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(hash, key.hash(&other), "bit {bit} of {len} bytes");
            }
            assert_ne!(hash, key.hash(&[&bytes[..], &[0]].concat()), "one zero more after {len}");
        }
    }
}
