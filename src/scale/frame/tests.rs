//! What is read is what was written, all of it and nothing else; and no token is in it.

use super::samples::{connection, sighting};
use super::*;
use crate::decode::{Endpoint, Tunnel, Vlans};
use crate::http::{Body, Exchange, Header, Message, StartLine};
use crate::identity::clues::Ends;
use crate::identity::config::{Identity, Network, Privacy};
use crate::identity::geo::Geo;
use crate::identity::secret::Keyring;
use crate::identity::{Bench, Extractor, Settings};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use expect_test::expect;
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::health::Kernel;
use heelguard_detectors::position::Position;
use heelguard_detectors::session::EndCause;
use heelguard_detectors::story;
use heelguard_detectors::transaction::{Completeness, Protocol, Transaction};
use proptest::prelude::*;

/// Lengths of the three lists, where all are empty.
const EMPTY_LISTS_BYTES: usize = 24;

fn sender() -> Sender {
    Sender {
        tenant: "acme".into(),
        sensor: "sensor-1".into(),
        pair: "edge".into(),
        key: [1, 2, 3, 4, 5, 6, 7, 8],
        run: u64::MAX,
    }
}

fn frame_of(sightings: Vec<Box<Sighting>>) -> Frame {
    Frame {
        sender: sender(),
        number: 7,
        sent_ms: 1_795_255_200_123,
        watermark: EventTime::from_secs(1_795_255_200),
        phase: Phase::Goes,
        sightings,
        connections: Vec::new(),
        seconds: Vec::new(),
    }
}

fn frame() -> Frame {
    let second = |end, delivered| Second {
        end: EventTime::from_secs(end),
        bytes: Bytes { delivered, missing: 2, encrypted: 3, quic: 4 },
        kernel: Kernel { received: 5, dropped: 6 },
    };
    Frame {
        phase: Phase::Stopped,
        connections: vec![Box::new(connection())],
        seconds: vec![second(1, 1), second(2, u64::MAX)],
        ..frame_of(vec![Box::new(sighting()), Box::new(sighting())])
    }
}

fn written(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    bytes
}

#[track_caller]
fn check_same(frame: &Frame) {
    let bytes = written(frame);
    let read = Frame::read(&bytes).unwrap();
    assert_eq!(format!("{read:#?}"), format!("{frame:#?}"));
    assert!(written(&read) == bytes, "written again it is the same");
}

#[test]
fn every_part_comes_back() {
    check_same(&frame());
    for phase in [Phase::Goes, Phase::Stopped, Phase::Ended] {
        check_same(&Frame { phase, ..frame_of(Vec::new()) });
    }
    for ends in [Ends::Own, Ends::All, Ends::Others, Ends::Named, Ends::Account] {
        let mut sighting = sighting();
        sighting.clues.ends = Some((ends, EndCause::Logout));
        if let Some(request) = &mut sighting.transaction.request {
            request.position = Some(Position::Number(u64::MAX));
        }
        check_same(&frame_of(vec![Box::new(sighting)]));
    }
}

#[test]
fn whole_stories_come_back() {
    let told = story::transactions(
        "10:00:00 203.0.113.7 -> login POST /login 401 user=u{1..3} every 1s
         10:00:05 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=totp code=123456 place=52.5,13.4
         10:00:06 2001:db8::7 -> use GET /v1/orders 200 user=ann jwt=RS256 exp=-90s at=7
         10:00:07 10.0.0.7 -> use GET /v1/orders - key=stripe_live:k1 grpc",
    )
    .unwrap();
    let mut bytes = Vec::new();
    told.save(&mut bytes);
    let mut from = bytes.as_slice();
    let read = Vec::<Transaction>::load(&mut from).unwrap();
    assert_eq!(format!("{read:#?}"), format!("{told:#?}"));
    assert!(from.is_empty());
}

/// Sensors and workers of two versions meet on one topic: another form wants another number.
#[test]
fn the_form_is_that_of_version_1() {
    let bytes = written(&frame());
    expect!["5394 bytes, 09947df5d8b3106e26c50c7e34333ab68e058419ef86adf28d7c6431bcbc7b7b"]
        .assert_eq(&format!("{} bytes, {}", bytes.len(), blake3::hash(&bytes).to_hex()));
}

#[test]
fn other_versions_are_told_from_damage() {
    let mut bytes = written(&frame());
    bytes[0] = 2;
    let error = Frame::read(&bytes).unwrap_err();
    assert_eq!(error, Unreadable::Newer(2));
    assert_eq!(error.to_string(), "the frame is of version 2; this program knows versions up to 1");
    bytes[0] = 0;
    assert_eq!(Frame::read(&bytes).unwrap_err(), Unreadable::Damaged);
}

#[test]
fn what_is_cut_off_or_goes_on_is_damaged() {
    let mut bytes = written(&frame());
    for end in 0..bytes.len() {
        assert_eq!(Frame::read(&bytes[..end]).err(), Some(Unreadable::Damaged), "{end}");
    }
    bytes.push(0);
    assert_eq!(Frame::read(&bytes).err(), Some(Unreadable::Damaged));
}

#[test]
fn a_huge_length_costs_nothing() {
    let bytes = written(&frame_of(Vec::new()));
    for list in 0..3 {
        let mut huge = bytes.clone();
        let at = bytes.len() - EMPTY_LISTS_BYTES + 8 * list;
        huge[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Frame::read(&huge).err(), Some(Unreadable::Damaged), "{list}");
    }
}

proptest! {
    #[test]
    fn damage_is_an_error_or_another_frame(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end: prop::sample::Index,
    ) {
        let mut bytes = written(&frame());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = Frame::read(&bytes[..end.index(bytes.len())]);
        if let Ok(frame) = Frame::read(&bytes) {
            let again = Frame::read(&written(&frame)).unwrap();
            prop_assert_eq!(format!("{again:?}"), format!("{frame:?}"));
        }
    }

    #[test]
    fn any_bytes_are_an_error_at_worst(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Frame::read(&bytes);
        bytes.insert(0, VERSION);
        let _ = Frame::read(&bytes);
    }
}

/// The first line is method and target, or a status; then headers, an empty line, and the body.
fn message(text: &str) -> Message {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let range = |part: &str| {
        let from = part.as_ptr() as usize - head.as_ptr() as usize;
        from as u32..(from + part.len()) as u32
    };
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    let start = match first.split_once(' ') {
        Some((method, target)) => StartLine::Request { method: range(method), target: range(target) },
        None => StartLine::Response { status: first.parse().unwrap() },
    };
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        Header { name: range(name), value: range(value) }
    });
    let at = EventTime::from_secs(1_794_211_200);
    Message {
        start,
        headers: headers.collect(),
        trailers: Vec::new(),
        body: Body {
            bytes: body.len() as u64,
            prefix: body.as_bytes().to_vec(),
            complete: true,
            messages: None,
        },
        first_byte: at,
        last_byte: at,
        head: head.as_bytes().to_vec(),
    }
}

fn seen(request: &str, answer: &str) -> Sighting {
    let keyring = Keyring::from_bytes(&[7; 32]).unwrap();
    let (network, identity, privacy) = (Network::default(), Identity::default(), Privacy::default());
    let settings = Settings::build(&network, &identity, &privacy, keyring, Geo::builtin()).unwrap();
    let at = EventTime::from_secs(1_794_211_200);
    Extractor::new(Arc::new(settings)).extract(Exchange {
        client: Endpoint { ip: [203, 0, 113, 7].into(), port: 51_514 },
        server: Endpoint { ip: [10, 0, 0, 5].into(), port: 8_080 },
        proxied_for: None,
        vlans: Vlans::default(),
        tunnel: Tunnel::default(),
        flow_opened_at: at,
        ordinal: 5,
        protocol: Protocol::Http11,
        tls: None,
        time: at,
        end: at,
        request: Some(message(request)),
        response: Some(message(answer)),
        completeness: Completeness::Whole,
        anomalies: AnomalySet::EMPTY,
    })
}

#[test]
fn no_token_is_in_a_frame_whether_it_was_judged_or_not() {
    let token = |sub: &str, byte: u8| {
        let claims = format!(r#"{{"iss":"https://id.acme.example","sub":"{sub}","exp":1794212000}}"#);
        let head = B64.encode(r#"{"alg":"RS256","typ":"at+jwt","kid":"k1"}"#);
        format!("{head}.{}.{}", B64.encode(claims), B64.encode([byte; 256]))
    };
    let (presented, issued) = (token("u1", 0xa7), token("u2", 0xb9));
    let request = format!(
        "POST /oauth/token\nHost: id.acme.example\nAuthorization: Bearer {presented}\n\
         Content-Type: application/x-www-form-urlencoded\n\ngrant_type=client_credentials&client_id=web"
    );
    let answer = format!("200\nContent-Type: application/json\n\n{{\"access_token\":\"{issued}\"}}");
    let mut sighting = seen(&request, &answer);
    assert_eq!(sighting.clues.ordinal, 5);
    assert!(sighting.clues.token.is_some() && !sighting.clues.issued_tokens.is_empty());
    for is_judged in [false, true] {
        if is_judged {
            Bench::new(Arc::default(), &Keyring::ephemeral().unwrap()).judge(&mut sighting);
            assert!(sighting.clues.token.is_none() && sighting.clues.issued_tokens.is_empty());
        }
        let frame = frame_of(vec![Box::new(sighting)]);
        let bytes = written(&frame);
        for secret in [&presented, &issued] {
            for piece in secret.as_bytes().windows(12) {
                assert!(memchr::memmem::find(&bytes, piece).is_none(), "{is_judged}");
            }
        }
        for signature in [[0xa7; 12], [0xb9; 12]] {
            assert!(memchr::memmem::find(&bytes, &signature).is_none(), "{is_judged}");
        }
        let [read] = <[Box<Sighting>; 1]>::try_from(Frame::read(&bytes).unwrap().sightings).unwrap();
        assert!(read.clues.token.is_none() && read.clues.issued_tokens.is_empty());
        assert_eq!(read.clues.ordinal, 5);
        let [back] = <[Box<Sighting>; 1]>::try_from(frame.sightings).unwrap();
        sighting = *back;
    }
}
