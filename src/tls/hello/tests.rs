//! Hellos made to measure: what is read of them, and what is said of those that make no sense.

use super::*;

/// A hello made to measure.
#[derive(Clone)]
pub(in crate::tls) struct Offer {
    pub(in crate::tls) version: u16,
    pub(in crate::tls) ciphers: Vec<u16>,
    pub(in crate::tls) extensions: Vec<(u16, Vec<u8>)>,
}

impl Offer {
    pub(in crate::tls) fn new(ciphers: &[u16]) -> Self {
        Self { version: 0x0303, ciphers: ciphers.to_vec(), extensions: Vec::new() }
    }

    #[must_use]
    pub(in crate::tls) fn with(mut self, kind: u16, content: impl Into<Vec<u8>>) -> Self {
        self.extensions.push((kind, content.into()));
        self
    }

    #[must_use]
    pub(in crate::tls) fn named(self, name: &[u8]) -> Self {
        let entry = [&[0], vector16(name).as_slice()].concat();
        self.with(extension::SERVER_NAME, vector16(&entry))
    }

    #[must_use]
    pub(in crate::tls) fn speaking(self, protocols: &[&[u8]]) -> Self {
        let list: Vec<u8> = protocols.iter().flat_map(|p| [&[p.len() as u8][..], p].concat()).collect();
        self.with(extension::ALPN, vector16(&list))
    }

    #[must_use]
    pub(in crate::tls) fn signing(self, algorithms: &[u16]) -> Self {
        self.with(extension::SIGNATURE_ALGORITHMS, vector16(&bytes(algorithms)))
    }

    #[must_use]
    pub(in crate::tls) fn of_versions(self, versions: &[u16]) -> Self {
        let list = bytes(versions);
        self.with(extension::SUPPORTED_VERSIONS, [&[list.len() as u8][..], &list].concat())
    }

    /// The message's body.
    pub(in crate::tls) fn body(&self) -> Vec<u8> {
        let mut body = [&self.version.to_be_bytes()[..], &[7; 32], &[0]].concat();
        body.extend(vector16(&bytes(&self.ciphers)));
        body.extend([1, 0]);
        if !self.extensions.is_empty() {
            let one =
                |(kind, content): &(u16, Vec<u8>)| [&kind.to_be_bytes()[..], &vector16(content)].concat();
            body.extend(vector16(&self.extensions.iter().flat_map(one).collect::<Vec<u8>>()));
        }
        body
    }
}

pub(in crate::tls) fn vector16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

fn bytes(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

#[test]
fn an_offer_is_read_in_the_order_of_the_wire() {
    let offer = Offer::new(&[0x1301, 0xC02F])
        .named(b"api.example.com")
        .speaking(&[b"h2", b"http/1.1"])
        .signing(&[0x0804, 0x0403])
        .of_versions(&[0x1A1A, 0x0303, 0x0304]);
    let body = offer.body();
    let hello = ClientHello::read(&body, true).unwrap();
    assert!(hello.is_sound);
    assert_eq!(hello.version(), 0x0304);
    assert_eq!(hello.extensions().map(|(kind, _)| kind).collect::<Vec<_>>(), [0, 16, 13, 43]);
    assert_eq!(hello.alpn().collect::<Vec<_>>(), [&b"h2"[..], b"http/1.1"]);
    assert_eq!(hello.signature_algorithms().collect::<Vec<_>>(), [0x0804, 0x0403]);
    assert_eq!(hello.server_name(), Some(ServerName { name: b"api.example.com", is_odd: false }));
}

#[track_caller]
fn check_name(offer: &Offer, expected: Option<(&[u8], bool)>) {
    let body = offer.body();
    let found = ClientHello::read(&body, true).unwrap().server_name();
    assert_eq!(found.map(|found| (found.name, found.is_odd)), expected);
}

#[test]
fn odd_names_are_flagged_and_bounded() {
    let offer = || Offer::new(&[0x1301]);
    check_name(&offer(), None);
    check_name(&offer().named(b"a.example"), Some((b"a.example", false)));
    check_name(&offer().named(b"under_score.example"), Some((b"under_score.example", false)));
    check_name(&offer().named(b""), Some((b"", true)));
    check_name(&offer().named(b"nul\0.example"), Some((b"nul\0.example", true)));
    check_name(&offer().named(b"\xff\xfe.example"), Some((b"\xff\xfe.example", true)));
    check_name(&offer().named(b"192.0.2.1"), Some((b"192.0.2.1", true)));
    check_name(&offer().named(b"2001:db8::1"), Some((b"2001:db8::1", true)));
    check_name(&offer().named(&[b'a'; 255]), Some((&[b'a'; 255], false)));
    check_name(&offer().named(&vec![b'a'; 60_000]), Some((&[b'a'; 255], true)));
    check_name(&offer().with(extension::SERVER_NAME, *b""), Some((b"", true)));
    let entry = |name: &[u8]| [&[0], vector16(name).as_slice()].concat();
    let two = vector16(&[entry(b"one.example"), entry(b"two.example")].concat());
    check_name(&offer().with(extension::SERVER_NAME, two), Some((b"one.example", true)));
    check_name(&offer().named(b"one.example").named(b"two.example"), Some((b"one.example", false)));
}

#[test]
fn a_name_is_read_from_a_hello_that_is_cut_and_no_more_is_claimed() {
    let body = Offer::new(&[0x1301]).named(&vec![b'a'; 60_000]).body();
    let hello = ClientHello::read(&body[..4_096], false).unwrap();
    assert!(!hello.is_sound);
    assert_eq!(hello.server_name(), Some(ServerName { name: &[b'a'; 255], is_odd: true }));
}

#[test]
fn a_hello_that_contradicts_its_lengths_is_not_sound() {
    let body = Offer::new(&[0x1301]).named(b"a.example").body();
    assert!(ClientHello::read(&body, true).unwrap().is_sound);
    assert!(!ClientHello::read(&[&body[..], b"x"].concat(), true).unwrap().is_sound);
    for cut in 0..body.len() {
        let sound = ClientHello::read(&body[..cut], true).is_some_and(|hello| hello.is_sound);
        // Without its extensions a hello is whole.
        let extensions_begin = body.len() - 2 - 4 - 5 - b"a.example".len();
        assert_eq!(sound, cut == extensions_begin, "{cut}");
    }
}

#[test]
fn a_front_is_told_by_the_outer_hello_alone() {
    let hides = |offer: Offer| ClientHello::read(&offer.body(), true).unwrap().hides_name();
    assert!(hides(Offer::new(&[0x1301]).with(extension::ENCRYPTED_CLIENT_HELLO, *b"\0rest")));
    assert!(!hides(Offer::new(&[0x1301]).with(extension::ENCRYPTED_CLIENT_HELLO, *b"\x01")));
    assert!(!hides(Offer::new(&[0x1301])));
}
