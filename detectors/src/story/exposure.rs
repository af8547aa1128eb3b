//! The words of a story about secrets out of place: what lies open, where, and which one it is.
//! It is given a word's value and gives what the transaction shows.
//! It promises that the same letters stand for the same key, wherever they are written.

use super::line::fingerprint;
use crate::transaction::{Exposure, ExposureKind, FactorSecret};

/// Kinds of keys that say what they are.
const KINDS: &[&str] = &["github_pat", "stripe_live", "google_api_key"];

/// `k1`, or with its kind `stripe_live:k1`.
pub(super) fn key(value: &str) -> Result<(&'static str, &str), String> {
    let Some((kind, which)) = value.split_once(':') else { return Ok(("api_key", value)) };
    let kind = KINDS.iter().find(|known| **known == kind).ok_or("no such kind of key")?;
    Ok((kind, which))
}

/// `response:stripe_live:key:k1`: where it stands, what it is, its field, and which key it is where that can be told.
pub(super) fn read(value: &str) -> Result<Exposure, String> {
    let (kind, class, name, which) = match value.split(':').collect::<Vec<_>>()[..] {
        [kind, class, name] => (kind, class, name, None),
        [kind, class, name, which] => (kind, class, name, Some(which)),
        _ => return Err("exposed is where:class:name or where:class:name:which".into()),
    };
    let classes = ["api_key", "jwt", "opaque"];
    let class = classes.iter().chain(KINDS).find(|known| **known == class).ok_or("no such class")?;
    Ok(Exposure {
        kind: ExposureKind::parse(kind).ok_or("no such place of exposure")?,
        class,
        name: name.into(),
        fingerprint: which.map(|which| fingerprint(class, which)),
    })
}

/// `response:seed:a1`: where it stands, its field, which one it is.
pub(super) fn factor_secret(value: &str) -> Result<FactorSecret, String> {
    let [kind, name, secret] = value.split(':').collect::<Vec<_>>()[..] else {
        return Err("totp is where:name:which".into());
    };
    let kind = ExposureKind::parse(kind).ok_or("no such place of exposure")?;
    Ok(FactorSecret { kind, name: name.into(), fingerprint: fingerprint("totp_secret", secret) })
}
