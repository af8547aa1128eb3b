//! The PROXY protocol's preamble (versions 1 and 2), with which a balancer says for whom it opens a connection.
//! It is given the first bytes of a connection and says where the preamble ends and which address it names.
//! It promises an answer within some four kilobytes; whether the address is believed is not decided here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Version 1: `PROXY TCP4 192.0.2.1 10.0.0.5 51514 443\r\n`; the specification knows none longer than this.
const V1_BYTES_MAX: usize = 107;
const V1_START: &[u8] = b"PROXY ";
/// Version 2: this, then version and command, family, and the length of what follows.
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_HEAD_BYTES: usize = 16;
/// What follows in version 2: addresses and further facts (TLVs). Real ones stay below a kilobyte.
const V2_REST_BYTES_MAX: usize = 4096;

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preamble {
    /// No preamble: these bytes belong to the protocol itself.
    None,
    /// Too few bytes to say; more will tell.
    Short,
    /// A preamble of this many bytes, and the address it names; none for a balancer's own checks and for families
    /// without addresses.
    Whole { bytes: usize, source: Option<IpAddr> },
    /// A preamble of this many bytes that makes no sense, which a strict receiver answers with a close.
    Broken { bytes: usize },
    /// A preamble without an end, or of a version that nobody knows.
    Endless,
}

/// Reads the first bytes of a connection.
pub(super) fn read(bytes: &[u8]) -> Preamble {
    if bytes.is_empty() {
        return Preamble::Short;
    }
    if starts(bytes, V2_START) {
        return version_2(bytes);
    }
    if starts(bytes, V1_START) { version_1(bytes) } else { Preamble::None }
}

/// A line of text. `PROXY` may be the method of a request, too: the family tells.
fn version_1(bytes: &[u8]) -> Preamble {
    const FAMILIES: [&[u8]; 3] = [b"TCP4 ", b"TCP6 ", b"UNKNOWN"];
    let rest = bytes.get(V1_START.len()..).unwrap_or(&[]);
    if !FAMILIES.iter().any(|family| starts(rest, family)) {
        return Preamble::None;
    }
    let window = bytes.get(..V1_BYTES_MAX).unwrap_or(bytes);
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if bytes.len() >= V1_BYTES_MAX { Preamble::Endless } else { Preamble::Short };
    };
    let line = window.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let bytes = end + 1;
    let words: Vec<&str> =
        line.and_then(|l| std::str::from_utf8(l).ok()).unwrap_or_default().split(' ').collect();
    let source = match words[..] {
        // The rest of the line means nothing.
        ["PROXY", "UNKNOWN", ..] => return Preamble::Whole { bytes, source: None },
        ["PROXY", family, source, target, source_port, target_port]
            if is_port(source_port) && is_port(target_port) =>
        {
            match family {
                "TCP4" => first_of::<Ipv4Addr>(source, target),
                _ => first_of::<Ipv6Addr>(source, target),
            }
        }
        _ => None,
    };
    source.map_or(Preamble::Broken { bytes }, |source| whole(bytes, source))
}

/// The first of two addresses that must both be of this family.
fn first_of<A: FromStr + Into<IpAddr>>(source: &str, target: &str) -> Option<IpAddr> {
    target.parse::<A>().ok()?;
    source.parse::<A>().ok().map(A::into)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// A binary head, then as many bytes as it says: addresses by family, and what else the balancer tells.
fn version_2(bytes: &[u8]) -> Preamble {
    let Some((head, rest)) = bytes.split_at_checked(V2_HEAD_BYTES) else { return Preamble::Short };
    let &[.., command, family, high, low] = head else { return Preamble::Short };
    let announced = usize::from(u16::from_be_bytes([high, low]));
    if command >> 4 != 2 || announced > V2_REST_BYTES_MAX {
        return Preamble::Endless;
    }
    let Some(rest) = rest.get(..announced) else { return Preamble::Short };
    let bytes = V2_HEAD_BYTES + announced;
    match (command & 0xF, family >> 4) {
        // LOCAL: the balancer speaks for itself, whatever addresses follow. And a family without addresses.
        (0, _) | (1, 0) => Preamble::Whole { bytes, source: None },
        // Two addresses and two ports.
        (1, 1) => match rest {
            &[a, b, c, d, _, _, _, _, _, _, _, _, ..] => whole(bytes, Ipv4Addr::new(a, b, c, d)),
            _ => Preamble::Broken { bytes },
        },
        (1, 2) => match rest.first_chunk::<36>().and_then(|addresses| addresses.first_chunk::<16>()) {
            Some(&source) => whole(bytes, Ipv6Addr::from(source)),
            None => Preamble::Broken { bytes },
        },
        // Two paths of UNIX sockets, 108 bytes each.
        (1, 3) if announced >= 216 => Preamble::Whole { bytes, source: None },
        _ => Preamble::Broken { bytes },
    }
}

fn whole(bytes: usize, source: impl Into<IpAddr>) -> Preamble {
    Preamble::Whole { bytes, source: Some(source.into()) }
}

/// Whether `bytes` begins with `start`, as far as there are bytes.
fn starts(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [V2_START, &[command, family], &len, rest].concat()
    }

    #[track_caller]
    fn check(preamble: &[u8], source: Option<&str>) {
        let source = source.map(|ip| ip.parse().unwrap());
        let expected = Preamble::Whole { bytes: preamble.len(), source };
        let with_request = [preamble, b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(read(&with_request), expected, "{}", preamble.escape_ascii());
        for cut in 0..preamble.len() {
            assert_eq!(read(&preamble[..cut]), Preamble::Short, "{} cut at {cut}", preamble.escape_ascii());
        }
    }

    const ADDRESSES: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 5, 0xC9, 0x3A, 1, 0xBB];

    #[test]
    fn both_versions_name_the_source() {
        check(b"PROXY TCP4 192.0.2.1 10.0.0.5 51514 443\r\n", Some("192.0.2.1"));
        check(b"PROXY TCP6 2001:db8::1 ::1 51514 443\r\n", Some("2001:db8::1"));
        check(&v2(0x21, 0x11, &ADDRESSES), Some("192.0.2.1"));
        let v6 = [&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 20]].concat();
        check(&v2(0x21, 0x21, &v6), Some("2001:db8::1"));
        // Further facts behind the addresses are stepped over.
        check(&v2(0x21, 0x11, &[&ADDRESSES[..], &[3, 0, 4, 1, 2, 3, 4]].concat()), Some("192.0.2.1"));
    }

    #[test]
    fn some_name_nobody() {
        check(b"PROXY UNKNOWN\r\n", None);
        check(b"PROXY UNKNOWN ffff:f::1 whatever\r\n", None);
        check(&v2(0x20, 0x00, b""), None);
        check(&v2(0x20, 0x11, &ADDRESSES), None);
        check(&v2(0x21, 0x00, b"abc"), None);
        check(&v2(0x21, 0x31, &[0; 216]), None);
    }

    #[test]
    fn what_makes_no_sense_has_an_end_at_least() {
        for line in [
            "PROXY TCP4 192.0.2.1 10.0.0.5 51514\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.5 51514 65536\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.5 +1 443\r\n",
            "PROXY TCP4 2001:db8::1 10.0.0.5 51514 443\r\n",
            "PROXY TCP4  192.0.2.1 10.0.0.5 51514 443\r\n",
            "PROXY TCP6 192.0.2.1 10.0.0.5 51514 443\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.5 51514 443\n",
        ] {
            assert_eq!(read(line.as_bytes()), Preamble::Broken { bytes: line.len() }, "{line:?}");
        }
        for broken in [v2(0x21, 0x11, &ADDRESSES[..11]), v2(0x21, 0x21, &[0; 35]), v2(0x22, 0x11, &ADDRESSES)]
        {
            assert_eq!(read(&broken), Preamble::Broken { bytes: broken.len() }, "{broken:?}");
        }
        assert_eq!(read(&v2(0x11, 0x11, &ADDRESSES)), Preamble::Endless, "version 1 in version 2's clothes");
        assert_eq!(read(&v2(0x21, 0x11, &[0; V2_REST_BYTES_MAX + 1])), Preamble::Endless);
        assert_eq!(read(&[b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat()), Preamble::Endless);
    }

    #[test]
    fn other_beginnings_are_none() {
        for other in [
            "GET / HTTP/1.1\r\n",
            "PROXY /x HTTP/1.1\r\n",
            "POST ",
            "\r\n\r\nGET",
            "PRI * HTTP/2.0",
            "\x16\x03\x01",
        ] {
            assert_eq!(read(other.as_bytes()), Preamble::None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_within_the_limit(tail in prop::collection::vec(any::<u8>(), 0..200), v1 in any::<bool>()) {
            let bytes = [if v1 { b"PROXY TCP4 ".as_slice() } else { V2_START }, &tail].concat();
            let longest = [bytes.clone(), vec![0; V2_HEAD_BYTES + V2_REST_BYTES_MAX]].concat();
            prop_assert_ne!(read(&longest), Preamble::Short);
            if let Preamble::Whole { bytes: end, .. } | Preamble::Broken { bytes: end } = read(&bytes) {
                prop_assert!(end <= bytes.len());
            }
        }
    }
}
