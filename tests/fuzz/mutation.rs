//! Inputs made of other inputs, always the same ones: a poor relation of libFuzzer that needs nothing but a seed.

/// Numbers at which lengths and counts go wrong.
const NUMBERS: [u32; 10] = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
/// No mutation grows an input beyond this.
const BYTES_MAX: usize = 16 << 10;

/// A stream of numbers (splitmix64) that follows from its seed.
pub struct Mutator(u64);

impl Mutator {
    /// Of a name, so that each target has its own.
    pub fn new(name: &str) -> Self {
        Self(name.bytes().fold(1, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to just below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// One to four changes of an input, some with parts of another.
    pub fn mutated(&mut self, input: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, other);
        }
        bytes.truncate(BYTES_MAX);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let part = {
            let from = self.below(other.len() + 1);
            &other[from..from + self.below(other.len() - from + 1).min(400)]
        };
        match self.below(9) {
            0 => bytes.insert(at, self.number() as u8),
            1 => bytes.truncate(at),
            2 => _ = bytes.get_mut(at).map(|byte| *byte ^= 1 << (self.number() & 7)),
            3 => _ = bytes.get_mut(at).map(|byte| *byte = self.number() as u8),
            4 => _ = bytes.drain(at..at + self.below(bytes.len() - at + 1).min(40)),
            5 => _ = bytes.splice(at..at, part.iter().copied()),
            6 => {
                let end = (at + part.len()).min(bytes.len());
                bytes.splice(at..end, part.iter().copied());
            }
            7 => {
                let number = NUMBERS[self.below(NUMBERS.len())];
                let all = if self.below(2) == 0 { number.to_le_bytes() } else { number.to_be_bytes() };
                let width = 1 << self.below(3);
                let end = (at + width).min(bytes.len());
                bytes.splice(at..end, all.into_iter().take(width));
            }
            _ => {
                let again = bytes[at..at + self.below(bytes.len() - at + 1).min(200)].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}
