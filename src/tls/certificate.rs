//! Certificates as they stand in a handshake (RFC 5280): whom they name, who gave them out, for how long, which key.
//! It is given DER from the wire; one that was read before is taken from a shelf.
//! It promises bounded names, and that a certificate nobody can read still has its hash.

use super::wire::Cursor;
use ahash::RandomState;
use ring::digest::{SHA256, digest};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::X509Name;

/// Certificates that a shard remembers; beyond it, the oldest is forgotten and will be read again.
const SHELF_MAX: usize = 4_096;
/// Names of one certificate that are told.
const NAMES_MAX: usize = 16;
/// Bytes of a name that are told.
const NAME_BYTES_MAX: usize = 255;

/// What a certificate says. Names are as they stand there: any bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER.
    pub sha256: [u8; 32],
    /// SHA-256 of its public key with the algorithm (SubjectPublicKeyInfo); none where it cannot be read.
    pub key_sha256: Option<[u8; 32]>,
    /// Whom it is given out to: the URI of a workload, else the common name, else a host's or mailbox's name.
    pub subject: Option<Box<[u8]>>,
    /// Hosts, addresses, mailboxes and URIs that it is good for, the first of them.
    pub names: Vec<Box<[u8]>>,
    /// Who gave it out: the common name, else the organisation.
    pub issuer: Option<Box<[u8]>>,
    /// Seconds since 1970 between which it is valid.
    pub validity: Option<(i64, i64)>,
    /// Issuer and subject are one and the same name.
    pub is_self_signed: bool,
}

/// Certificates that were read before.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    known: HashMap<[u8; 32], Arc<Certificate>, RandomState>,
    order: VecDeque<[u8; 32]>,
}

impl Shelf {
    /// The first certificate of a Certificate message, which is that of its sender. None where there is none: a client
    /// that has no certificate says so with an empty list.
    pub(super) fn sender(&mut self, message: &[u8], version: Option<u16>) -> Option<Arc<Certificate>> {
        let mut cursor = Cursor::new(message);
        if version == Some(0x0304) {
            cursor.vector8()?;
        }
        // The chain behind the first may have been cut off.
        cursor.u24()?;
        let der = cursor.vector24().filter(|der| !der.is_empty())?;
        Some(self.read(der))
    }

    fn read(&mut self, der: &[u8]) -> Arc<Certificate> {
        let sha256 = sha256(der);
        if let Some(known) = self.known.get(&sha256) {
            return Arc::clone(known);
        }
        if self.known.len() >= SHELF_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        let certificate = Arc::new(read(der, sha256));
        self.known.insert(sha256, Arc::clone(&certificate));
        self.order.push_back(sha256);
        certificate
    }
}

fn read(der: &[u8], sha256: [u8; 32]) -> Certificate {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(der) else {
        return Certificate { sha256, ..Certificate::default() };
    };
    let names = alternative_names(&parsed);
    let first = |wanted: Kind| names.iter().find(|(kind, _)| *kind == wanted).map(|(_, name)| &**name);
    let common_name = last_common_name(parsed.subject());
    let subject =
        first(Kind::Uri).or(common_name).or_else(|| first(Kind::Host)).or_else(|| first(Kind::Mailbox));
    let issuer = parsed.issuer();
    let organisation =
        || issuer.iter_organization().next().map(x509_parser::prelude::AttributeTypeAndValue::as_slice);
    let validity = parsed.validity();
    Certificate {
        sha256,
        key_sha256: Some(self::sha256(parsed.public_key().raw)),
        subject: subject.map(bounded),
        issuer: last_common_name(issuer).or_else(organisation).map(bounded),
        validity: Some((validity.not_before.timestamp(), validity.not_after.timestamp())),
        is_self_signed: issuer.as_raw() == parsed.subject().as_raw(),
        names: names.iter().take(NAMES_MAX).map(|(_, name)| bounded(name)).collect(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uri,
    Host,
    Mailbox,
    Address,
}

fn alternative_names(parsed: &X509Certificate<'_>) -> Vec<(Kind, Box<[u8]>)> {
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let found = names.value.general_names.iter().filter_map(|name| {
        Some(match name {
            GeneralName::URI(uri) => (Kind::Uri, uri.as_bytes().into()),
            GeneralName::DNSName(host) => (Kind::Host, host.as_bytes().into()),
            GeneralName::RFC822Name(mailbox) => (Kind::Mailbox, mailbox.as_bytes().into()),
            GeneralName::IPAddress(bytes) => (Kind::Address, address(bytes)?.to_string().as_bytes().into()),
            _ => return None,
        })
    });
    found.collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// The most specific common name comes last.
fn last_common_name<'a>(name: &'a X509Name<'_>) -> Option<&'a [u8]> {
    name.iter_common_name().last().map(x509_parser::prelude::AttributeTypeAndValue::as_slice)
}

fn bounded(name: &[u8]) -> Box<[u8]> {
    name.get(..NAME_BYTES_MAX).unwrap_or(name).into()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap_or_default()
}
