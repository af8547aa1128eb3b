//! The public HPACK test cases (github.com/http2jp/hpack-test-case): what fourteen encoders of others made of lists of
//! real requests and answers. They come with the package `httlib-hpack`, which is fetched as every dependency is and of
//! which no line is run. Each block is decoded and compared with its list, field by field, in order, byte for byte.

#![allow(clippy::print_stdout, reason = "a test says what it compared")]

use super::{KEPT, Scratch, told};
use crate::http::h2::fields::Fields;
use crate::http::h2::hpack::Decoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is in the package: stories, blocks and fields by encoder.
const EXPECTED: [(&str, [usize; 3]); 14] = [
    ("go-hpack", [32, 3_384, 39_359]),
    ("haskell-http2-linear", [32, 3_384, 39_359]),
    ("haskell-http2-linear-huffman", [32, 3_384, 39_359]),
    ("haskell-http2-naive", [32, 3_384, 39_359]),
    ("haskell-http2-naive-huffman", [32, 3_384, 39_359]),
    ("haskell-http2-static", [32, 3_384, 39_359]),
    ("haskell-http2-static-huffman", [32, 3_384, 39_359]),
    ("nghttp2", [32, 3_384, 39_359]),
    ("nghttp2-16384-4096", [31, 3_267, 38_037]),
    ("nghttp2-change-table-size", [31, 3_267, 38_037]),
    ("node-http2-hpack", [32, 3_384, 39_359]),
    ("python-hpack", [32, 3_384, 39_359]),
    ("swift-nio-hpack-huffman", [32, 3_384, 39_359]),
    ("swift-nio-hpack-plain-text", [32, 3_384, 39_359]),
];

/// One header block of a story.
struct Case {
    /// The size that the decoder's side allows from here on, where the case states one.
    table_bytes: Option<u32>,
    wire: Vec<u8>,
    headers: Vec<(String, String)>,
}

/// What cargo says.
fn cargo(arguments: &[&str]) -> Vec<u8> {
    let cargo = std::env::var_os("CARGO").expect("tests are run by cargo");
    let folder = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(cargo).args(arguments).current_dir(folder).output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The folder of the cases: beside the manifest of the package that is locked.
fn folder() -> PathBuf {
    let version = cargo(&["-vV"]);
    let version = String::from_utf8_lossy(&version);
    let host =
        version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo knows where it runs");
    // What other platforms need was never fetched.
    let platform = ["--locked", "--offline", "--filter-platform", host];
    let metadata = cargo(&[&["metadata", "--format-version", "1"][..], &platform].concat());
    let metadata: Value = serde_json::from_slice(&metadata).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let package = packages.iter().find(|package| package["name"] == "httlib-hpack").expect("it is locked");
    Path::new(package["manifest_path"].as_str().expect("a path")).with_file_name("fixtures")
}

/// The cases of a story.
fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read(path).expect("a story");
    let story: Value = serde_json::from_slice(&text).expect("a story is JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let case = |case: Value| Case {
        table_bytes: case["header_table_size"].as_u64().map(|size| u32::try_from(size).expect("a size")),
        wire: hex(case["wire"].as_str().expect("bytes in hex")),
        headers: list(&case["headers"]).iter().map(field).collect(),
    };
    list(&story["cases"]).into_iter().map(case).collect()
}

fn hex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hex digit") as u8;
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "{digits}");
    pairs.iter().map(|&[high, low]| digit(high) << 4 | digit(low)).collect()
}

/// A field: an object with its name as the one key.
fn field(object: &Value) -> (String, String) {
    let object = object.as_object().expect("a field is an object");
    assert_eq!(object.len(), 1, "{object:?}");
    let (name, value) = object.iter().next().expect("it has its name");
    (name.clone(), value.as_str().expect("a text").to_owned())
}

/// All stories, by encoder and name.
fn stories() -> BTreeMap<String, Vec<PathBuf>> {
    let names = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("a folder of the package");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths
    };
    let encoders = names(&folder()).into_iter().filter(|path| path.is_dir());
    encoders
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), names(&path)))
        .collect()
}

fn decode(decoder: &mut Decoder, case: &Case) -> Fields {
    case.table_bytes.into_iter().for_each(|size| decoder.allow(size));
    let mut fields = Fields::new(1 << 20);
    decoder.decode(&case.wire, KEPT, &mut Scratch::default(), &mut fields);
    fields
}

/// The text that `Fields` makes of a list: all of it in order; the authority goes by the name of the field that it is
/// in HTTP/1, and such a field behind it says nothing new.
fn text(headers: &[(String, String)]) -> String {
    let mut has_authority = false;
    let mut text = String::new();
    for (name, value) in headers {
        let name = match name.as_str() {
            "host" if has_authority => continue,
            ":authority" => {
                has_authority = true;
                "host"
            }
            other => other,
        };
        text.extend([name, ": ", value, "\r\n"]);
    }
    text
}

/// What a decoder makes of a story of which every seventh block is lost: fields that are known, and those left out.
fn told_with_losses(
    decoder: &mut Decoder,
    number: usize,
    case: &Case,
    sent: &str,
    place: &str,
) -> [usize; 2] {
    if number % 7 == 2 {
        decoder.lose();
        return [0; 2];
    }
    let fields = decode(decoder, case);
    assert!(!fields.broken, "{place}");
    let text = String::from_utf8_lossy(&fields.text);
    let mut rest = sent.split_inclusive("\r\n");
    for line in text.split_inclusive("\r\n") {
        assert!(rest.any(|sent| sent == line), "{line:?} was not sent there: {place}, with losses");
    }
    [text.split_inclusive("\r\n").count(), fields.unknown as usize]
}

#[test]
fn what_others_encoded_is_decoded_byte_for_byte_and_with_losses_nothing_wrong_is_told() {
    let mut found = Vec::new();
    let mut with_losses = [0; 2];
    for (encoder, paths) in stories() {
        let mut counts = [paths.len(), 0, 0];
        for path in paths {
            let (mut decoder, mut lossy) = (Decoder::new(), Decoder::new());
            for (number, case) in cases(&path).iter().enumerate() {
                let place = format!("{}, block {number}", path.display());
                let (fields, sent) = (decode(&mut decoder, case), text(&case.headers));
                assert!(fields.are_whole(), "{place}: {:?}", told(&fields));
                assert_eq!(String::from_utf8_lossy(&fields.text), sent, "{place}");
                counts[1] += 1;
                counts[2] += case.headers.len();
                let told = told_with_losses(&mut lossy, number, case, &sent, &place);
                with_losses = [with_losses[0] + told[0], with_losses[1] + told[1]];
            }
        }
        println!("{encoder}: {} stories, {} blocks, {} fields", counts[0], counts[1], counts[2]);
        found.push((encoder, counts));
    }
    let found: Vec<_> = found.iter().map(|(encoder, counts)| (encoder.as_str(), *counts)).collect();
    assert_eq!(found, EXPECTED);
    let [stories, blocks, fields] = [0, 1, 2].map(|at| found.iter().map(|(_, counts)| counts[at]).sum());
    println!("{} encoders: {stories} stories, {blocks} blocks, {fields} fields", found.len());
    assert_eq!((stories, blocks, fields), (446_usize, 47_142_usize, 548_382_usize));
    let [known, left_out] = with_losses;
    println!("with every seventh block lost: {known} fields known, {left_out} left out");
    assert_eq!((known, left_out), (342_392, 125_276));
}
