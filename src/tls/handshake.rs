//! Handshake messages of one direction, joined from the records that carry them (RFC 8446 section 4).
//! It is given the bodies of handshake records in any portions and gives whole messages.
//! It promises to keep `MESSAGE_BYTES_MAX` bytes at most, and nothing of messages that nobody reads.

/// Of a message no more is kept. Hellos have 300 to 2,000 bytes, certificates of servers rarely more than 2,000.
pub(super) const MESSAGE_BYTES_MAX: usize = 12 * 1024;
/// No implementation takes a longer message.
const LENGTH_MAX: u32 = 1 << 18;
const HEADER_BYTES: usize = 4;

/// The types of messages that are read.
pub(super) mod kind {
    pub(in crate::tls) const CLIENT_HELLO: u8 = 1;
    pub(in crate::tls) const SERVER_HELLO: u8 = 2;
    pub(in crate::tls) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(in crate::tls) const CERTIFICATE: u8 = 11;
    pub(in crate::tls) const CERTIFICATE_REQUEST: u8 = 13;
    pub(in crate::tls) const CERTIFICATE_VERIFY: u8 = 15;
}

/// A message, or as much of it as is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
}

/// What comes of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    Message(Message),
    /// No message begins like this.
    Malformed,
}

/// The messages of one direction.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    header: [u8; HEADER_BYTES],
    read: u8,
    /// Bytes of the present message that are to come.
    left: u32,
    kept: Vec<u8>,
    /// Something of the present message was lost.
    is_broken: bool,
}

impl Joiner {
    /// The next message; takes what it was read from off the front of `bytes`. `None`: more is needed.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Joined> {
        while usize::from(self.read) < HEADER_BYTES {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            if let Some(slot) = self.header.get_mut(usize::from(self.read)) {
                *slot = byte;
            }
            self.read += 1;
            if usize::from(self.read) == HEADER_BYTES {
                let [kind, a, b, c] = self.header;
                self.left = u32::from_be_bytes([0, a, b, c]);
                if !is_known(kind) || self.left > LENGTH_MAX {
                    return Some(Joined::Malformed);
                }
            }
        }
        let (part, rest) = bytes.split_at_checked(self.left as usize).unwrap_or((bytes, &[]));
        *bytes = rest;
        self.left = self.left.saturating_sub(part.len() as u32);
        self.keep(part);
        (self.left == 0).then(|| Joined::Message(self.finish()))
    }

    /// Bytes it keeps of a message that is not whole.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.capacity()
    }

    /// Bytes of a record's body were lost: the message that they belong to cannot be read, nor where it ends.
    pub(super) fn lost(&mut self) {
        self.is_broken = true;
        self.kept = Vec::new();
    }

    /// Whether it is between two messages.
    pub(super) fn is_idle(&self) -> bool {
        self.read == 0
    }

    /// Whether the present message cannot be told from the next.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    fn keep(&mut self, part: &[u8]) {
        let room = MESSAGE_BYTES_MAX.saturating_sub(self.kept.len());
        if is_read(self.header[0]) {
            self.kept.extend_from_slice(part.get(..room).unwrap_or(part));
        }
    }

    fn finish(&mut self) -> Message {
        let [kind, a, b, c] = self.header;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        self.read = 0;
        let body = std::mem::take(&mut self.kept);
        Message { kind, is_whole: body.len() == length, body }
    }
}

fn is_read(kind: u8) -> bool {
    use kind::{CERTIFICATE, CLIENT_HELLO, ENCRYPTED_EXTENSIONS, SERVER_HELLO};
    matches!(kind, CLIENT_HELLO | SERVER_HELLO | ENCRYPTED_EXTENSIONS | CERTIFICATE)
}

/// Whether IANA knows the type.
fn is_known(kind: u8) -> bool {
    matches!(kind, 0..=6 | 8..=18 | 20..=26 | 67 | 203 | 254)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(bytes: &[u8], portion: usize) -> Vec<Joined> {
        let mut joiner = Joiner::default();
        let mut messages = Vec::new();
        for mut part in bytes.chunks(portion) {
            while let Some(next) = joiner.next(&mut part) {
                messages.push(next);
                if messages.last() == Some(&Joined::Malformed) {
                    return messages;
                }
            }
        }
        messages
    }

    #[test]
    fn messages_are_joined_from_any_portions() {
        let bytes = b"\x01\x00\x00\x03abc\x0e\x00\x00\x00\x04\x00\x00\x02xy\x02\x00\x00\x01z";
        let told =
            |kind, body: &[u8], is_whole| Joined::Message(Message { kind, body: body.to_vec(), is_whole });
        for portion in 1..=bytes.len() {
            let expected =
                [told(1, b"abc", true), told(14, b"", true), told(4, b"", false), told(2, b"z", true)];
            assert_eq!(join(bytes, portion), expected, "{portion}");
        }
    }

    #[test]
    fn of_a_long_message_only_the_beginning_is_kept() {
        let long = [b"\x0b\x01\x00\x00".as_slice(), &vec![7; 0x1_0000], b"\x0e\x00\x00\x00"].concat();
        let joined = join(&long, 1_400);
        let Joined::Message(certificate) = &joined[0] else { panic!("{joined:?}") };
        assert_eq!((certificate.body.len(), certificate.is_whole), (MESSAGE_BYTES_MAX, false));
        assert_eq!(joined.len(), 2, "and the next is found behind it");
    }

    #[test]
    fn what_is_no_message_is_malformed() {
        for nonsense in [b"\x07\x00\x00\x01a", b"\x01\xff\xff\xffa", b"\x99\x00\x00\x01a"] {
            assert_eq!(join(nonsense, 5), [Joined::Malformed], "{}", nonsense.escape_ascii());
        }
    }
}
