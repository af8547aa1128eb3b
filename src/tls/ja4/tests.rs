//! JA4 by the specification's own examples and its edge cases, and the variant that resumption does not change.

use super::*;
use crate::tls::hello::tests::{Offer, vector16};

#[track_caller]
fn check(offer: &Offer, expected: &str) {
    assert_eq!(names(offer)[0], expected);
}

fn names(offer: &Offer) -> [String; 2] {
    let body = offer.body();
    let hello = ClientHello::read(&body, true).unwrap();
    of(&hello, Transport::Tcp).map(|name| String::from_utf8(name.to_vec()).unwrap())
}

const CIPHERS: [u16; 15] = [
    0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D,
    0x002F, 0x0035,
];
const SIGNATURES: [u16; 8] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];

/// The example of the specification, extensions in its order: `signing` leaves the signature algorithms out.
fn example(signing: bool) -> Offer {
    let mut offer = Offer::new(&CIPHERS);
    for kind in [0x1B, 0, 0x33, 0x10, 0x4469, 0x17, 0x2D, 0x0D, 5, 0x23, 0x12, 0x2B, 0xFF01, 0x0B, 0x0A, 0x15]
    {
        offer = match kind {
            0 => offer.named(b"example.com"),
            0x10 => offer.speaking(&[b"h2", b"http/1.1"]),
            0x2B => offer.of_versions(&[0x2A2A, 0x0304, 0x0303]),
            0x0D if signing => offer.signing(&SIGNATURES),
            kind => offer.with(kind, *b""),
        };
    }
    offer
}

#[test]
fn the_specifications_own_examples_come_out() {
    check(&example(true), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    check(&example(false), "t13d1516h2_8daaf6152771_6d807ffa2a79");
}

#[test]
fn grease_counts_nothing_wherever_it_stands() {
    let mut offer = example(true);
    offer.ciphers.insert(0, 0x4A4A);
    offer.extensions.insert(0, (0x8A8A, Vec::new()));
    offer.extensions.push((0xFAFA, vec![0]));
    check(&offer, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    let signatures = [&[0x3A3A], &SIGNATURES[..]].concat();
    offer.extensions.retain(|(kind, _)| *kind != extension::SIGNATURE_ALGORITHMS);
    check(&offer.signing(&signatures), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

#[test]
fn the_order_of_extensions_is_no_matter() {
    let mut offer = example(true);
    offer.extensions.reverse();
    check(&offer, "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

#[test]
fn empty_lists_are_told_by_zeros() {
    check(&Offer::new(&[0x0A0A]), "t12i000000_000000000000_000000000000");
    let only_named = Offer::new(&[0x0A0A]).named(b"a.example").speaking(&[b"h2"]);
    check(&only_named, "t12d0002h2_000000000000_000000000000");
    // Signature algorithms are an extension themselves, so a list of none has none.
    let signing = Offer::new(&[0x0A0A]).signing(&[0x0403]);
    assert!(!names(&signing)[0].ends_with(NOTHING));
}

#[test]
fn a_protocol_is_told_by_its_ends_and_an_odd_one_by_its_hex_digits() {
    let cases: [(&[u8], &str); 10] = [
        (b"http/1.1", "h1"),
        (b"h", "hh"),
        (b"", "00"),
        (b"\xAB", "ab"),
        (b"\xAB\xCD", "ad"),
        (b"\x30\xAB", "3b"),
        (b"\x30\x31\xAB\xCD", "3d"),
        (b"\x30\xAB\xCD\x31", "01"),
        (b"-x", "28"),
        (b"Z9", "Z9"),
    ];
    for (protocol, letters) in cases {
        let name = &names(&Offer::new(&[0x1301]).speaking(&[protocol]))[0];
        assert_eq!(&name[8..10], letters, "{}", protocol.escape_ascii());
    }
    assert_eq!(&names(&Offer::new(&[0x1301]))[0][8..10], "00");
    assert_eq!(&names(&Offer::new(&[0x1301]).with(extension::ALPN, vector16(b"")))[0][8..10], "00");
}

#[test]
fn versions_and_counts_have_two_places_each() {
    for (version, letters) in [(0x0300, "s3"), (0x0301, "10"), (0x0302, "11"), (0x0303, "12"), (0x0399, "00")]
    {
        let offer = Offer { version, ..Offer::new(&[0x1301]) };
        assert_eq!(&names(&offer)[0][1..3], letters);
    }
    let many: Vec<u16> = (0..120).map(|n| 0xC000 + n).collect();
    assert_eq!(&names(&Offer::new(&many))[0][4..6], "99");
    assert_eq!(&names(&Offer::new(&many[..99]))[0][4..6], "99");
    assert_eq!(&names(&Offer::new(&many[..98]))[0][4..6], "98");
}

#[test]
fn a_client_that_resumes_keeps_its_stable_name() {
    let [first, stable] = names(&example(true));
    let mut again = example(true);
    again.extensions.retain(|(kind, _)| *kind != extension::PADDING);
    let again = again.with(extension::EARLY_DATA, *b"").with(extension::PRE_SHARED_KEY, *b"ticket");
    let [second, stable_again] = names(&again);
    assert_ne!(first, second, "JA4 itself changes");
    assert_eq!(stable, stable_again);
    assert!(stable.starts_with("t13d1514h2_8daaf6152771_"), "{stable}");
    // Another client is another name all the same.
    let other = again.with(0x1234, *b"");
    assert_ne!(names(&other)[1], stable);
}
