//! `make fuzz-coverage`: how much of each parser the inputs of the fuzz targets reach, by lines.
//! It is given what `cargo llvm-cov` counted while the corpora, the regressions and their mutations were answered (those of
//! `make test`; forty times as many for `make harden`), and which files a parser is made of.
//! It promises that a parser without files is an error: what was moved away is not counted as reached.

#[path = "../support/figures.rs"]
#[allow(unreachable_pub, dead_code, clippy::expect_used, reason = "it is written for tests")]
mod figures;

use figures::figure;
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

/// Of the lines of a parser, in a hundred.
const REACHED_MIN: f64 = 90.0;

/// A parser: what it is called, where its files begin, and which of them are none.
type Parser = (&'static str, &'static [&'static str], &'static [&'static str]);

/// What only writes, counts or keeps is not a parser.
const PARSERS: [Parser; 17] = [
    ("link and IP", &["src/decode/"], &["src/decode/tunnel/names.rs", "src/decode/quic"]),
    ("TCP", &["src/flow/"], &["src/flow/table/room.rs"]),
    (
        "TLS",
        &["src/tls/"],
        &["src/tls/decrypt/", "src/tls/quic/", "src/tls/clear.rs", "src/tls/connection/opening.rs"],
    ),
    (
        "TLS that is read",
        &["src/tls/decrypt/"],
        &["src/tls/decrypt/keylog.rs", "src/tls/decrypt/lines.rs", "src/tls/decrypt/follow.rs"],
    ),
    ("QUIC", &["src/tls/quic/", "src/decode/quic"], &[]),
    ("key log", &["src/tls/decrypt/keylog.rs", "src/tls/decrypt/lines.rs", "src/tls/decrypt/secret.rs"], &[]),
    (
        "HTTP/1",
        &["src/http/"],
        &["src/http/h2/", "src/http/encrypted.rs", "src/http/body", "src/http/chunked.rs"],
    ),
    ("HTTP/2 and HPACK", &["src/http/h2/"], &[]),
    ("chunks and codings", &["src/http/chunked.rs", "src/http/body"], &[]),
    (
        "JSON, forms, GraphQL, gRPC",
        &[
            "src/identity/json",
            "src/identity/fields.rs",
            "src/identity/encoded.rs",
            "src/identity/urlencoded.rs",
            "src/identity/graphql",
            "src/identity/grpc.rs",
            "src/identity/protobuf.rs",
            "src/identity/records.rs",
        ],
        &[],
    ),
    ("credentials", &["src/identity/credential"], &[]),
    (
        "tokens and their keys",
        &[
            "src/identity/jwt/claims.rs",
            "src/identity/jwt/header.rs",
            "src/identity/jwt/document.rs",
            "src/identity/jwt/keys.rs",
            "src/identity/jwt/alg.rs",
            "src/identity/jwt/facts.rs",
        ],
        &[],
    ),
    ("captures", &["src/capture/"], &["src/capture/live/"]),
    ("configuration", &["src/config"], &["src/config/keyfile.rs", "src/config/effective.rs"]),
    ("spool", &["src/sinks/spool/segment.rs"], &[]),
    (
        "frames, parcels and state",
        &["src/scale/frame.rs", "src/scale/parcel.rs", "src/identity/lineage/save"],
        &[],
    ),
    (
        "OpenAPI",
        &["src/openapi/document.rs", "src/openapi/spec.rs", "src/openapi/pointer.rs", "src/openapi/names.rs"],
        &[],
    ),
];

fn main() -> ExitCode {
    match coverage() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("coverage: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn coverage() -> Result<(), String> {
    let path = std::env::args().nth(1).ok_or("the file is missing that `cargo llvm-cov --json` wrote")?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let counted: Value = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    let files: Vec<(String, u64, u64)> = counted
        .pointer("/data/0/files")
        .and_then(Value::as_array)
        .ok_or_else(|| format!("{path} is not what `cargo llvm-cov --json` writes"))?
        .iter()
        .filter_map(lines)
        .collect();
    let mut shares = Vec::new();
    for (name, begins, none) in PARSERS {
        let is_part = |file: &str| {
            begins.iter().any(|begin| file.starts_with(begin))
                && !none.iter().any(|none| file.starts_with(none))
        };
        let own = || files.iter().filter(|(file, ..)| is_part(file));
        let (reached, all) =
            own().fold((0, 0), |(reached, all), (_, covered, count)| (reached + covered, all + count));
        let is_missing = |begin: &&&str| files.iter().all(|(file, ..)| !file.starts_with(**begin));
        if let Some(missing) = begins.iter().chain(none).find(is_missing) {
            return Err(format!(
                "no file of {missing} was counted: the list of tests/tools/coverage.rs is old"
            ));
        }
        shares.push((name, 100.0 * reached as f64 / all as f64));
    }
    shares.sort_by(|one, other| one.1.total_cmp(&other.1));
    let told: Vec<String> = shares.iter().map(|(name, share)| format!("{name} {share:.0} %")).collect();
    let is_reached = shares.iter().all(|(_, share)| *share >= REACHED_MIN);
    figure("F1", "lines of each parser that corpora and their mutations reach", &told.join(", "), is_reached);
    Ok(())
}

/// A file of this project, how many lines of it were reached, and how many there are.
fn lines(file: &Value) -> Option<(String, u64, u64)> {
    let name = Path::new(file["filename"].as_str()?);
    let own = name.strip_prefix(env!("CARGO_MANIFEST_DIR")).ok()?;
    let lines = &file["summary"]["lines"];
    Some((own.to_str()?.to_owned(), lines["covered"].as_u64()?, lines["count"].as_u64()?))
}
