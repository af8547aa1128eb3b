//! The one thing that is read of a certificate (RFC 5280 4.1): the name it is given out to.
//! It is given DER and steps over what it has no use for.
//! It promises to read no further than the lengths allow, and to give the URI of a workload, else the common
//! name, else a host's or mailbox's name.

/// Elements of a certificate that are looked at in one sequence.
const ELEMENTS_MAX: usize = 64;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;
/// Choices of GeneralName: an e-mail address, a host's name, a URI.
const MAILBOX: u8 = 0x81;
const HOST: u8 = 0x82;
const URI: u8 = 0x86;
/// 2.5.4.3 and 2.5.29.17.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1D, 0x11];

/// The name of the subject.
pub(super) fn subject(der: &[u8]) -> Option<Vec<u8>> {
    let (SEQUENCE, certificate, _) = element(der)? else { return None };
    let (SEQUENCE, signed, _) = element(certificate)? else { return None };
    let mut parts = elements(signed).filter(|(tag, _)| *tag != VERSION);
    // Serial number, algorithm, issuer and validity come first.
    let (SEQUENCE, subject) = parts.nth(4)? else { return None };
    let extensions = parts.find(|(tag, _)| *tag == EXTENSIONS).and_then(|(_, inner)| element(inner));
    let names: Vec<(u8, &[u8])> = extensions.map_or(Vec::new(), |(_, list, _)| alternative_names(list));
    let first = |wanted: u8| names.iter().find(|(tag, _)| *tag == wanted).map(|(_, name)| name.to_vec());
    first(URI).or_else(|| common_name(subject)).or_else(|| first(HOST)).or_else(|| first(MAILBOX))
}

fn alternative_names(extensions: &[u8]) -> Vec<(u8, &[u8])> {
    let value = elements(extensions).find_map(|(_, extension)| {
        let mut parts = elements(extension);
        let is_it = parts.next() == Some((OBJECT_ID, ALTERNATIVE_NAMES));
        parts.find(|(tag, _)| is_it && *tag == OCTET_STRING)
    });
    let list = value.and_then(|(_, octets)| element(octets)).map_or(&[][..], |(_, list, _)| list);
    elements(list).collect()
}

/// The last common name: the most specific comes last.
fn common_name(name: &[u8]) -> Option<Vec<u8>> {
    let sets = elements(name).filter(|(tag, _)| *tag == SET);
    let named = sets.filter_map(|(_, set)| {
        let mut parts = elements(element(set)?.1);
        (parts.next() == Some((OBJECT_ID, COMMON_NAME))).then(|| parts.next()).flatten()
    });
    named.last().map(|(_, value)| value.to_vec())
}

/// Tag and content of each element of a sequence.
fn elements(mut content: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let next = move || {
        let (tag, inner, rest) = element(content)?;
        content = rest;
        Some((tag, inner))
    };
    std::iter::from_fn(next).take(ELEMENTS_MAX)
}

/// Tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0usize, |len, &b| len << 8 | usize::from(b)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}
