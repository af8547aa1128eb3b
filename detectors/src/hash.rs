//! A hash that never changes: SipHash-2-4 with 128 bits of output under a fixed key.
//! Alert ids and sketches are made with it, so they agree between runs, machines and versions.
//! It promises nothing against someone who wants collisions: tables fed by the wire use a keyed hash of their own.

/// The key is public and part of the format: a change would change every alert id.
const KEY: (u64, u64) = (0x6865_656c_6775_6172, 0x6420_616c_6572_7431);

/// SipHash-2-4-128 (Aumasson and Bernstein 2012, reference implementation), fed piece by piece.
#[derive(Clone, Debug)]
pub struct StableHasher {
    v: [u64; 4],
    /// Bytes that do not fill a word yet, the first one lowest.
    tail: u64,
    /// Bytes fed so far; modulo 8, those in `tail`.
    length: u64,
}

impl Default for StableHasher {
    fn default() -> Self {
        Self::with_key(KEY.0, KEY.1)
    }
}

impl StableHasher {
    /// The 128-bit hash of `parts`, each set off by its length so that moving a border changes the hash.
    pub fn of_parts(parts: &[&[u8]]) -> u128 {
        let mut hasher = Self::default();
        for part in parts {
            hasher.write_word(part.len() as u64);
            hasher.write(part);
        }
        hasher.finish()
    }

    /// Feeds bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.write_word(u64::from_le_bytes(*word));
        }
        let held = self.length % 8;
        let word = rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        self.length = self.length.wrapping_add(rest.len() as u64);
        self.tail |= word << (8 * held);
        if held + rest.len() as u64 >= 8 {
            self.absorb(self.tail);
            // Something was held, so this is less than the whole word.
            self.tail = word >> (64 - 8 * held);
        }
    }

    /// Feeds eight bytes, the first one lowest.
    fn write_word(&mut self, word: u64) {
        let held = 8 * (self.length % 8);
        self.length = self.length.wrapping_add(8);
        self.absorb(self.tail | word << held);
        self.tail = word.checked_shr(64 - held as u32).unwrap_or(0);
    }

    /// The hash of everything fed.
    pub fn finish(mut self) -> u128 {
        let last = self.tail | (self.length << 56);
        self.absorb(last);
        self.v[2] ^= 0xee;
        let low = self.squeeze();
        self.v[1] ^= 0xdd;
        let high = self.squeeze();
        u128::from_be_bytes((u128::from(low) | u128::from(high) << 64).to_le_bytes())
    }

    fn with_key(k0: u64, k1: u64) -> Self {
        let v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        Self { v, tail: 0, length: 0 }
    }

    fn absorb(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.round();
        self.v[0] ^= word;
    }

    fn squeeze(&mut self) -> u64 {
        (0..4).for_each(|_| self.round());
        self.v.iter().fold(0, |mixed, word| mixed ^ word)
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference implementation's `vectors_sip128`: key 00..0f, input 00, 01, 02 …
    #[test]
    fn reference_vectors() {
        let (k0, k1) = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        assert_eq!(StableHasher::with_key(k0, k1).finish(), 0xa381_7f04_ba25_a8e6_6df6_7214_c755_0293);
        let mut one = StableHasher::with_key(k0, k1);
        one.write(&[0]);
        assert_eq!(one.finish(), 0xda87_c1d8_6b99_af44_3476_5911_9b22_fc45);
    }

    #[test]
    fn pieces_do_not_matter_but_borders_do() {
        let mut pieces = StableHasher::default();
        pieces.write(b"credential");
        pieces.write(b" stuffing");
        let mut whole = StableHasher::default();
        whole.write(b"credential stuffing");
        assert_eq!(pieces.finish(), whole.finish());
        let text: Vec<u8> = (0..64).collect();
        for (first, second) in (0..64).flat_map(|end| (0..=end).map(move |middle| (middle, end))) {
            let (mut once, mut twice) = (StableHasher::default(), StableHasher::default());
            once.write(&text[..second]);
            twice.write(&text[..first]);
            twice.write(&text[first..second]);
            assert_eq!(once.finish(), twice.finish(), "{first} of {second}");
        }
        assert_ne!(StableHasher::of_parts(&[b"ab", b"c"]), StableHasher::of_parts(&[b"a", b"bc"]));
    }
}
