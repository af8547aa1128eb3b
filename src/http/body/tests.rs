//! Bodies packed in every way a server may choose, and in ways only an attacker would.

use super::*;
use crate::http::{Body, Header, StartLine};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use heelguard_detectors::time::EventTime;
use std::io::Write;

fn message(coding: &str, prefix: Vec<u8>) -> Message {
    let at = EventTime::ZERO;
    let head = format!("Content-Encoding: {coding}").into_bytes();
    let headers = vec![Header { name: 0..16, value: 18..head.len() as u32 }];
    let body = Body { bytes: prefix.len() as u64, prefix, complete: true, messages: None };
    Message {
        head,
        start: StartLine::Response { status: 200 },
        headers,
        trailers: Vec::new(),
        first_byte: at,
        last_byte: at,
        body,
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn raw(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![0; plain.len() + 1_024];
    let len = ::zstd::zstd_safe::compress(&mut out[..], plain, 3).unwrap();
    out.truncate(len);
    out
}

/// `login ok` as a brotli stream of one stored block (RFC 7932 section 9.2).
const BROTLI: &[u8] = b"\x8b\x03\x80login ok\x03";

const PLAIN: &[u8] = b"login ok";

#[test]
fn every_coding_is_taken_off() {
    let mut decoder = BodyDecoder::default();
    let members = [gzip(b"login"), gzip(b" ok")].concat();
    for (coding, packed) in [
        ("gzip", gzip(PLAIN)),
        ("X-GZIP", members),
        ("deflate", zlib(PLAIN)),
        ("deflate", raw(PLAIN)),
        ("br", BROTLI.to_vec()),
        ("zstd", zstd(PLAIN)),
        ("zstd", [zstd(b"login"), zstd(b" ok")].concat()),
        ("identity", PLAIN.to_vec()),
        ("deflate, gzip", gzip(&zlib(PLAIN))),
        ("gzip, identity, gzip", gzip(&gzip(PLAIN))),
        ("", PLAIN.to_vec()),
    ] {
        let message = message(coding, packed);
        assert_eq!(decoder.decode(&message), Decoded { bytes: PLAIN, anomaly: None }, "{coding}");
    }
}

#[test]
fn a_body_that_was_cut_gives_what_there_is() {
    let plain: Vec<u8> = (0..20_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
    let mut decoder = BodyDecoder::default();
    for (coding, packed) in [("gzip", gzip(&plain)), ("deflate", zlib(&plain)), ("zstd", zstd(&plain))] {
        let half = message(coding, packed[..packed.len() / 2].to_vec());
        let plain_body = decoder.decode(&half);
        assert_eq!(plain_body.anomaly, None, "{coding}");
        assert!(plain.starts_with(plain_body.bytes), "{coding}");
        // zstd gives whole blocks only.
        assert!(
            coding == "zstd" || plain_body.bytes.len() > plain.len() / 4,
            "{coding}: {}",
            plain_body.bytes.len()
        );
    }
}

#[test]
fn a_bomb_costs_no_more_than_the_limit() {
    let zeros = vec![0; 32 << 20];
    let limits = DecodeLimits::default();
    let mut decoder = BodyDecoder::new(limits);
    for (coding, packed) in [
        ("gzip", gzip(&zeros)),
        ("deflate", raw(&zeros)),
        ("zstd", zstd(&zeros)),
        ("gzip, gzip", gzip(&gzip(&zeros))),
    ] {
        let bomb = message(coding, packed);
        let plain_body = decoder.decode(&bomb);
        assert_eq!(plain_body.anomaly, Some(Anomaly::BodyDecompressionLimit), "{coding}");
        assert!(plain_body.bytes.len() <= limits.output_bytes_max, "{coding}");
    }
    assert!(decoder.output.capacity() <= 2 * limits.output_bytes_max);
    assert!(decoder.between.capacity() <= 2 * limits.output_bytes_max);
    let innocent = vec![7; limits.ratio_free_bytes - 1];
    let small = message("gzip", gzip(&innocent));
    assert_eq!(decoder.decode(&small), Decoded { bytes: &innocent, anomaly: None });
}

#[test]
fn junk_and_unknown_codings_are_errors() {
    let mut decoder = BodyDecoder::default();
    for (coding, packed, anomaly) in [
        ("gzip", b"no gzip at all".to_vec(), Anomaly::BodyCodingError),
        ("gzip", [&gzip(PLAIN)[..10], b"\xff\xff\xff\xff"].concat(), Anomaly::BodyCodingError),
        ("br", b"\xff\xff\xff\xff".to_vec(), Anomaly::BodyCodingError),
        ("zstd", b"\x28\xb5\x2f\xfd\x00\xf8\x00\x00".to_vec(), Anomaly::BodyCodingError),
        ("foo", PLAIN.to_vec(), Anomaly::BodyCodingError),
        ("gzip, gzip, gzip", PLAIN.to_vec(), Anomaly::BodyDecompressionLimit),
    ] {
        let message = message(coding, packed);
        let plain_body = decoder.decode(&message);
        assert_eq!(plain_body.anomaly, Some(anomaly), "{coding}");
    }
    // What follows a whole member is ignored, as clients do.
    let trailing = message("gzip", [gzip(PLAIN), b"junk".to_vec()].concat());
    assert_eq!(decoder.decode(&trailing), Decoded { bytes: PLAIN, anomaly: None });
}

#[test]
fn types_that_identity_reads_are_kept() {
    const MAX: usize = 65_536;
    let both = |kind: Option<&str>| {
        let kind = kind.map(str::as_bytes);
        (request_prefix(kind, MAX), response_prefix(kind, false, MAX))
    };
    for kept in [
        "application/json",
        "Application/JSON;charset=x",
        "application/vnd.api+json",
        "text/plain",
        "",
        "application/graphql-response+json",
        "application/grpc",
        "application/grpc-web-text+proto",
    ] {
        assert_eq!(both(Some(kept)), (MAX, MAX), "{kept}");
    }
    for other in ["text/html", "image/svg+xml", "application/jsonp", "+jso", "application/octet-stream"] {
        assert_eq!(both(Some(other)), (OTHER_BYTES_MAX, 0), "{other}");
    }
    assert_eq!(request_prefix(Some(b"image/png"), 8), 8);
    assert_eq!(both(Some("application/x-ndjson")), (0, 0));
    assert_eq!(both(None), (MAX, MAX));
    assert_eq!(both(Some("multipart/form-data; boundary=x")), (MAX, 0));
}

#[test]
fn a_page_is_kept_where_it_answers_a_form() {
    let kept = |kind: &str, to_form, max| response_prefix(Some(kind.as_bytes()), to_form, max);
    for page in ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"] {
        assert_eq!(kept(page, true, 65_536), PAGE_BYTES_MAX, "{page}");
        assert_eq!(kept(page, true, 8), 8, "{page}");
        assert_eq!(kept(page, false, 65_536), 0, "{page}");
    }
    assert_eq!(kept("image/png", true, 65_536), 0);
}

#[test]
fn packed_messages_of_one_body_share_its_limit() {
    let framed = |packed: bool, bytes: &[u8]| [&grpc::prefix(packed, bytes.len())[..], bytes].concat();
    let limits = DecodeLimits::default();
    let mut decoder = BodyDecoder::new(limits);
    let zeros = vec![0; 4 << 20];
    for (coding, packed) in [("gzip", gzip(&zeros)), ("deflate", zlib(&zeros)), ("zstd", zstd(&zeros))] {
        let mut message = message("", Vec::new());
        message.head = format!("grpc-encoding: {coding}").into_bytes();
        message.headers = vec![Header { name: 0..13, value: 15..message.head.len() as u32 }];
        let body = [framed(false, b"plain"), framed(true, &packed).repeat(200)].concat();
        let unpacked = decoder.decode_messages(&message, &body, 4);
        assert_eq!(unpacked.anomaly, Some(Anomaly::BodyDecompressionLimit), "{coding}");
        assert!(unpacked.bytes.len() <= limits.output_bytes_max + 64, "{coding}: {}", unpacked.bytes.len());
        let told: Vec<_> = grpc::messages(unpacked.bytes).map(|m| (m.packed, m.bytes.len() > 5)).collect();
        assert_eq!(told, [(false, false), (false, true), (false, false), (false, false)], "{coding}");
        // The innocent twin: several, of which no two take more than one.
        let small = match coding {
            "gzip" => gzip(PLAIN),
            "deflate" => zlib(PLAIN),
            _ => zstd(PLAIN),
        };
        let body = [framed(true, &small), framed(false, b"plain"), framed(true, &small)].concat();
        let unpacked = decoder.decode_messages(&message, &body, 4);
        assert_eq!(unpacked.anomaly, None, "{coding}");
        let texts: Vec<_> = grpc::messages(unpacked.bytes).map(|message| message.bytes.to_vec()).collect();
        assert_eq!(texts, [PLAIN, b"plain", PLAIN], "{coding}");
    }
}

#[test]
fn a_body_of_many_parts_with_nothing_in_them_is_given_up() {
    let mut decoder = BodyDecoder::default();
    for (coding, part) in
        [("gzip", gzip(b"x")), ("zstd", zstd(b"x")), ("gzip", gzip(b"")), ("zstd", zstd(b""))]
    {
        let mut told = |parts: usize| decoder.decode(&message(coding, part.repeat(parts))).anomaly;
        assert_eq!(told(16), None, "{coding}");
        assert_eq!(told(17), Some(Anomaly::BodyDecompressionLimit), "{coding}");
    }
}
