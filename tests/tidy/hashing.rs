//! Tables that the wire fills are hashed under a random key: nobody can choose names that fall together.
//! It reads the source as text and looks for hashers that have no key, or one that is written down.
//! It promises that another such table cannot come in unseen.

use super::source::{Complaints, rust};

/// Hashers whose results anybody can compute, and what makes a table of hashes that somebody else made.
const WORDS: [&str; 7] =
    ["FxHash", "FnvHash", "fnv::", "DefaultHasher", "SipHasher", "with_seeds(", "BuildHasherDefault"];
/// Where they may stand, and why.
const ALLOWED: [(&str, &str, &str); 3] = [
    ("src/flow/key.rs", "BuildHasherDefault", "the keys of that map are keyed hashes already"),
    ("src/ledger/slots.rs", "BuildHasherDefault", "the same"),
    (
        "src/identity/extract.rs",
        "with_seeds(",
        "every shard and sensor of a deployment has these seeds, and nobody else: they come from its key",
    ),
];

#[test]
fn every_table_that_the_wire_fills_is_hashed_under_a_random_key() {
    let mut complaints = Complaints::default();
    let mut met = [false; ALLOWED.len()];
    for source in rust()
        .iter()
        .filter(|source| source.path.starts_with("src/") || source.path.starts_with("detectors/src/"))
    {
        for (at, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in WORDS.iter().filter(|word| code.contains(**word)) {
                let is_this =
                    |(path, allowed, _): &(&str, &str, &str)| *path == source.path && allowed == word;
                match ALLOWED.iter().position(is_this) {
                    Some(place) => met[place] = true,
                    None => complaints.line(
                        &source.path,
                        at + 1,
                        format_args!("`{word}` has no key: use `ahash::RandomState`, or say here why not"),
                    ),
                }
            }
        }
    }
    for ((path, word, _), _) in ALLOWED.iter().zip(met).filter(|(_, met)| !met) {
        complaints.file(path, format_args!("`{word}` is no longer there: take it from the list"));
    }
    complaints.end();
}
