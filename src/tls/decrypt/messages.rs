//! Handshake messages inside sealed records, as far as they change keys.
//! It is given the content of handshake records of one side, in order, and gives the type of each message that ends.
//! It promises to hold a header and one message (EncryptedExtensions, within a bound), and no other.

/// Message types (RFC 8446, 4).
pub(super) const END_OF_EARLY_DATA: u8 = 5;
pub(super) const ENCRYPTED_EXTENSIONS: u8 = 8;
pub(super) const FINISHED: u8 = 20;
pub(super) const KEY_UPDATE: u8 = 24;

/// The extension by which a server takes early data (RFC 8446, 4.2.10).
const EARLY_DATA: u16 = 42;
/// Extensions beyond this are not looked into.
const EXTENSIONS_BYTES_MAX: usize = 4_096;
const HEADER_BYTES: usize = 4;

/// Where a side is in its handshake messages.
#[derive(Default)]
pub(super) struct Messages {
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    /// Bytes of the message's body that are still to come.
    missing: usize,
    /// The body, of the one message whose words count.
    extensions: Vec<u8>,
}

impl Messages {
    /// Takes bytes off the front up to the end of a message, and gives its type; `None` when they end before.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<u8> {
        while self.header_bytes < HEADER_BYTES {
            let (first, rest) = bytes.split_first()?;
            *self.header.get_mut(self.header_bytes)? = *first;
            self.header_bytes += 1;
            *bytes = rest;
            let [_, l0, l1, l2] = self.header;
            self.missing = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        }
        let (body, rest) = bytes.split_at(self.missing.min(bytes.len()));
        *bytes = rest;
        self.missing -= body.len();
        let [kind, ..] = self.header;
        if kind == ENCRYPTED_EXTENSIONS && self.extensions.len() + body.len() <= EXTENSIONS_BYTES_MAX {
            self.extensions.extend_from_slice(body);
        }
        if self.missing > 0 {
            return None;
        }
        self.header_bytes = 0;
        Some(kind)
    }

    /// Whether nothing of a message is held.
    pub(super) fn is_idle(&self) -> bool {
        self.header_bytes == 0 && self.extensions.is_empty()
    }

    /// Whether the EncryptedExtensions that just ended take early data. What was held of them is let go.
    pub(super) fn takes_early_data(&mut self) -> bool {
        let body = std::mem::take(&mut self.extensions);
        let mut extensions = body.get(2..).unwrap_or_default();
        while let Some(([k0, k1, l0, l1], rest)) = extensions.split_first_chunk() {
            if u16::from_be_bytes([*k0, *k1]) == EARLY_DATA {
                return true;
            }
            extensions = rest.get(usize::from(u16::from_be_bytes([*l0, *l1]))..).unwrap_or_default();
        }
        false
    }
}
