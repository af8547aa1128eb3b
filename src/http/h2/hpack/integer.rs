//! HPACK integers (RFC 7541 section 5.1).
//! It is given a cursor at the first octet, whose upper bits say what the integer is for.
//! It promises `None` for what does not end, or is larger than any length that makes sense here.

/// Octets after the first: enough for 32 bits, however they are written.
const MORE_OCTETS_MAX: u32 = 5;

/// Reads an integer with a prefix of `bits` bits.
pub(super) fn read(cursor: &mut &[u8], bits: u32) -> Option<usize> {
    let (&first, mut rest) = cursor.split_first()?;
    let mask = 0xFF_u8 >> (8 - bits.clamp(1, 8));
    let mut value = u64::from(first & mask);
    if first & mask == mask {
        for octet in 0..=MORE_OCTETS_MAX {
            let (&next, after) = rest.split_first().filter(|_| octet < MORE_OCTETS_MAX)?;
            rest = after;
            value += u64::from(next & 0x7F) << (7 * octet);
            if next & 0x80 == 0 {
                break;
            }
        }
    }
    *cursor = rest;
    u32::try_from(value).ok().map(|value| value as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(octets: &[u8], bits: u32, expected: Option<usize>) {
        let mut cursor = octets;
        assert_eq!(read(&mut cursor, bits), expected, "{octets:02x?}");
        assert!(expected.is_none() || cursor.is_empty());
    }

    #[test]
    fn the_examples_of_the_rfc() {
        check(&[0b1110_1010], 5, Some(10));
        check(&[0b0001_1111, 0b1001_1010, 0b0000_1010], 5, Some(1337));
        check(&[42], 8, Some(42));
    }

    #[test]
    fn what_has_no_end_or_no_sense_is_none() {
        check(&[], 7, None);
        check(&[0x7F], 7, None);
        check(&[0x7F, 0x80, 0x80], 7, None);
        check(&[0x7F, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 7, None);
        check(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], 8, None);
        // The largest that fits, and zeros that say nothing.
        check(&[0xFF, 0x80, 0xFE, 0xFF, 0xFF, 0x0F], 8, Some(u32::MAX as usize));
        check(&[0x7F, 0x80, 0x80, 0x00], 7, Some(127));
    }
}
