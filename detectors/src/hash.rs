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

/// A quick hash that never changes either, for marks that state keeps and only compares: of a path, of an account.
///
/// It folds products of 128 bits (as wyhash does), and has half of its bits at most for whoever seeks collisions.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

impl Default for Mark {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Mark {
    /// The mark of these parts; a border that moves changes it.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
        parts.into_iter().fold(Self::default(), |mark, part| mark.and(part.as_bytes())).number()
    }

    /// With one more part.
    #[must_use]
    pub fn and(self, part: &[u8]) -> Self {
        let (words, rest) = part.as_chunks();
        let mixed = words.iter().fold(self.0, |mixed, word| fold(mixed ^ u64::from_le_bytes(*word), WORDS));
        Self(fold(mixed ^ short_word(rest), ENDS ^ part.len() as u64))
    }

    /// The hash.
    pub fn number(self) -> u64 {
        fold(self.0, WORDS)
    }
}

/// Odd numbers with as many ones as zeros, from wyhash.
const WORDS: u64 = 0xa076_1d64_78bd_642f;
const ENDS: u64 = 0xe703_7ed1_a0b4_28db;

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Up to seven bytes as a number; of one length no two are the same.
fn short_word(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        _ => bytes.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_parts_and_borders_apart() {
        let text = "/v1/users/42/orders/INV-0042";
        let mut marks: Vec<u64> = Vec::new();
        for (first, second) in (0..text.len()).flat_map(|end| (0..=end).map(move |middle| (middle, end))) {
            marks.push(Mark::of([&text[..first], &text[first..second]]));
        }
        for number in 0..10_000 {
            marks.push(Mark::of([number.to_string().as_str()]));
        }
        let made = marks.len();
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), made);
        assert_eq!(
            Mark::of(["/v1/users"]),
            5_322_602_257_338_629_641,
            "state of before would not be understood"
        );
    }

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
