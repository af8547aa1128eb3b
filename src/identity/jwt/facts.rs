//! What a transaction tells of a presented token: its claims at the moment of use.
//! It is given claims, the time, the path, and a test for what this request must not tell.
//! It promises that every text is bounded, and masked where it holds a secret of the request: whoever makes a
//! token writes these texts.

use super::claims::Claims;
use crate::identity::text::MASK;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::token::{Jwt, Signature};
use std::sync::Arc;

/// Most bytes of the algorithm, of key id, type and method, and of any other text.
const ALG_BYTES_MAX: usize = 24;
const KID_BYTES_MAX: usize = 64;
const WORD_BYTES_MAX: usize = 32;
const TEXT_BYTES_MAX: usize = 128;

/// The facts of a token; what needs other tokens or keys is the desk's.
pub(crate) fn facts(claims: &Claims, now: EventTime, path: &[u8], is_secret: impl Fn(&[u8]) -> bool) -> Jwt {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let shown = |text: &Arc<str>, max: usize| -> Arc<str> {
        if is_secret(text.as_bytes()) {
            MASK.into()
        } else if text.len() <= max {
            text.clone()
        } else {
            text.get(..text.floor_char_boundary(max)).unwrap_or_default().into()
        }
    };
    let maybe = |text: &Option<Arc<str>>, max| text.as_ref().map(|text| shown(text, max));
    let all = |texts: &[Arc<str>], max| texts.iter().map(|text| shown(text, max)).collect();
    let since = |time: Option<i64>| time.map(|time| now.saturating_sub(time));
    let until = |time: Option<i64>| time.map(|time| time.saturating_sub(now));
    Jwt {
        kid: maybe(&claims.header.kid, KID_BYTES_MAX),
        typ: maybe(&claims.header.typ, WORD_BYTES_MAX),
        iss: maybe(&claims.iss, TEXT_BYTES_MAX),
        aud: all(&claims.aud, TEXT_BYTES_MAX),
        client_id: maybe(&claims.client_id, TEXT_BYTES_MAX),
        scope: all(&claims.scope, TEXT_BYTES_MAX),
        amr: all(&claims.amr, WORD_BYTES_MAX),
        acr: maybe(&claims.acr, TEXT_BYTES_MAX),
        expires_in_s: until(claims.exp),
        valid_in_s: until(claims.nbf),
        issued_ago_s: since(claims.iat),
        auth_ago_s: since(claims.auth_time),
        lifetime_s: claims.exp.zip(claims.iat.or(claims.nbf)).map(|(exp, from)| exp.saturating_sub(from)),
        jti: claims.marks.jti,
        claims: claims.identities.names(),
        in_path: claims.identities.in_path(path),
        bound: claims.bound,
        bytes: claims.bytes,
        parts: claims.parts,
        header: claims.header.traits,
        p2c: claims.header.p2c,
        signature: if claims.signed { Signature::Present } else { Signature::Missing },
        ..Jwt::of_alg(&shown(&claims.header.alg, ALG_BYTES_MAX))
    }
}
