//! Chunked bodies beside a reading of RFC 9112 that takes nothing but what the RFC says.
//! What it reads, the sensor reads, to the byte, without a word of doubt; and any cut gives the same.

use super::input::{Input, Turn};
use super::wire::{CLIENT, SERVER, check};
use heelguard::flow::Origin;
use heelguard::http::Config;
use heelguard_detectors::anomaly::Anomaly;

const ASKED: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let cut = input.byte();
    let body = input.rest();
    let answer = [HEAD, body].concat();
    let turns = [Turn { kind: CLIENT, bytes: ASKED }, Turn { kind: SERVER, bytes: &answer }];
    let found = check(&Config::default(), Origin::Handshake, &turns, cut);
    let Some(plain) = strict(body) else { return };
    let told = found.exchanges.first().and_then(|exchange| exchange.response.as_ref()).expect("an answer");
    assert!(told.body.complete, "it is whole");
    assert_eq!((told.body.bytes, &told.body.prefix), (plain.len() as u64, &plain));
    let odd = found
        .exchanges
        .first()
        .is_some_and(|exchange| exchange.anomalies.contains(Anomaly::Http1FramingConflict));
    assert!(!odd, "nothing is odd about it");
}

/// The content of a chunked body that stands alone and is beyond reproach; of the grammar without extensions and
/// trailers.
fn strict(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    loop {
        let digits = body.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if !(1..=6).contains(&digits) {
            return None;
        }
        let size = usize::from_str_radix(std::str::from_utf8(&body[..digits]).ok()?, 16).ok()?;
        body = body[digits..].strip_prefix(b"\r\n")?;
        if size == 0 {
            return (body == b"\r\n").then_some(plain);
        }
        plain.extend(body.get(..size)?);
        body = body[size..].strip_prefix(b"\r\n")?;
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let bodies: [&[u8]; 10] = [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"1\r\n{\r\nA\r\n0123456789\r\n1\r\n}\r\n0\r\n\r\n",
        b"5;ext=\"a b\"\r\nhello\r\n0;x\r\nTrailer: y\r\n\r\n",
        b"00005\r\nhello\r\n000\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"ffffffffffffffff\r\nhello",
        b"8000000000000000\r\n",
        b"-1\r\nhello\r\n0\r\n\r\n",
        b"1e3\r\nhello",
        b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ];
    bodies.iter().flat_map(|body| [0, 5].map(|cut| [&[cut], *body].concat())).collect()
}
