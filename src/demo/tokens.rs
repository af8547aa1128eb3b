//! Things that prove who one is: JWTs, sessions, tickets, keys and codes of an invented company.
//! It is given a source of chance and gives values with the shapes that real systems hand out.
//! It promises that none of them was ever valid anywhere.

use super::random::Random;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use heelguard_detectors::time::EventTime;
use std::fmt::Write as _;

/// The issuer of every token.
pub(super) const ISSUER: &str = "https://id.acme.example";

/// What a JWT says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claims<'a> {
    pub subject: &'a str,
    /// Empty for programs.
    pub email: &'a str,
    /// Empty for people.
    pub client_id: &'a str,
    pub scope: &'a str,
    /// Methods of authentication (RFC 8176).
    pub amr: &'a [&'a str],
    pub issued_at: EventTime,
    /// When the person proved who they are.
    pub auth_time: EventTime,
    pub lifetime_s: u64,
}

/// A signed JWT of about 800 bytes.
pub(super) fn jwt(claims: &Claims<'_>, random: &mut Random) -> String {
    let header = r#"{"alg":"RS256","typ":"JWT","kid":"acme-2026-10"}"#;
    format!("{}.{}", signed_part(header, claims, random), encode(&random.bytes(256)))
}

/// The same without a signature: what a broken library takes for a signed one.
pub(super) fn unsigned_jwt(claims: &Claims<'_>, random: &mut Random) -> String {
    format!("{}.", signed_part(r#"{"alg":"none","typ":"JWT"}"#, claims, random))
}

/// An encrypted token: five parts, and no signature is missing.
pub(super) fn jwe(random: &mut Random) -> String {
    let header = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"acme-enc-1"}"#;
    let parts = [256, 12, 210, 16].map(|length| encode(&random.bytes(length)));
    format!("{}.{}", encode(header.as_bytes()), parts.join("."))
}

fn signed_part(header: &str, claims: &Claims<'_>, random: &mut Random) -> String {
    let Claims { subject, email, client_id, scope, amr, issued_at, auth_time, lifetime_s } = claims;
    let proved = auth_time.as_secs();
    let issued = issued_at.as_secs();
    let expires = issued + lifetime_s;
    let jti = random.uuid();
    // Writing to a string does not fail.
    let mut text = format!(
        r#"{{"iss":"{ISSUER}","sub":"{subject}","aud":"https://api.acme.example","iat":{issued},"exp":{expires},"jti":"{jti}","scope":"{scope}""#
    );
    if !email.is_empty() {
        let amr = amr.iter().map(|method| format!("\"{method}\"")).collect::<Vec<_>>().join(",");
        let _ = write!(text, r#","email":"{email}","amr":[{amr}],"auth_time":{proved}"#);
    }
    if !client_id.is_empty() {
        let _ = write!(text, r#","client_id":"{client_id}""#);
    }
    text.push('}');
    format!("{}.{}", encode(header.as_bytes()), encode(text.as_bytes()))
}

/// The value of `Authorization: Basic`.
pub(super) fn basic(name: &str, secret: &str) -> String {
    STANDARD.encode(format!("{name}:{secret}"))
}

/// A static key.
pub(super) fn api_key(random: &mut Random) -> String {
    format!("acme_live_{}", random.token(32))
}

/// A backup code as printed for the user: `8F3K-22QD`.
pub(super) fn backup_code(random: &mut Random) -> String {
    let mut half = || random.token(4).to_ascii_uppercase();
    format!("{}-{}", half(), half())
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
