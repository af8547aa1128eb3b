//! The two messages that begin TLS: what a client offers (RFC 8446 section 4.1.2) and what the server takes.
//! It is given a message's body, all of it or its beginning, and gives lists in the order of the wire.
//! It promises to read what is there, and to say where a message contradicts its own lengths.

use super::wire::{Cursor, is_grease, numbers};

/// Extensions that are read.
pub(super) mod extension {
    pub(in crate::tls) const SERVER_NAME: u16 = 0;
    pub(in crate::tls) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(in crate::tls) const ALPN: u16 = 16;
    pub(in crate::tls) const PADDING: u16 = 21;
    pub(in crate::tls) const ENCRYPT_THEN_MAC: u16 = 22;
    pub(in crate::tls) const SESSION_TICKET: u16 = 35;
    pub(in crate::tls) const PRE_SHARED_KEY: u16 = 41;
    pub(in crate::tls) const EARLY_DATA: u16 = 42;
    pub(in crate::tls) const SUPPORTED_VERSIONS: u16 = 43;
    pub(in crate::tls) const COOKIE: u16 = 44;
    pub(in crate::tls) const ENCRYPTED_CLIENT_HELLO: u16 = 0xFE0D;
    pub(in crate::tls) const ENCRYPTED_SERVER_NAME: u16 = 0xFFCE;
}

/// A name of a host is no longer (RFC 1035 section 2.3.4).
pub(super) const SNI_BYTES_MAX: usize = 255;

/// The random of a server that asks for another hello (RFC 8446 section 4.1.3): SHA-256 of "HelloRetryRequest".
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// What a client offers.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientHello<'a> {
    legacy_version: u16,
    pub(super) random: &'a [u8; 32],
    pub(super) session_id: &'a [u8],
    /// Cipher suites, two bytes each.
    pub(super) ciphers: &'a [u8],
    extensions: &'a [u8],
    /// Whether every length fits and nothing is left over.
    pub(super) is_sound: bool,
}

/// The server's name as the client says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerName<'a> {
    /// The first name, cut to 255 bytes.
    pub(super) name: &'a [u8],
    /// It is none that RFC 6066 section 3 allows, or not the only one.
    pub(super) is_odd: bool,
}

impl<'a> ClientHello<'a> {
    /// Reads a message's body; `is_whole` when that is all of it.
    pub(super) fn read(body: &'a [u8], is_whole: bool) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let legacy_version = cursor.u16()?;
        let random = cursor.chunk()?;
        let session_id = cursor.vector8()?;
        let ciphers = cursor.vector16()?;
        cursor.vector8()?;
        let (extensions, fits) =
            if cursor.is_empty() { (&[][..], true) } else { cursor.some_of_vector16()? };
        let lawful = session_id.len() <= 32 && !ciphers.is_empty() && ciphers.len().is_multiple_of(2);
        let is_sound = is_whole && fits && cursor.is_empty() && lawful && Extensions(extensions).are_sound();
        Some(Self { legacy_version, random, session_id, ciphers, extensions, is_sound })
    }

    /// Numbers and contents of the extensions, in order; of the last one what there is.
    pub(super) fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        Extensions(self.extensions).map(|(kind, content, _)| (kind, content))
    }

    pub(super) fn extension(&self, wanted: u16) -> Option<&'a [u8]> {
        self.extensions().find(|&(kind, _)| kind == wanted).map(|(_, content)| content)
    }

    /// The highest version offered.
    pub(super) fn version(&self) -> u16 {
        let offered = self.extension(extension::SUPPORTED_VERSIONS);
        let list = offered.and_then(|content| Cursor::new(content).vector8()).unwrap_or_default();
        numbers(list).filter(|&version| !is_grease(version)).max().unwrap_or(self.legacy_version)
    }

    /// Signature algorithms, in order.
    pub(super) fn signature_algorithms(&self) -> impl Iterator<Item = u16> + use<'a> {
        let content = self.extension(extension::SIGNATURE_ALGORITHMS).unwrap_or_default();
        numbers(Cursor::new(content).vector16().unwrap_or_default())
    }

    /// Names of protocols that the client would speak, in order.
    pub(super) fn alpn(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        protocols(self.extension(extension::ALPN).unwrap_or_default())
    }

    /// Whether the name is that of a front, and the one that is meant is encrypted, or may be: a client that has no
    /// key for it sends noise in its place.
    pub(super) fn hides_name(&self) -> bool {
        self.extension(extension::ENCRYPTED_CLIENT_HELLO).is_some_and(|content| content.first() == Some(&0))
            || self.extension(extension::ENCRYPTED_SERVER_NAME).is_some()
    }

    /// The name of the server (RFC 6066 section 3).
    pub(super) fn server_name(&self) -> Option<ServerName<'a>> {
        let nothing = ServerName { name: &[], is_odd: true };
        let Some((list, fits)) = Cursor::new(self.extension(extension::SERVER_NAME)?).some_of_vector16()
        else {
            return Some(nothing);
        };
        let mut cursor = Cursor::new(list);
        let (Some(kind), Some((name, is_whole))) = (cursor.u8(), cursor.some_of_vector16()) else {
            return Some(nothing);
        };
        let is_odd = kind != 0 || !fits || !is_whole || !cursor.is_empty() || !is_host_name(name);
        Some(ServerName { name: name.get(..SNI_BYTES_MAX).unwrap_or(name), is_odd })
    }
}

/// What the server takes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerHello<'a> {
    legacy_version: u16,
    pub(super) random: &'a [u8; 32],
    pub(super) session_id: &'a [u8],
    pub(super) cipher: u16,
    extensions: &'a [u8],
    pub(super) is_sound: bool,
}

impl<'a> ServerHello<'a> {
    /// Reads a message's body; `is_whole` when that is all of it.
    pub(super) fn read(body: &'a [u8], is_whole: bool) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let legacy_version = cursor.u16()?;
        let random = cursor.chunk()?;
        // Drafts of TLS 1.3 up to 21 had no session id; a length that cannot be one tells them.
        let session_id = cursor.vector8()?;
        let cipher = cursor.u16()?;
        cursor.u8()?;
        let (extensions, fits) =
            if cursor.is_empty() { (&[][..], true) } else { cursor.some_of_vector16()? };
        let is_sound = is_whole && fits && cursor.is_empty() && Extensions(extensions).are_sound();
        Some(Self { legacy_version, random, session_id, cipher, extensions, is_sound })
    }

    /// Whether it takes nothing and asks for another hello.
    pub(super) fn is_retry(&self) -> bool {
        *self.random == RETRY
    }

    /// The version that is spoken from here on.
    pub(super) fn version(&self) -> u16 {
        let selected = self.extension(extension::SUPPORTED_VERSIONS);
        selected.and_then(|content| Cursor::new(content).u16()).unwrap_or(self.legacy_version)
    }

    /// The protocol that is spoken inside; TLS 1.3 says it under encryption.
    pub(super) fn alpn(&self) -> Option<&'a [u8]> {
        protocols(self.extension(extension::ALPN)?).next()
    }

    pub(super) fn has(&self, wanted: u16) -> bool {
        self.extension(wanted).is_some()
    }

    fn extension(&self, wanted: u16) -> Option<&'a [u8]> {
        Extensions(self.extensions).find(|&(kind, ..)| kind == wanted).map(|(_, content, _)| content)
    }
}

/// The protocol in the encrypted extensions of TLS 1.3 (RFC 8446 section 4.3.1).
pub(super) fn encrypted_alpn(body: &[u8]) -> Option<&[u8]> {
    let extensions = Cursor::new(body).vector16()?;
    let (_, content, _) = Extensions(extensions).find(|&(kind, ..)| kind == extension::ALPN)?;
    protocols(content).next()
}

/// Number, content, and whether the content is whole.
struct Extensions<'a>(&'a [u8]);

impl Extensions<'_> {
    fn are_sound(mut self) -> bool {
        let mut fits = true;
        for (_, _, is_whole) in self.by_ref() {
            fits &= is_whole;
        }
        fits && self.0.is_empty()
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8], bool);

    fn next(&mut self) -> Option<Self::Item> {
        let mut cursor = Cursor::new(self.0);
        let kind = cursor.u16()?;
        let (content, is_whole) = cursor.some_of_vector16()?;
        self.0 = cursor.rest();
        Some((kind, content, is_whole))
    }
}

/// The names of an ALPN extension (RFC 7301 section 3.1).
fn protocols(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut list = Cursor::new(Cursor::new(content).vector16().unwrap_or_default());
    std::iter::from_fn(move || list.vector8())
}

/// Letters, digits, dots, dashes and underscores, not too many, and no address.
fn is_host_name(name: &[u8]) -> bool {
    let lawful = |b: &u8| b.is_ascii_alphanumeric() || b"-._".contains(b);
    let last = name.rsplit(|&b| b == b'.').next().unwrap_or_default();
    let is_address = !last.is_empty() && last.iter().all(u8::is_ascii_digit);
    (1..=SNI_BYTES_MAX).contains(&name.len()) && name.iter().all(lawful) && !is_address
}

#[cfg(test)]
pub(super) mod tests;
