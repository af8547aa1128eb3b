//! The Internet checksum (RFC 1071) and the TCP pseudo-header.
//! It is given bytes and gives their one's-complement sum, eight bytes a step.
//! It promises the exact sum for every length and start.

use std::net::IpAddr;

/// What a TCP checksum tells of the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is right.
    Good,
    /// It is the sum over the pseudo-header alone, which an operating system leaves for its network card to complete.
    Partial,
    /// It is wrong.
    Bad,
}

/// The one's-complement sum of big-endian 16-bit words; an odd last byte counts as a high byte.
/// Bytes with a right checksum among them sum to 0xffff.
#[inline]
pub(super) fn sum(bytes: &[u8]) -> u16 {
    fold(raw_sum(bytes))
}

/// Judges the checksum of a whole TCP segment.
#[inline]
pub(super) fn judge_tcp(src: IpAddr, dst: IpAddr, segment: &[u8]) -> Verdict {
    const TCP: u64 = 6;
    let addresses = match (src, dst) {
        // Four bytes sum as their two halves do: 2^16 is one more than the modulus.
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            u64::from(u32::from_ne_bytes(src.octets())) + u64::from(u32::from_ne_bytes(dst.octets()))
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => raw_sum(&src.octets()) + raw_sum(&dst.octets()),
        // Addresses of one packet are of one family.
        _ => return Verdict::Bad,
    };
    // raw sums are of native words; constants join them in the byte order of the wire.
    let without_length = addresses + u64::from((TCP as u16).to_be());
    let length = segment.len() as u64;
    let with_length =
        without_length + u64::from((length as u16).to_be()) + u64::from(((length >> 16) as u16).to_be());
    if fold(with_length + raw_sum(segment)) == 0xffff {
        return Verdict::Good;
    }
    let written = segment.get(16..18).map_or(0, |field| fold(raw_sum(field)));
    // Linux includes the length in what it leaves, Windows with large-send offload does not.
    if written == fold(with_length) || written == fold(without_length) {
        Verdict::Partial
    } else {
        Verdict::Bad
    }
}

/// The sum in native byte order, carries not folded: fits for 16 GiB.
#[inline]
fn raw_sum(bytes: &[u8]) -> u64 {
    // One's-complement sums do not depend on the byte order (RFC 1071 2.B), so words are added as they lie
    // in memory, both halves of eight bytes in lanes of their own. Nothing can wrap, and saying so
    // spares the overflow checks that would keep the loop from becoming vector code.
    let (words, rest) = bytes.as_chunks::<8>();
    let (mut low, mut high) = (0_u64, 0_u64);
    for word in words {
        let word = u64::from_ne_bytes(*word);
        low = low.wrapping_add(word & 0xffff_ffff);
        high = high.wrapping_add(word >> 32);
    }
    let (pairs, odd) = rest.as_chunks::<2>();
    let tail = pairs.iter().fold(0, |sum: u64, pair| sum.wrapping_add(u64::from(u16::from_ne_bytes(*pair))));
    let last = odd.first().map_or(0, |&byte| u64::from(u16::from_ne_bytes([byte, 0])));
    low.wrapping_add(high).wrapping_add(tail).wrapping_add(last)
}

/// Folds the carries and turns the sum into the byte order of the wire.
#[inline]
fn fold(sum: u64) -> u16 {
    // 64 bits to 33, 18, 17 and 16: after the last step no carry is left.
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum as u16).to_be()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071, word by word.
    fn slow_sum(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    #[test]
    fn every_length_and_offset_sums_as_word_by_word() {
        let bytes: Vec<u8> = (0..300_u32).map(|i| (i * 197 + 251) as u8).chain([0xff; 80]).collect();
        for start in 0..9 {
            for end in start..bytes.len() {
                assert_eq!(sum(&bytes[start..end]), slow_sum(&bytes[start..end]), "{start}..{end}");
            }
        }
    }

    #[test]
    fn the_largest_sum_carries_right() {
        let bytes = vec![0xff; 300_000];
        assert_eq!(sum(&bytes), 0xffff);
    }
}
