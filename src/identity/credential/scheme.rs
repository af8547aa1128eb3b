//! `Authorization` and `Proxy-Authorization`: a scheme, blanks, and what the scheme wants (RFC 9110 11.4).
//! It is given the header's value and finds the one part of it that is the same on every use.
//! It promises that a scheme with nothing stable in it (Negotiate, NTLM's first message) stands for nobody.

use super::signed::{self, parameter};
use super::{Found, Presented};
use crate::identity::clues::HandleKind;
use crate::identity::jwt;
use crate::identity::secret::Secret;
use crate::identity::shape;
use crate::identity::urlencoded;
use heelguard_detectors::identity::{CredentialKind as Kind, Location};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// Longest Basic credential and NTLM message that is decoded.
const DECODED_BYTES_MAX: usize = 8 * 1024;
/// What stands in the password's place where the user is a key.
const FILLERS: &[&[u8]] = &[b"", b"x", b"api_token", b"x-oauth-basic", b"unused"];
/// A user of so many letters and digits beside a filler is a key.
const KEY_BESIDE_FILLER_BYTES_MIN: usize = 16;
/// A user of so many hex digits is a key.
const HEX_KEY_BYTES_MIN: usize = 20;

impl<'a> Presented<'a> {
    pub(super) fn authorization(&mut self, name: &'a [u8], value: &'a [u8]) {
        let (scheme, rest) = split_scheme(value);
        let at = Location::Header;
        match scheme.to_ascii_lowercase().as_slice() {
            b"bearer" | b"dpop" | b"jwt" | b"gnap" | b"webpush" | b"zoho-oauthtoken" => {
                self.bearer(at, name, rest);
            }
            b"basic" => self.basic(name, rest),
            b"digest" => self.digest(name, rest),
            b"negotiate" | b"ntlm" => self.negotiate(name, rest),
            b"oauth" => self.oauth(name, rest),
            b"vapid" => self.bearer(at, name, parameter(rest, b"t").unwrap_or(rest)),
            b"token" | b"apikey" | b"api-key" | b"key" | b"x-api-key" | b"apitoken" | b"api-token"
            | b"secret" | b"access-key" | b"genie-key" | b"geniekey" | b"ssws" | b"bot" | b"flyv1"
            | b"privatetoken" | b"app-token" => {
                let key = parameter(rest, b"token").unwrap_or(rest);
                if shape::class(key) == shape::JWT {
                    self.bearer(at, name, key);
                } else {
                    self.add(Kind::ApiKey, at, name, key, "api_key", HandleKind::ApiKey);
                }
            }
            b"" if shape::class(rest) == shape::JWT => self.bearer(at, name, rest),
            b"" if rest.starts_with(b"bce-auth-v1/") => self.signed(name, &signed::BAIDU, rest),
            b"" => self.add(Kind::ApiKey, at, name, rest, "api_key", HandleKind::ApiKey),
            known => match signed::scheme(known) {
                Some(scheme) => self.signed(name, scheme, rest),
                None => {
                    self.push(Kind::Other, at, name, rest.into(), "other", None, true);
                }
            },
        }
    }

    /// What is said to a proxy in between is no credential of the service, and a secret all the same.
    pub(super) fn proxy_authorization(&mut self, value: &'a [u8]) {
        let (scheme, rest) = split_scheme(value);
        self.hide(value);
        self.hide(rest);
        if scheme.eq_ignore_ascii_case(b"basic")
            && let Some((_, password)) = basic_parts(rest)
        {
            self.hide(password);
        }
        self.hide_proofs(rest);
    }

    /// `Basic` (RFC 7617): the user stands for it. Some products put a key where the user or the password belongs.
    fn basic(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.hide(value);
        let Some((user, password)) = basic_parts(value) else {
            // What cannot be decoded has no user; its bytes are not hashed, they may be a password.
            return self.push_named(Kind::Basic, name, Cow::Borrowed(b"".as_slice()), "basic");
        };
        self.hide(password.clone());
        let is_key = |v: &[u8]| shape::known_key(v).is_some() || shape::class(v) == shape::JWT;
        for key in [&user, &password] {
            if is_key(key) {
                return self.bearer_value(Location::Header, name, key.clone().into());
            }
        }
        let is_key = is_key_as_user(&user, &password);
        self.basic = Some((user.clone().into(), Secret::new(password)));
        if is_key {
            let handle = Some(HandleKind::ApiKey);
            self.push(Kind::ApiKey, Location::Header, name, user.into(), "api_key", handle, true);
            return;
        }
        self.user = Some(user.clone().into());
        self.push_named(Kind::Basic, name, user.into(), "basic");
    }

    /// At a token endpoint Basic authenticates a client (RFC 6749 2.3.1): its secret is a credential of its own.
    pub(crate) fn basic_is_client(&mut self) {
        let Some((id, secret)) = self.basic.take() else { return };
        // A client's id may look like a key: a UUID, say.
        let is_basic =
            |f: &&mut Found<'_>| f.kind == Kind::Basic || f.carrier == "api_key" && f.secret.bytes() == &*id;
        let Some(found) = self.found.iter_mut().find(is_basic) else { return };
        (found.kind, found.handle) = (Kind::ClientSecret, None);
        found.secret = Secret::new(urlencoded::decode(secret.bytes()).into_owned());
        (found.named, found.carrier) = (None, "client_secret");
        self.user = None;
        self.client = Some(urlencoded::decode(&id).into_owned().into());
    }

    /// `Digest` (RFC 7616): the user stands for it, unless only a hash of the name is sent.
    fn digest(&mut self, name: &'a [u8], rest: &'a [u8]) {
        self.hide(rest);
        self.hide_proofs(rest);
        let hashed = parameter(rest, b"userhash").is_some_and(|said| said.eq_ignore_ascii_case(b"true"));
        let user = match (parameter(rest, b"username"), parameter(rest, b"username*")) {
            (Some(user), _) => Some(Cow::Borrowed(user)),
            // `UTF-8''J%C3%A4s` (RFC 8187)
            (None, Some(extended)) => extended.splitn(3, |&b| b == b'\'').nth(2).map(urlencoded::decode_path),
            (None, None) => None,
        };
        self.user = user.clone().filter(|_| !hashed);
        self.push_named(Kind::Digest, name, user.unwrap_or_default(), "digest");
    }

    /// `Negotiate` (RFC 4559) and `NTLM`: every message is new, so a fingerprint of it would name nobody.
    /// The last message of NTLM says in the open who it is.
    fn negotiate(&mut self, name: &'a [u8], rest: &'a [u8]) {
        self.hide(rest);
        let decoded = (rest.len() <= DECODED_BYTES_MAX).then(|| jwt::base64_any(rest)).flatten();
        let message = decoded.as_deref().and_then(ntlm);
        let user = message.and_then(ntlm_user);
        let class = if message.is_some() { "ntlm" } else { "negotiate" };
        self.user = user.clone().map(Cow::Owned);
        self.push_named(Kind::Negotiate, name, user.unwrap_or_default().into(), class);
    }

    /// `OAuth`: signed with a consumer's key in 1.0 (RFC 5849), and a bearer token where products use the name for it.
    fn oauth(&mut self, name: &'a [u8], rest: &'a [u8]) {
        let Some(consumer) = parameter(rest, b"oauth_consumer_key") else {
            return self.bearer(Location::Header, name, rest);
        };
        self.hide(rest);
        self.hide_proofs(rest);
        self.push_named(Kind::Signature, name, urlencoded::decode_path(consumer), "oauth_consumer_key");
        if let Some(token) = parameter(rest, b"oauth_token").filter(|token| !token.is_empty()) {
            let (token, handle) = (urlencoded::decode_path(token), Some(HandleKind::Access));
            self.push(Kind::BearerOpaque, Location::Header, name, token, "oauth_token", handle, true);
        }
    }
}

/// The scheme and what follows it; a value without a blank has no scheme.
fn split_scheme(value: &[u8]) -> (&[u8], &[u8]) {
    let blank = value.iter().position(|b| matches!(b, b' ' | b'\t'));
    let (scheme, rest) = blank.and_then(|at| value.split_at_checked(at)).unwrap_or((&[], value));
    (scheme, rest.trim_ascii())
}

/// User and password of Basic; without a colon all of it is the password.
fn basic_parts(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let decoded = (value.len() <= DECODED_BYTES_MAX).then(|| jwt::base64_any(value)).flatten()?;
    let decoded = Zeroizing::new(decoded);
    let colon = memchr::memchr(b':', &decoded);
    let user = decoded.get(..colon.unwrap_or(0)).unwrap_or(&[]).to_vec();
    Some((user, decoded.get(colon.map_or(0, |c| c + 1)..).unwrap_or(&[]).to_vec()))
}

/// Whether the user of Basic is a key: by its own looks, or because no password stands beside it.
fn is_key_as_user(user: &[u8], password: &[u8]) -> bool {
    if user.contains(&b'@') {
        return false;
    }
    let is_hex_key = || user.len() >= HEX_KEY_BYTES_MIN && user.iter().all(u8::is_ascii_hexdigit);
    let is_filler = || password == user || FILLERS.iter().any(|filler| filler.eq_ignore_ascii_case(password));
    let is_dense = || {
        user.len() >= KEY_BESIDE_FILLER_BYTES_MIN
            && user.iter().all(u8::is_ascii_alphanumeric)
            && user.iter().any(u8::is_ascii_digit)
    };
    shape::looks_secret(user) || shape::is_uuid(user) || is_hex_key() || is_dense() && is_filler()
}

/// The NTLM message, bare or inside SPNEGO.
fn ntlm(message: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(message, b"NTLMSSP\0")?;
    message.get(at..)
}

/// The user name of an AUTHENTICATE message ([MS-NLMP] 2.2.1.3): length and place at 36, letters by the flag at 60.
fn ntlm_user(message: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| Some(u32::from_le_bytes(*message.get(at..)?.first_chunk::<4>()?));
    if number(8)? != 3 {
        return None;
    }
    let len = (number(36)? & 0xFFFF) as usize;
    let from = number(40)? as usize;
    let raw = message.get(from..from.checked_add(len)?).filter(|raw| !raw.is_empty())?;
    if number(60)? & 1 == 0 {
        return Some(raw.to_vec());
    }
    let units = raw.chunks_exact(2).map(|pair| {
        u16::from_le_bytes([pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0)])
    });
    Some(String::from_utf16_lossy(&units.collect::<Vec<_>>()).into_bytes())
}
