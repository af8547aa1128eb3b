//! The words of a story that are about the token of a request.
//! It is given a transaction with a JWT, and one word.
//! It promises to refuse what it does not know, as every word of a story does.

use super::line::fingerprint;
use super::time::{duration, parse};
use crate::identity::CredentialKind;
use crate::token::{Confusion, HeaderTrait, InPath, Jwt, KnownSecret, Signature, SignatureCheck};
use crate::transaction::Transaction;
use std::sync::Arc;

/// The words with a value that `set` understands.
pub(super) const WORDS: &[&str] = &[
    "iss",
    "kid",
    "typ",
    "confusion",
    "token",
    "exp",
    "nbf",
    "iat",
    "lifetime",
    "check",
    "header",
    "token_bytes",
    "parts",
    "p2c",
    "claim",
];

/// Sets what `name=value` says of the token.
pub(super) fn set(tx: &mut Transaction, name: &str, value: &str) -> Result<(), String> {
    let jwt = tx.jwt.as_mut().ok_or_else(|| format!("{name} wants a jwt first"))?;
    match name {
        "iss" => jwt.iss = Some(value.into()),
        "kid" => jwt.kid = Some(value.into()),
        "typ" => jwt.typ = Some(value.into()),
        "confusion" => jwt.confusion = Some(Confusion::parse(value).ok_or("no such confusion")?),
        "token" => {
            let mut tokens = tx.credentials.iter_mut().rev();
            let token = tokens.find(|credential| credential.kind == CredentialKind::BearerJwt);
            token.ok_or("no token")?.fingerprint = fingerprint("jwt", value);
        }
        "exp" => jwt.expires_in_s = Some(seconds(value)?),
        "nbf" => jwt.valid_in_s = Some(seconds(value)?),
        "iat" => jwt.issued_ago_s = Some(seconds(value)?.saturating_neg()),
        // Tokens count in seconds; what is begun counts whole.
        "lifetime" => {
            jwt.lifetime_s = i64::try_from(duration(value)?.as_nanos().div_ceil(1_000_000_000)).ok();
        }
        "check" => jwt.check = SignatureCheck::parse(value).ok_or("no such check of a signature")?,
        "header" => {
            for word in value.split(',') {
                jwt.header.insert(HeaderTrait::parse(word).ok_or("no such trait of a header")?);
            }
        }
        "token_bytes" => jwt.bytes = parse(value, "number of bytes")?,
        "parts" => jwt.parts = parse(value, "number of parts")?,
        "p2c" => jwt.p2c = Some(parse(value, "number of rounds")?),
        "claim" => claim(jwt, value)?,
        _ => return Err(format!("`{name}` is no word")),
    }
    Ok(())
}

/// `sub` is a claim of it; `sub@2` stands in the path, too, as its second segment.
fn claim(jwt: &mut Jwt, value: &str) -> Result<(), String> {
    let (name, segment) = match value.split_once('@') {
        Some((name, segment)) => (name, Some(parse::<u8>(segment, "place of a segment")?)),
        None => (value, None),
    };
    let known = jwt.claims.iter().flat_map(|claims| claims.iter()).cloned();
    let claims: Vec<Arc<str>> = known.chain([name.into()]).collect();
    let claim = u8::try_from(claims.len() - 1).map_err(|_| "too many claims")?;
    jwt.claims = Some(claims.into());
    if let Some(segment) = segment {
        jwt.in_path.push(InPath { claim, segment });
    }
    Ok(())
}

/// Sets what one word says of the token; `None` for a word that is not about tokens.
pub(super) fn set_flag(tx: &mut Transaction, word: &str) -> Option<Result<(), String>> {
    let set: fn(&mut Jwt) = match word {
        "unsigned" => |jwt| jwt.signature = Signature::Missing,
        "tampered" => |jwt| jwt.tampered = true,
        "known_secret" => |jwt| {
            jwt.known_secret = Some(KnownSecret { builtin: true, line: 7, digest: [0x2b, 0xb8, 0x0d, 0x53] });
        },
        _ => return None,
    };
    Some(tx.jwt.as_mut().map(set).ok_or_else(|| format!("{word} wants a jwt first")))
}

/// Whole seconds from now, the earlier where it lies between two; what has passed is written with a minus.
fn seconds(value: &str) -> Result<i64, String> {
    let (passed, span) = value.strip_prefix('-').map_or((false, value), |span| (true, span));
    let span = duration(span)?;
    let seconds = i64::try_from(span.as_secs()).map_err(|_| "too long")?;
    Ok(if passed { -seconds - i64::from(span.subsec_nanos() > 0) } else { seconds })
}
