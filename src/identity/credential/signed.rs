//! Requests that are signed: the key's id is public and stands for it, the signature is new each time.
//! It is given what follows the scheme in `Authorization`, or the headers of RFC 9421.
//! It promises that a signature is hidden and never hashed, and that an unknown HMAC scheme is read like its kin.

use super::Presented;
use heelguard_detectors::identity::CredentialKind as Kind;

/// Where a scheme puts the key's id, and the class it is hashed under.
pub(super) struct Scheme {
    /// As it begins, lower case.
    begins: &'static [u8],
    id: Id,
    class: &'static str,
}

#[derive(Clone, Copy)]
enum Id {
    /// The first of these parameters; of `Credential=ID/date/region` the first part.
    Parameter(&'static [&'static [u8]]),
    /// `id:signature`
    BeforeColon,
    /// `bce-auth-v1/ID/…`
    SecondPart,
}

const fn scheme_of(begins: &'static [u8], id: Id, class: &'static str) -> Scheme {
    Scheme { begins, id, class }
}

const CREDENTIAL: Id = Id::Parameter(&[b"Credential", b"Access"]);

/// Known schemes; the first that fits counts.
const SCHEMES: &[Scheme] = &[
    scheme_of(b"aws4-", CREDENTIAL, "aws_access_key"),
    scheme_of(b"aws", Id::BeforeColon, "aws_access_key"),
    scheme_of(b"goog4-", CREDENTIAL, "google_access_id"),
    scheme_of(b"goog1", Id::BeforeColon, "google_access_id"),
    scheme_of(b"sharedaccesssignature", Id::Parameter(&[b"skn", b"sr"]), "azure_sas"),
    scheme_of(b"sharedkey", Id::BeforeColon, "azure_account"),
    scheme_of(b"acs3-", CREDENTIAL, "alibaba_access_key"),
    scheme_of(b"acs", Id::BeforeColon, "alibaba_access_key"),
    scheme_of(b"oss4-", CREDENTIAL, "alibaba_access_key"),
    scheme_of(b"oss", Id::BeforeColon, "alibaba_access_key"),
    scheme_of(b"tc3-", CREDENTIAL, "tencent_secret_id"),
    scheme_of(b"sdk-hmac", CREDENTIAL, "huawei_access_key"),
    scheme_of(b"obs", Id::BeforeColon, "huawei_access_key"),
    scheme_of(b"hawk", Id::Parameter(&[b"id"]), "hawk"),
    scheme_of(b"mac", Id::Parameter(&[b"id", b"kid"]), "mac"),
    scheme_of(b"signature", Id::Parameter(&[b"keyId"]), "signature"),
    scheme_of(b"apiauth", Id::BeforeColon, "signature"),
];

pub(super) const BAIDU: Scheme = scheme_of(b"bce-auth-v1", Id::SecondPart, "baidu_access_key");

/// Whatever else calls itself an HMAC.
const HMAC: Scheme = scheme_of(
    b"",
    Id::Parameter(&[
        b"Credential",
        b"keyId",
        b"key_id",
        b"access",
        b"accessKey",
        b"access_key",
        b"username",
        b"id",
        b"client_id",
        b"appId",
        b"app_id",
        b"apiKey",
        b"api_key",
        b"key",
    ]),
    "hmac",
);

/// Parameters that prove: never an id, never the same again.
const PROOFS: &[&[u8]] = &[
    b"signature",
    b"sig",
    b"mac",
    b"response",
    b"hmac",
    b"digest",
    b"oauth_signature",
    b"oauth_token",
    b"oauth_verifier",
    b"secret",
    b"token",
    b"password",
];

/// The scheme of that name (lower case), if it signs.
pub(super) fn scheme(name: &[u8]) -> Option<&'static Scheme> {
    let known = SCHEMES.iter().find(|scheme| {
        let whole = !scheme.begins.ends_with(b"-");
        name.strip_prefix(scheme.begins).is_some_and(|rest| !whole || rest.is_empty() || is_variant(rest))
    });
    known.or_else(|| memchr::memmem::find(name, b"hmac").map(|_| &HMAC))
}

/// `SharedKeyLite`, `SDK-HMAC-SHA256`, `APIAuth-HMAC-SHA256`.
fn is_variant(rest: &[u8]) -> bool {
    rest.starts_with(b"-") || rest == b"lite"
}

impl<'a> Presented<'a> {
    pub(super) fn signed(&mut self, name: &'a [u8], scheme: &Scheme, rest: &'a [u8]) {
        self.hide(rest);
        self.hide_proofs(rest);
        let kind = if scheme.class == "hawk" { Kind::Hawk } else { Kind::Signature };
        // `id:signature`, and not the colon of some parameter's value.
        let at = rest.iter().position(|b| matches!(b, b':' | b'=')).unwrap_or(rest.len());
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        let pair = after.strip_prefix(b":").map(|signature| {
            self.hide(signature);
            before
        });
        let id = match scheme.id {
            Id::BeforeColon => pair.or_else(|| parameter(rest, b"Credential")),
            Id::SecondPart => rest.split(|&b| b == b'/').nth(1),
            Id::Parameter(names) => names.iter().find_map(|wanted| parameter(rest, wanted)).or(pair),
        };
        let id = id.map_or(&[][..], |id| id.split(|&b| b == b'/').next().unwrap_or(id));
        self.push_named(kind, name, id.into(), scheme.class);
    }

    /// `Signature: sig1=:…:` (RFC 9421 4.2), or what was `Authorization: Signature` in the draft before it.
    pub(super) fn signature(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.hide(value);
        self.hide_proofs(value);
        value.split(|&b| b == b':').for_each(|part| self.hide_long(part));
        if let Some(id) = parameter(value, b"keyId") {
            self.push_named(Kind::Signature, name, id.into(), "signature");
        }
    }

    /// `Signature-Input: sig1=("@method");keyid="…"` (RFC 9421 4.1).
    pub(super) fn signature_input(&mut self, name: &'a [u8], value: &'a [u8]) {
        let mut parts = value.split(|&b| b == b';').map(<[u8]>::trim_ascii);
        if let Some(id) = parts.find_map(|part| parameter(part, b"keyid")) {
            self.push_named(Kind::Signature, name, id.into(), "signature");
        }
    }

    /// Hides each parameter that proves something, so that it is known where it stands alone.
    pub(super) fn hide_proofs(&mut self, rest: &'a [u8]) {
        for (name, value) in parameters(rest) {
            if PROOFS.iter().any(|proof| name.eq_ignore_ascii_case(proof)) {
                self.hide(value);
            }
        }
    }

    fn hide_long(&mut self, part: &'a [u8]) {
        if part.len() >= 16 {
            self.hide(part);
        }
    }
}

/// A parameter of an authentication scheme.
pub(super) fn parameter<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    parameters(text).find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Names and values: `name="value"` or `name=value`, separated by commas (RFC 9110 11.2) or, as Azure writes, by `&`.
pub(super) fn parameters(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.get(rest.iter().take_while(|b| b" \t,&".contains(b)).count()..)?;
            let equals = rest.iter().position(|b| b"=,&".contains(b))?;
            let (name, tail) = rest.split_at_checked(equals)?;
            let Some(value) = tail.strip_prefix(b"=") else {
                rest = tail;
                continue;
            };
            let value = value.trim_ascii_start();
            let (value, after) = match value.strip_prefix(b"\"") {
                Some(quoted) => quoted.split_at_checked(end_of_quoted(quoted))?,
                None => value.split_at_checked(
                    value.iter().position(|b| b" \t,&".contains(b)).unwrap_or(value.len()),
                )?,
            };
            rest = after.strip_prefix(b"\"").unwrap_or(after);
            return Some((name.trim_ascii(), value));
        }
    })
}

/// Where a quoted text ends, its quotes escaped by a backslash.
pub(super) fn end_of_quoted(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().position(|&b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}
