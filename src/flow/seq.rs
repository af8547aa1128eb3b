//! Sequence numbers that wrap (RFC 9293 3.4, RFC 7323).
//! It is given 32-bit numbers from the wire; two of them compare rightly while less than 2 GiB apart.
//! It promises that no other arithmetic is possible on them by mistake.

/// A position in one direction's sequence space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SeqNo(pub(super) u32);

impl SeqNo {
    /// The position `count` bytes further.
    #[must_use]
    pub(super) const fn plus(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The position `count` bytes earlier.
    #[must_use]
    pub(super) const fn minus(self, count: u32) -> Self {
        Self(self.0.wrapping_sub(count))
    }

    /// Bytes from `earlier` up to here; only meaningful when `earlier` is not after this one.
    pub(super) const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// Whether this position comes first.
    pub(super) const fn before(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() < 0
    }

    /// Whether this position comes later.
    pub(super) const fn after(self, other: Self) -> bool {
        other.before(self)
    }

    /// The later of the two.
    #[must_use]
    pub(super) const fn later(self, other: Self) -> Self {
        if other.after(self) { other } else { self }
    }

    /// The earlier of the two.
    #[must_use]
    pub(super) const fn earlier(self, other: Self) -> Self {
        if other.before(self) { other } else { self }
    }
}

/// `count` bytes as sequence space; no packet is that long, so the cap is never met.
pub(super) fn span(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_across_the_wrap() {
        let last = SeqNo(u32::MAX);
        assert!(last.before(SeqNo(0)) && SeqNo(0).after(last));
        assert!(!last.before(last) && !last.after(last));
        assert_eq!(last.plus(10), SeqNo(9));
        assert_eq!(SeqNo(9).minus(10), last);
        assert_eq!(SeqNo(9).since(last), 10);
        assert_eq!((last.later(SeqNo(3)), last.earlier(SeqNo(3))), (SeqNo(3), last));
    }

    #[test]
    fn order_holds_up_to_two_gibibytes() {
        assert!(SeqNo(5).before(SeqNo(5).plus((1 << 31) - 1)));
        assert!(SeqNo(5).after(SeqNo(5).plus((1 << 31) + 1)));
    }
}
