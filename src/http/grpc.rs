//! gRPC's framing (the gRPC-over-HTTP/2 specification, "Length-Prefixed-Message"), and gRPC-Web's.
//! It is given content types and body bytes, and counts messages or gives those that are whole.
//! It promises to believe no length prefix further than there are bytes.

/// Bytes before each message: a flag and the length.
const PREFIX_BYTES: usize = 5;
/// This message is compressed.
const PACKED_FLAG: u8 = 1;
/// gRPC-Web: this message is the trailers.
const TRAILERS_FLAG: u8 = 0x80;

/// Whether a content type is gRPC's, or gRPC-Web's.
pub(crate) fn is_grpc(content_type: &[u8]) -> bool {
    const START: &[u8] = b"application/grpc";
    let begins = content_type.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START));
    begins && matches!(content_type.get(START.len()), None | Some(b'+' | b';' | b'-' | b' '))
}

/// Whether it is gRPC-Web whose body is written in base64.
pub(crate) fn is_text(content_type: &[u8]) -> bool {
    const START: &[u8] = b"application/grpc-web-text";
    content_type.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START))
}

/// Whether a body may be such calls' by its first byte, as none or nearly none of other types is.
pub(crate) fn may_begin(content_type: &[u8], body: &[u8]) -> bool {
    match body.first() {
        None => true,
        // In base64 the flag is most of the first letter.
        Some(first) if is_text(content_type) => matches!(first, b'A' | b'g'),
        Some(flags) => flags & !(TRAILERS_FLAG | PACKED_FLAG) == 0,
    }
}

/// One message of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framed<'b> {
    /// Compressed: its bytes are not the message's.
    pub(crate) packed: bool,
    /// gRPC-Web's trailers, as lines.
    pub(crate) trailers: bool,
    /// The bytes, as many as are there.
    pub(crate) bytes: &'b [u8],
}

/// The messages at the start of a body; the last one may be cut.
pub(crate) fn messages(body: &[u8]) -> impl Iterator<Item = Framed<'_>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (prefix, after) = rest.split_first_chunk::<PREFIX_BYTES>()?;
        let &[flags, a, b, c, d] = prefix;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let (bytes, after) = after.split_at_checked(length).unwrap_or((after, &[]));
        rest = after;
        Some(Framed { packed: flags & PACKED_FLAG != 0, trailers: flags & TRAILERS_FLAG != 0, bytes })
    })
}

/// What stands before a message of so many bytes.
pub(super) fn prefix(packed: bool, length: usize) -> [u8; PREFIX_BYTES] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [u8::from(packed), a, b, c, d]
}

/// Counts a body's messages while it passes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    prefix: [u8; PREFIX_BYTES],
    have: usize,
    remaining: u64,
    count: u32,
    /// Bytes were lost where they cannot be stepped over: what comes after them is not counted.
    lost: bool,
}

impl Counter {
    /// The next bytes of the body.
    pub(super) fn absorb(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !self.lost && !rest.is_empty() {
            let within = rest.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
            self.remaining -= within as u64;
            rest = rest.get(within..).unwrap_or(&[]);
            while let (Some(slot), Some((&byte, after))) =
                (self.prefix.get_mut(self.have).filter(|_| self.remaining == 0), rest.split_first())
            {
                *slot = byte;
                rest = after;
                self.have += 1;
                if self.have == PREFIX_BYTES {
                    let [flags, a, b, c, d] = self.prefix;
                    self.remaining = u64::from(u32::from_be_bytes([a, b, c, d]));
                    self.count = self.count.saturating_add(u32::from(flags & TRAILERS_FLAG == 0));
                    self.have = 0;
                }
            }
        }
    }

    /// Bytes of the body that were not seen.
    pub(super) fn bridge(&mut self, missing: u64) {
        match self.remaining.checked_sub(missing) {
            Some(remaining) => self.remaining = remaining,
            None => self.lost = true,
        }
    }

    /// Messages that began.
    pub(super) fn count(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(flags: u8, message: &[u8]) -> Vec<u8> {
        [&[flags], &(message.len() as u32).to_be_bytes()[..], message].concat()
    }

    #[test]
    fn content_types_are_told_apart() {
        for yes in
            ["application/grpc", "application/grpc+proto", "Application/gRPC-web", "application/grpc;a=b"]
        {
            assert!(is_grpc(yes.as_bytes()), "{yes}");
        }
        for no in ["application/json", "application/grpcx", "application/gr"] {
            assert!(!is_grpc(no.as_bytes()), "{no}");
        }
        assert!(is_text(b"application/grpc-web-text+proto") && !is_text(b"application/grpc-web+proto"));
    }

    #[test]
    fn a_body_begins_with_a_flag_or_is_none_of_ours() {
        let [web, text] = [b"application/grpc-web".as_slice(), b"application/grpc-web-text"];
        for flags in [0, 1, 0x80, 0x81] {
            assert!(may_begin(web, &framed(flags, b"x")));
        }
        assert!(may_begin(web, b"") && may_begin(text, b"AAAAAAE=") && may_begin(text, b"gAAAAA=="));
        for no in [b"{".as_slice(), b"[", b"user=x", b"<", b"\x02", b"\xEF"] {
            assert!(!may_begin(web, no) && !may_begin(text, no));
        }
    }

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let body =
            [framed(0, b"abc"), framed(0, b""), framed(1, &[7; 300]), framed(0x80, b"grpc-status: 0\r\n")];
        let body = body.concat();
        for size in 1..body.len() {
            let mut counter = Counter::default();
            body.chunks(size).for_each(|piece| counter.absorb(piece));
            assert_eq!(counter.count(), 3, "pieces of {size}");
        }
        let lengths: Vec<_> = messages(&body).map(|m| (m.bytes.len(), m.packed, m.trailers)).collect();
        assert_eq!(lengths, [(3, false, false), (0, false, false), (300, true, false), (16, false, true)]);
    }

    #[test]
    fn a_length_of_4_gib_is_a_message_without_end() {
        let mut counter = Counter::default();
        counter.absorb(&[0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3]);
        counter.absorb(&framed(0, b"x"));
        assert_eq!(counter.count(), 1);
        assert_eq!(
            messages(&[0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3]).next().map(|m| m.bytes),
            Some(&[1, 2, 3][..])
        );
    }

    #[test]
    fn lost_bytes_within_a_message_are_stepped_over() {
        let mut counter = Counter::default();
        counter.absorb(&[0, 0, 0, 0, 10, 1, 2]);
        counter.bridge(8);
        counter.absorb(&framed(0, b"x"));
        assert_eq!(counter.count(), 2);
        counter.bridge(1);
        counter.absorb(&framed(0, b"x"));
        assert_eq!(counter.count(), 2, "nobody knows where the next one begins");
    }
}
