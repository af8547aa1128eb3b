//! What issuers publish about their keys: JSON Web Key Sets (RFC 7517 5) and provider configurations
//! (OpenID Connect Discovery 3, RFC 8414 2).
//! It is given the body of an answer and recognises it by its form.
//! It promises to look twice only at what begins like such a document, and to keep public keys only.

use super::claims::kept;
use super::keys::PublicKey;
use crate::identity::short;
use serde_json::Value;
use std::sync::Arc;

/// Keys read of one set; Microsoft's has ten, Google's three.
const KEYS_MAX: usize = 32;
/// How far into a body the first name of a key set may stand.
const HEAD_BYTES: usize = 256;
/// Longest path that is kept.
const PATH_BYTES_MAX: usize = 1024;

/// What an answer publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Keys(Vec<PublicKey>),
    Configuration { issuer: Arc<str>, jwks_uri: Arc<str> },
}

/// A document with the place it was asked for: path and query as sent.
#[derive(Debug)]
pub(crate) struct Published {
    pub(super) place: Box<str>,
    pub(super) document: Document,
}

/// Whether such documents are usually found under this path; their answers are read even when they are packed.
pub(crate) fn may_publish(path: &[u8]) -> bool {
    let holds = |word, rare| short::holds(path, word, rare);
    holds(b"jwks", 0) || holds(b"/.well-known/o", 1) || path.ends_with(b"/certs") || path.ends_with(b"/keys")
}

impl Document {
    /// Reads the decoded body of an answer. `published`: the path says that it may be a configuration.
    pub(crate) fn read(body: &[u8], published: bool) -> Option<Self> {
        let body = body.trim_ascii_start();
        let head = body.get(..body.len().min(HEAD_BYTES))?;
        if head.first() != Some(&b'{') || !(published || short::holds(head, b"\"keys\"", 1)) {
            return None;
        }
        let value: Value = serde_json::from_slice(body).ok()?;
        let keys = keys_of_set(&value);
        if !keys.is_empty() {
            return Some(Self::Keys(keys));
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(|text| kept(text.as_bytes()));
        Some(Self::Configuration { issuer: text("issuer")?, jwks_uri: text("jwks_uri")? })
    }

    /// With the place it was asked for; `None` for places beyond the limit.
    pub(crate) fn at(self, path: &[u8], query: &[u8]) -> Option<Published> {
        let place = if query.is_empty() { path.to_vec() } else { [path, b"?", query].concat() };
        let place = String::from_utf8(place).ok().filter(|place| place.len() <= PATH_BYTES_MAX)?;
        Some(Published { place: place.into(), document: self })
    }
}

/// The public keys of `{"keys": [...]}`.
pub(super) fn keys_of_set(set: &Value) -> Vec<PublicKey> {
    let keys = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    keys.iter().filter_map(PublicKey::of_jwk).take(KEYS_MAX).collect()
}
