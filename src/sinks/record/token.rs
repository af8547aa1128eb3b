//! The `jwt` part of a transaction record: what a presented token says, and what was found out about it.
//! It is given the facts and borrows them.
//! It promises never to write `jti`, not even its mark, and of a well-known secret its place in a list only.

use heelguard_detectors::token::{Confusion, HeaderTrait, HeaderTraits, Jwt, KnownSecret};
use serde::{Serialize, Serializer};
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct JwtPart<'a> {
    alg: &'a str,
    kid: Option<&'a str>,
    iss: Option<&'a str>,
    expires_in_s: Option<i64>,
    amr: &'a [Arc<str>],
    // What follows goes beyond the first version of the schema.
    typ: Option<&'a str>,
    aud: &'a [Arc<str>],
    client_id: Option<&'a str>,
    scope: &'a [Arc<str>],
    acr: Option<&'a str>,
    valid_in_s: Option<i64>,
    issued_ago_s: Option<i64>,
    auth_ago_s: Option<i64>,
    lifetime_s: Option<i64>,
    bound: bool,
    bytes: u32,
    parts: u8,
    header: Traits,
    p2c: Option<u64>,
    signature: &'static str,
    check: &'static str,
    known_secret: Option<KnownSecretPart>,
    confusion: Option<&'static str>,
    tampered: bool,
}

impl<'a> JwtPart<'a> {
    pub(super) fn new(jwt: &'a Jwt) -> Self {
        Self {
            alg: &jwt.alg,
            kid: jwt.kid.as_deref(),
            iss: jwt.iss.as_deref(),
            expires_in_s: jwt.expires_in_s,
            amr: &jwt.amr,
            typ: jwt.typ.as_deref(),
            aud: &jwt.aud,
            client_id: jwt.client_id.as_deref(),
            scope: &jwt.scope,
            acr: jwt.acr.as_deref(),
            valid_in_s: jwt.valid_in_s,
            issued_ago_s: jwt.issued_ago_s,
            auth_ago_s: jwt.auth_ago_s,
            lifetime_s: jwt.lifetime_s,
            bound: jwt.bound,
            bytes: jwt.bytes,
            parts: jwt.parts,
            header: Traits(jwt.header),
            p2c: jwt.p2c,
            signature: jwt.signature.name(),
            check: jwt.check.name(),
            known_secret: jwt.known_secret.map(KnownSecretPart::new),
            confusion: jwt.confusion.map(Confusion::name),
            tampered: jwt.tampered,
        }
    }
}

#[derive(Serialize)]
struct KnownSecretPart {
    list: &'static str,
    line: u32,
    sha256: Digest,
}

impl KnownSecretPart {
    fn new(known: KnownSecret) -> Self {
        let list = if known.builtin { "builtin" } else { "own" };
        Self { list, line: known.line, sha256: Digest(known.digest) }
    }
}

/// The first four bytes of a digest, in hex.
struct Digest([u8; 4]);

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:08x}", u32::from_be_bytes(self.0)))
    }
}

struct Traits(HeaderTraits);

impl Serialize for Traits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(HeaderTrait::name))
    }
}
