//! Client certificates as proxies pass them on: the certificate itself, its hash, or what it says.
//! It is given the headers of RFC 9440, Envoy, nginx, Apache, AWS and Azure, in any order, and tells once all are read.
//! It promises one fingerprint for one certificate in whatever coding it came, and no word for a certificate that
//! the proxy did not verify. Whether the proxy is to be believed is for the caller to say.

mod der;

use super::Presented;
use crate::identity::jwt;
use crate::identity::shape;
use crate::identity::text;
use crate::identity::urlencoded;
use heelguard_detectors::identity::{CredentialKind as Kind, Location};
use ring::digest::{SHA256, digest};
use std::borrow::Cow;
use std::sync::Arc;

/// Longest value that is decoded; a chain of certificates may be longer, and only its first is read.
const VALUE_BYTES_MAX: usize = 32 * 1024;
/// Elements of one Envoy header that are looked at.
const ELEMENTS_MAX: usize = 16;
/// Shorter values are serial numbers and words.
const HIDDEN_BYTES_MIN: usize = 16;
/// The class of all of them.
const CLASS: &str = "client_certificate";

/// What the credential of a handshake is called.
const OWN_NAME: &[u8] = b"certificate";

/// The client's certificate of the connection itself.
pub(crate) struct OwnCertificate {
    /// SHA-256 of its DER.
    pub(crate) sha256: [u8; 32],
    /// Whom it is given out to.
    pub(crate) subject: Option<Box<[u8]>>,
    /// The client proved that it has the key.
    pub(crate) is_proved: bool,
}

/// What the headers of one request say.
#[derive(Default)]
pub(super) struct Certificates<'a> {
    /// The header that is named as the place of the credential.
    name: Option<&'a [u8]>,
    /// The SHA-256 of the certificate, or else another hash of it, or else its serial number.
    identity: Option<(Strength, Cow<'a, [u8]>)>,
    /// The name it says.
    subject: Option<Arc<str>>,
    /// Every value as it was sent.
    raw: Vec<&'a [u8]>,
    /// The proxy says that it did not verify it.
    refused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Subject,
    Serial,
    Hash,
    Certificate,
}

impl<'a> Certificates<'a> {
    /// Whether no header said anything.
    pub(super) fn are_absent(&self) -> bool {
        self.raw.is_empty()
    }

    pub(super) fn header(&mut self, name: &'a [u8], value: &'a [u8]) {
        if self.raw.len() == ELEMENTS_MAX {
            return;
        }
        self.raw.push(value);
        let lower = name.to_ascii_lowercase();
        let says = |word: &[u8]| memchr::memmem::find(&lower, word).is_some();
        if says(b"verif") {
            self.refused |= !is_success(value);
        } else if says(b"forwarded-client-cert") {
            self.envoy(name, value);
        } else if says(b"serial") {
            self.identified(name, Strength::Serial, hex_of(value));
        } else if says(b"fingerprint") || says(b"sha1") || says(b"sha256") || says(b"hash") {
            self.identified(name, Strength::Hash, hex_of(value));
        } else if says(b"dn") || says(b"subject") {
            self.distinguished_name(name, &urlencoded::decode_path(value));
        } else {
            self.certificate(name, value);
        }
    }

    fn identified(&mut self, name: &'a [u8], strength: Strength, identity: Cow<'a, [u8]>) {
        if !identity.is_empty() && self.identity.as_ref().is_none_or(|(known, _)| *known < strength) {
            (self.name, self.identity) = (Some(name), Some((strength, identity)));
        }
    }

    fn distinguished_name(&mut self, name: &'a [u8], dn: &[u8]) {
        if let Some(common_name) = common_name(dn) {
            self.identified(name, Strength::Subject, Cow::Owned(dn.to_vec()));
            self.subject = self.subject.take().or_else(|| readable(&common_name));
        }
    }

    /// PEM, percent-encoded or with its lines folded, or plain base64, or between colons (RFC 8941 byte sequence).
    fn certificate(&mut self, name: &'a [u8], value: &'a [u8]) {
        let Some(der) = der_of(value) else {
            return self.identified(name, Strength::Hash, value.into());
        };
        if let Some(subject) = der::subject(&der) {
            self.subject = readable(&subject);
        }
        // As Envoy does, and as it is told of a handshake: one certificate has one identity however it came.
        self.identified(name, Strength::Certificate, hex(digest(&SHA256, &der).as_ref()).into());
    }

    /// `X-Forwarded-Client-Cert`: elements of `Key=value` pairs, one for each proxy, the last by the nearest.
    fn envoy(&mut self, name: &'a [u8], value: &'a [u8]) {
        let elements: Vec<Element<'a>> =
            split_outside_quotes(value, b',').take(ELEMENTS_MAX).map(Element::read).collect();
        let mut caller = elements.len().checked_sub(1);
        // The nearest proxy speaks of its own peer. Where that peer is the proxy that wrote the element before,
        // that element speaks of the caller; otherwise the caller may have sent it.
        while let Some((at, before)) = caller.and_then(|at| Some((at, at.checked_sub(1)?))) {
            let (Some(own), Some(earlier)) = (elements.get(at), elements.get(before)) else { break };
            if own.uri.is_none() || own.uri != earlier.by {
                break;
            }
            caller = Some(before);
        }
        let Some(element) = caller.and_then(|at| elements.get(at)) else { return };
        if let Some(hash) = element.hash {
            self.identified(name, Strength::Hash, hex_of(hash));
        }
        if let Some(subject) = element.subject {
            self.distinguished_name(name, subject);
        }
        if let Some(uri) = element.uri {
            self.identified(name, Strength::Subject, uri.into());
            self.subject = readable(uri);
        }
        if let Some(certificate) = element.certificate {
            self.certificate(name, certificate);
        }
    }
}

impl Presented<'_> {
    /// Says what the certificate headers came to: a credential in any case. A peer that is not `believed` could have
    /// written them itself, and what the proxy did not verify it only passed on: then it stands for nobody.
    /// The connection's `own` certificate is the caller's, unless its peer is a proxy that passed another one on.
    pub(crate) fn certificates_from(&mut self, believed: bool, own: Option<OwnCertificate>) {
        let said = std::mem::take(&mut self.certificates);
        for value in &said.raw {
            if value.len() >= HIDDEN_BYTES_MIN {
                self.hide(*value);
            }
        }
        let Some((name, (_, identity))) = said.name.zip(said.identity) else {
            return self.own_certificate(own);
        };
        let is_callers = believed && !said.refused;
        let (before, behind) = if is_callers { (None, own) } else { (own, None) };
        self.own_certificate(before);
        self.push(Kind::ClientCertificate, Location::Header, name, identity, CLASS, None, true);
        if is_callers {
            (self.certificate_believed, self.certificate_subject) = (true, said.subject);
        }
        self.own_certificate(behind);
    }

    /// The certificate that the connection itself was opened with.
    fn own_certificate(&mut self, own: Option<OwnCertificate>) {
        let Some(OwnCertificate { sha256, subject, is_proved }) = own else { return };
        let (at, identity) = (Location::Tls, Cow::Owned(hex(&sha256)));
        self.push(Kind::ClientCertificate, at, OWN_NAME, identity, CLASS, None, true);
        // A proxy that is believed has said whose it is.
        if !self.certificate_believed && is_proved {
            self.certificate_believed = true;
            self.certificate_subject = subject.as_deref().and_then(readable);
        }
    }
}

/// One element of Envoy's header; values keep their escapes.
#[derive(Default)]
struct Element<'a> {
    by: Option<&'a [u8]>,
    hash: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
    uri: Option<&'a [u8]>,
    certificate: Option<&'a [u8]>,
}

impl<'a> Element<'a> {
    fn read(text: &'a [u8]) -> Self {
        let mut element = Self::default();
        for pair in split_outside_quotes(text, b';').take(ELEMENTS_MAX) {
            let Some(equals) = memchr::memchr(b'=', pair) else { continue };
            let (key, value) = (pair.get(..equals).unwrap_or(&[]), pair.get(equals + 1..).unwrap_or(&[]));
            let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
            let slot = match key.to_ascii_lowercase().as_slice() {
                b"by" => &mut element.by,
                b"hash" => &mut element.hash,
                b"subject" => &mut element.subject,
                b"uri" => &mut element.uri,
                b"cert" => &mut element.certificate,
                _ => continue,
            };
            // A certificate may have several names of a kind; the first is its own.
            *slot = slot.or(Some(value)).filter(|value| !value.is_empty());
        }
        element
    }
}

fn split_outside_quotes(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |&b| {
        quoted ^= b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        b == separator && !quoted
    })
    .map(<[u8]>::trim_ascii)
}

/// `SUCCESS` of nginx and Apache, `0` of HAProxy.
fn is_success(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"success") || value == b"0" || value.eq_ignore_ascii_case(b"true")
}

/// Hex digits in lower case.
pub(crate) fn hex(bytes: &[u8]) -> Vec<u8> {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0') as u8;
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}

/// Hex without colons and blanks, in lower case; what is no hex stays as it is.
fn hex_of(value: &[u8]) -> Cow<'_, [u8]> {
    let digits: Vec<u8> =
        value.iter().filter(|b| !matches!(b, b':' | b' ')).map(u8::to_ascii_lowercase).collect();
    if digits.iter().all(u8::is_ascii_hexdigit) { digits.into() } else { value.into() }
}

/// The first certificate of a value, decoded.
fn der_of(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() > VALUE_BYTES_MAX {
        return None;
    }
    let meant = urlencoded::decode_path(value);
    let armour = b"-----BEGIN CERTIFICATE-----";
    let inner = match memchr::memmem::find(&meant, armour) {
        Some(at) => {
            let rest = meant.get(at + armour.len()..)?;
            rest.get(..memchr::memmem::find(rest, b"-----END").unwrap_or(rest.len()))?
        }
        None => meant.strip_prefix(b":").and_then(|v| v.strip_suffix(b":")).unwrap_or(&meant),
    };
    let base64: Vec<u8> = inner.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    // A certificate is a SEQUENCE with a length of two bytes.
    jwt::base64_any(&base64).filter(|der| der.starts_with(&[0x30, 0x82]))
}

/// The common name of `CN=a,O=b` (RFC 4514) or `/O=b/CN=a` (OpenSSL).
fn common_name(dn: &[u8]) -> Option<Vec<u8>> {
    let separator = if dn.starts_with(b"/") { b'/' } else { b',' };
    let mut rest = dn;
    while !rest.is_empty() {
        let (mut part, mut escaped, mut read) = (Vec::new(), false, 0);
        for &b in rest {
            read += 1;
            if b == separator && !escaped {
                break;
            }
            if b == b'\\' && !escaped {
                escaped = true;
            } else {
                escaped = false;
                part.push(b);
            }
        }
        rest = rest.get(read..).unwrap_or(&[]);
        let part = part.trim_ascii();
        if let Some((key, name)) = part.split_at_checked(3).filter(|_| part.len() > 3)
            && key.eq_ignore_ascii_case(b"cn=")
        {
            return Some(name.trim_ascii().to_vec());
        }
    }
    None
}

/// A name that may be written: it names somebody, and is no key.
fn readable(name: &[u8]) -> Option<Arc<str>> {
    text::name(name).filter(|_| !shape::looks_secret(name))
}

#[cfg(test)]
mod tests;
