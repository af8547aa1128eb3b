//! The decoder against the RFC's examples, an encoder of our own, a decoder of others, and what their encoders made.

#[path = "tests/encoder.rs"]
mod encoder;
#[path = "tests/stories.rs"]
mod stories;

use super::super::fields::{Fields, slice};
use super::{Decoder, Scratch};
use encoder::{Encoder, Form};
use proptest::prelude::*;

const KEPT: usize = 65_536;

fn decode(decoder: &mut Decoder, block: &[u8]) -> Fields {
    let mut fields = Fields::new(1 << 20);
    decoder.decode(block, KEPT, &mut Scratch::default(), &mut fields);
    fields
}

/// Lines of a block; pseudo-fields as far as they are no lines.
fn told(fields: &Fields) -> Vec<String> {
    let text = |range| String::from_utf8_lossy(slice(&fields.text, range)).into_owned();
    let said = [
        (":method", &fields.pseudo.method),
        (":path", &fields.pseudo.path),
        (":status", &fields.pseudo.status),
    ];
    let pseudo = said.iter().filter_map(|(name, value)| Some(format!("{name}: {}", text(value.as_ref()?))));
    let lines = fields.lines.iter().map(|line| format!("{}: {}", text(&line.name), text(&line.value)));
    let unknown = (fields.unknown > 0).then(|| format!("{} unknown", fields.unknown));
    let broken = fields.broken.then(|| "broken".to_owned());
    pseudo.chain(lines).chain(unknown).chain(broken).collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

#[track_caller]
fn check(decoder: &mut Decoder, block: &str, expected: &[&str]) {
    assert_eq!(told(&decode(decoder, &hex(block))), expected, "{block}");
}

#[test]
fn requests_of_appendix_c() {
    // C.3 in letters, C.4 in Huffman code: the same fields and the same table.
    let rows = [
        ["828684410f7777772e6578616d706c652e636f6d", "828684418cf1e3c2e5f23a6ba0ab90f4ff"],
        ["828684be58086e6f2d6361636865", "828684be5886a8eb10649cbf"],
        [
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ],
    ];
    for form in [0, 1] {
        let mut decoder = Decoder::new();
        let first = [":method: GET", ":path: /", ":scheme: http", "host: www.example.com"];
        check(&mut decoder, rows[0][form], &first);
        check(&mut decoder, rows[1][form], &[&first[..], &["cache-control: no-cache"]].concat());
        let third = [
            ":method: GET",
            ":path: /index.html",
            ":scheme: https",
            "host: www.example.com",
            "custom-key: custom-value",
        ];
        check(&mut decoder, rows[2][form], &third);
    }
}

#[test]
fn responses_of_appendix_c_evict() {
    let rows = [
        [
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        ],
        ["4803333037c1c0bf", "4883640effc1c0bf"],
        [
            "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
            "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        ],
    ];
    for form in [0, 1] {
        let mut decoder = Decoder::new();
        decode(&mut decoder, &hex("3fe101"));
        let tail = |second: u8| {
            vec![
                "cache-control: private".to_owned(),
                format!("date: Mon, 21 Oct 2013 20:13:{second} GMT"),
                "location: https://www.example.com".to_owned(),
            ]
        };
        let all = |status: &str, second| [vec![format!(":status: {status}")], tail(second)].concat();
        assert_eq!(told(&decode(&mut decoder, &hex(rows[0][form]))), all("302", 21));
        assert_eq!(told(&decode(&mut decoder, &hex(rows[1][form]))), all("307", 21));
        let more = [
            "content-encoding: gzip".to_owned(),
            "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1".to_owned(),
        ];
        assert_eq!(told(&decode(&mut decoder, &hex(rows[2][form]))), [&all("200", 22)[..], &more].concat());
    }
}

#[test]
fn what_no_peer_can_read_breaks_the_block_and_loses_the_table() {
    for wrong in [
        "80",             // index 0
        "be",             // an entry that is not there
        "c0",             // the same
        "4182ffff",       // padding longer than seven bits
        "4181ff",         // the same
        "4184fffffffc",   // EOS
        "418118",         // padding that is not ones
        "410a61",         // a string longer than the block
        "7fffffffffff0f", // an index beyond all sense
        "823f00",         // a change of size behind a field
        "3fe21f",         // a size above what is allowed
    ] {
        let mut decoder = Decoder::new();
        let fields = decode(&mut decoder, &hex(wrong));
        assert!(fields.broken, "{wrong}");
        assert_eq!(told(&decode(&mut decoder, &[0xBE])), ["1 unknown"], "{wrong}");
    }
}

#[test]
fn sizes_within_what_the_receiver_allows_are_obeyed() {
    let mut decoder = Decoder::new();
    check(&mut decoder, "3fe11f 82", &[":method: GET"]);
    decoder.allow(8_192);
    check(&mut decoder, "3fe13f 82", &[":method: GET"]);
    // Two changes at the start of a block, the smaller one first (section 4.2).
    check(&mut decoder, "20 3fe11f 82", &[":method: GET"]);
    // What there is no room for any more is gone: the first of two entries, then both.
    check(&mut decoder, "4001610162 4001630164 bf be", &["a: b", "c: d", "a: b", "c: d"]);
    check(&mut decoder, "3f06 be", &["c: d"]);
    check(&mut decoder, "bf", &["broken"]);
    check(&mut decoder, "20 3fe11f be", &["broken"]);
}

#[test]
fn after_a_loss_the_decoder_gets_better_with_what_is_inserted() {
    let mut encoder = Encoder::default();
    let mut decoder = Decoder::new();
    let request = |path, token| [(":method", "POST"), (":path", path), ("authorization", token)];
    decode(&mut decoder, &encoder.indexed(request("/a", "tok-A")));
    encoder.indexed(request("/lost", "tok-lost"));
    decoder.lose();
    // The token that was inserted in the lost block is named by index: unknown, whatever it was.
    let told_of = |decoder: &mut Decoder, block: &[u8]| told(&decode(decoder, block)).join(", ");
    let block = encoder.indexed(request("/a", "tok-lost"));
    assert_eq!(told_of(&mut decoder, &block), ":method: POST, 2 unknown");
    let block = encoder.indexed(request("/new", "tok-lost"));
    assert_eq!(told_of(&mut decoder, &block), ":method: POST, :path: /new, 1 unknown");
    let block = encoder.indexed(request("/new", "tok-new"));
    assert_eq!(told_of(&mut decoder, &block), ":method: POST, :path: /new, authorization: tok-new");
    let block = encoder.indexed(request("/new", "tok-lost"));
    assert_eq!(told_of(&mut decoder, &block), ":method: POST, :path: /new, 1 unknown");
}

#[test]
fn fields_beyond_the_limit_leave_the_table_in_step() {
    let mut encoder = Encoder::default();
    let mut decoder = Decoder::new();
    let long = "x".repeat(3_000);
    let mut block = encoder.indexed([("big", long.as_str())]);
    let again = encoder.indexed([("big", long.as_str())]);
    (0..15_000).for_each(|_| block.extend_from_slice(&again));
    block.extend(encoder.indexed([("authorization", "tok-last")]));
    let mut fields = Fields::new(262_144);
    decoder.decode(&block, KEPT, &mut Scratch::default(), &mut fields);
    assert!(fields.over_limit && fields.text.len() < 262_144 && !fields.broken);
    let block = encoder.indexed([("authorization", "tok-last")]);
    assert_eq!(block.len(), 1);
    assert_eq!(told(&decode(&mut decoder, &block)), ["authorization: tok-last"]);
}

fn field() -> impl Strategy<Value = (String, String, Form)> {
    let name = prop_oneof![
        prop::sample::select(vec!["accept", "cookie", "authorization", "x-a", "x-b", "grpc-status"])
            .prop_map(str::to_owned),
        "[a-z-]{1,12}",
    ];
    let value = prop_oneof![
        prop::sample::select(vec!["1", "gzip, deflate", "Bearer abc"]).prop_map(str::to_owned),
        "[ -~]{0,80}"
    ];
    (name, value, prop::sample::select(vec![Form::Indexed, Form::Indexed, Form::Plain, Form::Never]))
}

proptest! {
    // The other decoder builds its tables anew for each string.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_encoded_is_decoded_here_and_elsewhere(
        blocks in prop::collection::vec((prop::collection::vec(field(), 1..8), prop::option::of(0..4_096_usize)), 1..20),
        huffman: bool,
    ) {
        let mut encoder = Encoder::new(huffman);
        let mut decoder = Decoder::new();
        let mut theirs = loona_hpack::Decoder::new();
        for (fields, size) in &blocks {
            let mut block = Vec::new();
            if let Some(size) = size {
                encoder.resize(*size, &mut block);
            }
            block.extend(encoder.block(fields.iter().map(|(name, value, form)| (name.as_str(), value.as_str(), *form))));
            let ours = told(&decode(&mut decoder, &block));
            let expected: Vec<String> = fields.iter().map(|(name, value, _)| format!("{name}: {value}")).collect();
            prop_assert_eq!(&ours, &expected);
            let other: Vec<String> = theirs.decode(&block).unwrap().iter().map(|(name, value)| {
                format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            }).collect();
            prop_assert_eq!(&ours, &other);
        }
    }
}

proptest! {
    #[test]
    fn blocks_may_be_lost_and_nothing_wrong_is_told(
        blocks in prop::collection::vec((prop::collection::vec(field(), 1..6), any::<bool>(), prop::option::of(0..300_usize)), 1..40),
    ) {
        let mut encoder = Encoder::default();
        let mut decoder = Decoder::new();
        for (fields, lost, size) in &blocks {
            let mut block = Vec::new();
            if let Some(size) = size {
                encoder.resize(*size, &mut block);
            }
            block.extend(encoder.block(fields.iter().map(|(name, value, form)| (name.as_str(), value.as_str(), *form))));
            if *lost {
                decoder.lose();
                continue;
            }
            let ours = decode(&mut decoder, &block);
            prop_assert!(!ours.broken);
            let sent: Vec<String> = fields.iter().map(|(name, value, _)| format!("{name}: {value}")).collect();
            prop_assert_eq!(ours.lines.len() + ours.unknown as usize, sent.len());
            let mut rest = sent.iter();
            for line in told(&ours).iter().filter(|line| !line.ends_with(" unknown")) {
                prop_assert!(rest.any(|sent| sent == line), "{line} was not sent there");
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..10)) {
        let mut decoder = Decoder::new();
        for block in &blocks {
            let fields = decode(&mut decoder, block);
            prop_assert!(fields.text.len() <= 1 << 20);
        }
    }
}
