//! A cursor over the words of TLS: numbers in network order and vectors with their length in front.
//! It is given bytes that strangers chose and gives pieces of them, or nothing where they end too early.
//! It promises never to read beyond its end and to copy nothing.

/// What is left to be read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.chunk().map(|&[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.chunk().copied().map(u16::from_be_bytes)
    }

    pub(super) fn u24(&mut self) -> Option<u32> {
        self.chunk().map(|&[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// A vector whose length stands in one byte.
    pub(super) fn vector8(&mut self) -> Option<&'a [u8]> {
        let count = self.u8()?;
        self.take(usize::from(count))
    }

    /// A vector whose length stands in two bytes.
    pub(super) fn vector16(&mut self) -> Option<&'a [u8]> {
        let count = self.u16()?;
        self.take(usize::from(count))
    }

    /// A vector whose length stands in three bytes.
    pub(super) fn vector24(&mut self) -> Option<&'a [u8]> {
        let count = self.u24()?;
        self.take(count as usize)
    }

    /// A vector whose length stands in two bytes, as far as there are bytes; whether all of them are there.
    pub(super) fn some_of_vector16(&mut self) -> Option<(&'a [u8], bool)> {
        let count = usize::from(self.u16()?);
        let is_whole = count <= self.0.len();
        self.take(count.min(self.0.len())).map(|taken| (taken, is_whole))
    }
}

/// The two-byte numbers of a vector, in order; an odd byte at the end is left out.
pub(super) fn numbers(vector: &[u8]) -> impl Iterator<Item = u16> {
    vector.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// Whether a number is one of those that clients sprinkle in so that servers stay tolerant (RFC 8701).
pub(super) fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0F == 0x0A
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_ends_where_its_length_says_and_not_a_byte_later() {
        let mut cursor = Cursor::new(&[0, 2, 7, 8, 3, 1]);
        assert_eq!(cursor.vector16(), Some(&[7, 8][..]));
        assert_eq!(cursor.vector8(), None);
        assert!(Cursor::new(&[0, 0, 4, 1, 2, 3]).vector24().is_none());
        assert_eq!(Cursor::new(&[0, 9, 1]).some_of_vector16(), Some((&[1][..], false)));
        assert_eq!(Cursor::new(&[0, 1, 1, 2]).some_of_vector16(), Some((&[1][..], true)));
    }

    #[test]
    fn grease_is_told_from_its_look_alikes() {
        let grease: Vec<u16> = (0..=u16::MAX).filter(|&number| is_grease(number)).collect();
        assert_eq!(grease.len(), 16);
        assert_eq!((grease[0], grease[15]), (0x0A0A, 0xFAFA));
        assert!(!is_grease(0x0A1A) && !is_grease(0x1301));
    }
}
