//! Content codings of any bytes, and of bytes that were packed here.
//! No body costs more than the limits say, and what was packed comes back as it was, or its beginning does.

use super::input::Input;
use heelguard::http::body::{BodyDecoder, DecodeLimits};
use heelguard::http::{Body, Header, Message, StartLine};
use heelguard_detectors::time::EventTime;
use std::cell::RefCell;
use std::io::Write as _;

const CODINGS: [&str; 8] =
    ["gzip", "deflate", "br", "zstd", "gzip, br", "deflate, zstd", "x-gzip, gzip, gzip", "identity"];

thread_local! {
    static DECODER: RefCell<BodyDecoder> = RefCell::default();
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.byte();
    let coding = CODINGS[usize::from(choice) % CODINGS.len()];
    let rest = input.rest();
    let packed = (choice & 0x40 > 0).then(|| pack(coding, rest)).flatten();
    let message = message(coding, packed.as_deref().unwrap_or(rest));
    DECODER.with_borrow_mut(|decoder| {
        let told = decoder.decode(&message);
        let limits = DecodeLimits::default();
        let from_ratio =
            message.body.prefix.len().saturating_mul(limits.ratio_max).max(limits.ratio_free_bytes);
        assert!(told.bytes.len() <= limits.output_bytes_max.min(from_ratio).max(message.body.prefix.len()));
        if packed.is_some() {
            assert!(rest.starts_with(told.bytes), "what comes out went in");
            assert!(told.anomaly.is_some() || told.bytes.len() == rest.len(), "nothing is missing unsaid");
        }
    });
}

fn pack(coding: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let level = flate2::Compression::fast();
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).ok()?;
            encoder.finish().ok()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).ok()?;
            encoder.finish().ok()
        }
        "zstd" => zstd::encode_all(bytes, 1).ok(),
        _ => None,
    }
}

fn message(coding: &str, body: &[u8]) -> Message {
    let head = format!("content-encoding: {coding}");
    let headers = vec![Header { name: 0..16, value: 18..head.len() as u32 }];
    let at = EventTime::from_secs(1);
    Message {
        head: head.into_bytes(),
        start: StartLine::Response { status: 200 },
        headers,
        trailers: Vec::new(),
        first_byte: at,
        last_byte: at,
        body: Body { bytes: body.len() as u64, prefix: body.to_vec(), complete: true, messages: None },
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let text = b"{\"name\":\"somebody\",\"name\":\"somebody\",\"list\":[1,2,3,4,5,6,7]}".repeat(3);
    let packed = [(0, "gzip"), (1, "deflate"), (3, "zstd")]
        .map(|(choice, coding)| [vec![choice], pack(coding, &text).expect("it is packed")].concat());
    // Brotli without compression: a block that lies open, and the end.
    let brotli = [vec![2, 0x8b, 0x02, 0x80], b"hello".to_vec(), vec![0x03]].concat();
    let mut seeds = vec![brotli, [vec![0x40], text.clone()].concat(), [vec![0x43], text].concat()];
    seeds.extend(packed);
    seeds.push([vec![0x40], vec![0; 60_000]].concat());
    seeds
}
