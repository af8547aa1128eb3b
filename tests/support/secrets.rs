//! Looks for secrets in everything a run let out, in the forms a leak can take.
//! A test gives the output and the secrets that were on the wire.
//! It promises to look for the plain value, and for base64 in both alphabets and every alignment, hexadecimal in
//! both cases, percent-encoding and JSON escapes of it, all in one pass.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Base64 of fewer letters is a common short word; from these on it is nobody else's.
const BASE64_LETTERS_MIN: usize = 8;

/// The secrets found, each with the form it was found in.
pub fn leaked(output: &[u8], secrets: impl Iterator<Item = String>) -> Vec<String> {
    let needles: Vec<(String, &str, String)> = secrets
        .flat_map(|secret| {
            let told = forms(&secret).into_iter();
            told.map(move |(form, needle)| (needle, form, secret.clone())).collect::<Vec<_>>()
        })
        .collect();
    let automaton = AhoCorasick::new(needles.iter().map(|(needle, ..)| needle)).expect("patterns fit");
    let mut found: Vec<String> = automaton
        .find_overlapping_iter(output)
        .filter(|hit| stands_alone(output, hit.start(), hit.end()))
        .filter_map(|hit| needles.get(hit.pattern().as_usize()))
        .map(|(_, form, secret)| format!("{form} of {secret:?}"))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Every form that is looked for, by name.
pub fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let percent: String = secret
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let quoted = serde_json::to_string(secret).expect("a text is JSON");
    let mut forms = vec![
        ("the value", secret.to_string()),
        ("hex", hex.clone()),
        ("HEX", hex.to_uppercase()),
        ("URL encoding", percent.clone()),
        ("url encoding", percent.to_lowercase()),
        ("JSON escapes", quoted.trim_matches('"').to_string()),
    ];
    for before in 0..3 {
        forms.push(("base64", aligned(secret, before, |bytes| STANDARD_NO_PAD.encode(bytes))));
        forms.push(("base64url", aligned(secret, before, |bytes| URL_SAFE_NO_PAD.encode(bytes))));
    }
    forms.retain(|(form, needle)| {
        !needle.is_empty() && (!form.starts_with("base64") || needle.len() >= BASE64_LETTERS_MIN)
    });
    forms
}

/// The letters of a secret's base64 that do not depend on what stands `before` bytes in front of it, or behind it.
fn aligned(secret: &str, before: usize, encode: impl Fn(&[u8]) -> String) -> String {
    let bytes = [&vec![0; before], secret.as_bytes()].concat();
    let whole = encode(&bytes);
    let from = (before * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    whole.get(from..to).unwrap_or_default().to_string()
}

/// A number of a few digits is everywhere inside times, ports and hashes, so a short secret only counts
/// where it stands alone.
fn stands_alone(output: &[u8], start: usize, end: usize) -> bool {
    let needle = output.get(start..end).unwrap_or_default();
    let short = needle.len() < 9 && needle.iter().all(u8::is_ascii_hexdigit);
    let joined = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b".:-".contains(b));
    let before = start.checked_sub(1).and_then(|i| output.get(i));
    !short || !(joined(before) || joined(output.get(end)))
}

/// A guess somebody made with a plain word (`password`, `billing`, `client_secret`): such words stand in paths,
/// client ids and our own records anyway, and finding one says nothing.
pub fn is_word(value: &str) -> bool {
    value.len() <= 13 && value.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_'))
}
