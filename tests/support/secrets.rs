//! Looks for secrets in everything a run let out, in the forms a leak can take.
//! A test gives the output and the secrets that were on the wire.
//! It promises to look for the plain value and its base64, hexadecimal and URL-encoded forms.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

/// The secrets found, each with the form it was found in.
pub fn leaked(output: &[u8], secrets: impl Iterator<Item = String>) -> Vec<String> {
    secrets
        .flat_map(|secret| {
            let found = |(form, needle): (&str, String)| {
                occurs(output, needle.as_bytes()).then(|| format!("{form} of {secret:?}"))
            };
            forms(&secret).into_iter().filter_map(found).collect::<Vec<_>>()
        })
        .collect()
}

fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let percent: String = secret
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let mut forms = vec![("the value", secret.to_string()), ("hex", hex), ("URL encoding", percent)];
    // Base64 of a few bytes is a common short word; from six bytes on it is nobody else's.
    if secret.len() >= 6 {
        forms.push(("base64", STANDARD_NO_PAD.encode(secret)));
        forms.push(("base64url", URL_SAFE_NO_PAD.encode(secret)));
    }
    forms
}

/// Whether `needle` stands in `output`. A number of a few digits is everywhere inside times, ports and
/// hashes, so a short secret only counts where it stands alone.
fn occurs(output: &[u8], needle: &[u8]) -> bool {
    let short = needle.len() < 9 && needle.iter().all(u8::is_ascii_hexdigit);
    let joined = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b".:-".contains(b));
    memmem::find_iter(output, needle).any(|at| {
        let before = at.checked_sub(1).and_then(|i| output.get(i));
        !short || !(joined(before) || joined(output.get(at + needle.len())))
    })
}
