//! Every credential a request presents: where it is, what scheme it belongs to, which handle it is.
//! It is given header lines and known fields and gives values that are still secret, for the extractor to hash.
//! It promises that a repeated header is kept twice, that passwords are only remembered for masking,
//! and that a Basic credential stands for its user name alone.

use super::clues::HandleKind;
use super::fields::{Fields, Known};
use super::jwt;
use super::names::Names;
use super::secret::Secret;
use super::shape;
use super::tables::{Cookie, Field, RequestHeader};
use super::urlencoded;
use heelguard_detectors::identity::{CredentialKind as Kind, Location};
use std::borrow::Cow;

/// Cookies of one request that are looked at.
const COOKIES_MAX: usize = 1024;
/// Credentials kept of one request.
const FOUND_MAX: usize = 48;
/// Longest Basic credential that is decoded.
const BASIC_BYTES_MAX: usize = 8 * 1024;
/// Shorter values are no tokens, and would mask innocent text.
pub(crate) const SECRET_BYTES_MIN: usize = 6;

/// A credential, its value still secret.
pub(crate) struct Found<'a> {
    pub(crate) kind: Kind,
    pub(crate) location: Location,
    /// The header, cookie or parameter, as sent.
    pub(crate) name: &'a [u8],
    pub(crate) secret: Secret<'a>,
    /// The value is a public name (user of Basic, key id), hashed under this class.
    pub(crate) named: Option<&'static str>,
    /// The class to show when the value's form says nothing.
    pub(crate) carrier: &'static str,
    pub(crate) handle: Option<HandleKind>,
    /// Whether records list it; tickets and codes are handles only.
    pub(crate) listed: bool,
}

/// The two halves of a Basic credential.
type UserPassword<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// What a request presents.
#[derive(Default)]
pub(crate) struct Presented<'a> {
    pub(crate) found: Vec<Found<'a>>,
    /// Secrets that get no fingerprint: passwords, codes, raw header values. They are masked in texts.
    pub(crate) hidden: Vec<Cow<'a, [u8]>>,
    /// The user of Basic or Digest.
    pub(crate) user: Option<Cow<'a, [u8]>>,
    /// The secret of Basic, for token endpoints where it is a client's.
    pub(crate) basic: Option<UserPassword<'a>>,
    /// The OAuth client that Basic authenticates.
    pub(crate) client: Option<Cow<'a, [u8]>>,
    /// A second factor's code or token in a header.
    pub(crate) mfa_header: Option<&'a [u8]>,
    /// A credential header came more than once.
    pub(crate) repeated: bool,
}

impl<'a> Presented<'a> {
    /// Whether `piece` is one of the presented values.
    pub(crate) fn is(&self, piece: &[u8]) -> bool {
        self.values().any(|value| value == piece)
    }

    /// Whether a presented value stands somewhere in `text`, which will be written in lower case.
    pub(crate) fn is_within_any_case(&self, text: &[u8]) -> bool {
        self.values().any(|value| {
            (SECRET_BYTES_MIN..=text.len()).contains(&value.len())
                && text.windows(value.len()).any(|piece| piece.eq_ignore_ascii_case(value))
        })
    }

    /// Whether a presented value stands somewhere in `text`.
    pub(crate) fn is_within(&self, text: &[u8]) -> bool {
        self.values()
            .any(|value| (SECRET_BYTES_MIN..=text.len()).contains(&value.len()) && holds(text, value))
    }

    /// Every presented value that is secret.
    pub(crate) fn values(&self) -> impl Iterator<Item = &[u8]> {
        let found = self.found.iter().filter(|f| f.named.is_none()).map(|f| f.secret.bytes());
        found.chain(self.hidden.iter().map(|h| &**h))
    }

    /// Takes a header that carries a credential.
    pub(crate) fn header(&mut self, role: RequestHeader, name: &'a [u8], value: &'a [u8]) {
        if value.is_empty() {
            return;
        }
        let same = |f: &Found<'_>| f.location == Location::Header && f.name.eq_ignore_ascii_case(name);
        self.repeated |= self.found.iter().any(same);
        let at = Location::Header;
        match role {
            RequestHeader::Authorization => self.authorization(name, value),
            RequestHeader::Key => self.add(Kind::ApiKey, at, name, value, "api_key", HandleKind::ApiKey),
            RequestHeader::Session => {
                self.add(Kind::Session, at, name, value, "session_token", HandleKind::Session);
            }
            RequestHeader::Access => self.bearer(at, name, bare_token(value)),
            RequestHeader::Refresh => {
                self.add(Kind::RefreshToken, at, name, value, "refresh_token", HandleKind::Refresh);
            }
            RequestHeader::ClientSecret => {
                self.push(Kind::ClientSecret, at, name, value.into(), "client_secret", None, true);
            }
            RequestHeader::Dpop => self.push(Kind::Dpop, at, name, value.into(), "dpop_proof", None, true),
            RequestHeader::ClientCertificate => {
                self.push(Kind::ClientCertificate, at, name, value.into(), "client_certificate", None, true);
            }
            RequestHeader::Mfa => {
                self.mfa_header = Some(value);
                if value.len() > 10 {
                    self.add(Kind::MfaToken, at, name, value, "mfa_token", HandleKind::Challenge);
                } else {
                    self.hidden.push(value.into());
                }
            }
            RequestHeader::ProxyAuthorization => self.hidden.push(value.into()),
            _ => {}
        }
    }

    /// `Authorization`: a scheme, blanks, and what the scheme wants (RFC 9110 11.4).
    fn authorization(&mut self, name: &'a [u8], value: &'a [u8]) {
        let blank = value.iter().position(|b| matches!(b, b' ' | b'\t'));
        let (scheme, rest) = blank.and_then(|at| value.split_at_checked(at)).unwrap_or((&[], value));
        let rest = rest.trim_ascii();
        let at = Location::Header;
        let named = |this: &mut Self, kind, parameter: &[u8], class: &'static str| {
            let value = parameter_of(rest, parameter);
            this.hidden.push(rest.into());
            if let Some(value) = value {
                this.push_named(kind, name, value.into(), class);
            } else {
                this.push(kind, at, name, rest.into(), class, None, true);
            }
        };
        match scheme.to_ascii_lowercase().as_slice() {
            b"bearer" | b"dpop" | b"jwt" | b"gnap" => self.bearer(at, name, rest),
            b"basic" => self.basic(name, rest),
            b"digest" => {
                self.user = parameter_of(rest, b"username").map(Cow::Borrowed);
                named(self, Kind::Digest, b"username", "digest");
            }
            b"hawk" => named(self, Kind::Hawk, b"id", "hawk"),
            b"negotiate" | b"ntlm" => {
                self.push(Kind::Negotiate, at, name, rest.into(), "negotiate", None, true);
            }
            b"signature" => named(self, Kind::Signature, b"keyId", "signature"),
            s if s.starts_with(b"aws4-hmac-sha256") || s.starts_with(b"aws4-ecdsa") => {
                let credential = parameter_of(rest, b"Credential").unwrap_or(rest);
                let id = credential.split(|&b| b == b'/').next().unwrap_or(credential);
                self.hidden.push(rest.into());
                self.push_named(Kind::Signature, name, id.into(), "aws_access_key");
            }
            b"token" | b"apikey" | b"api-key" | b"key" | b"x-api-key" | b"apitoken" | b"api-token"
            | b"secret" | b"access-key" | b"genie-key" | b"ssws" | b"bot" => {
                let key = parameter_of(rest, b"token").unwrap_or(rest);
                if shape::class(key) == shape::JWT {
                    self.bearer(at, name, key);
                } else {
                    self.add(Kind::ApiKey, at, name, key, "api_key", HandleKind::ApiKey);
                }
            }
            b"" if shape::class(rest) == shape::JWT => self.bearer(at, name, rest),
            b"" => self.add(Kind::ApiKey, at, name, rest, "api_key", HandleKind::ApiKey),
            _ => self.push(Kind::Other, at, name, rest.into(), "other", None, true),
        }
    }

    /// A bearer token by what it is: a JWT, a static key with a known prefix, or nothing one can read.
    fn bearer(&mut self, location: Location, name: &'a [u8], value: &'a [u8]) {
        self.bearer_value(location, name, value.into());
    }

    fn bearer_value(&mut self, location: Location, name: &'a [u8], value: Cow<'a, [u8]>) {
        let class = shape::class(&value);
        let (kind, handle) = match class {
            shape::JWT => (Kind::BearerJwt, HandleKind::Access),
            _ if shape::is_static_key(class) => (Kind::ApiKey, HandleKind::ApiKey),
            _ => (Kind::BearerOpaque, HandleKind::Access),
        };
        self.push(kind, location, name, value, "opaque", Some(handle), true);
    }

    /// `Basic` (RFC 7617): the user stands for it. Some products put a key where the user or the password belongs.
    fn basic(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.hidden.push(value.into());
        let decoded = (value.len() <= BASIC_BYTES_MAX).then(|| jwt::base64_any(value)).flatten();
        let Some(decoded) = decoded else {
            // What cannot be decoded has no user; its bytes are not hashed, they may be a password.
            return self.push_named(Kind::Basic, name, Cow::Borrowed(b"".as_slice()), "basic");
        };
        let colon = memchr::memchr(b':', &decoded);
        let user = decoded.get(..colon.unwrap_or(0)).unwrap_or(&[]).to_vec();
        let password = decoded.get(colon.map_or(0, |c| c + 1)..).unwrap_or(&[]).to_vec();
        self.hide_password(&password);
        let is_key = |v: &[u8]| shape::known_key(v).is_some() || shape::class(v) == shape::JWT;
        for key in [&user, &password] {
            if is_key(key) {
                return self.bearer_value(Location::Header, name, key.clone().into());
            }
        }
        if password.is_empty() && colon.is_some() && shape::looks_secret(&user) {
            return self.push(
                Kind::ApiKey,
                Location::Header,
                name,
                user.into(),
                "api_key",
                Some(HandleKind::ApiKey),
                true,
            );
        }
        self.user = Some(user.clone().into());
        self.basic = Some((user.clone().into(), password.into()));
        self.push_named(Kind::Basic, name, user.into(), "basic");
    }

    /// Remembers a password for masking, as it is and in the forms a URL would carry it.
    fn hide_password(&mut self, password: &[u8]) {
        if password.len() >= SECRET_BYTES_MIN {
            self.hidden.push(password.to_vec().into());
        }
    }

    /// At a token endpoint Basic authenticates a client (RFC 6749 2.3.1): its secret is a credential of its own.
    pub(crate) fn basic_is_client(&mut self) {
        let Some((id, secret)) = self.basic.take() else { return };
        let Some(found) = self.found.iter_mut().find(|f| f.kind == Kind::Basic) else { return };
        found.kind = Kind::ClientSecret;
        found.secret = Secret::new(urlencoded::decode(&secret).into_owned());
        (found.named, found.carrier) = (None, "client_secret");
        self.user = None;
        self.client = Some(urlencoded::decode(&id).into_owned().into());
    }

    /// Takes a `Cookie` line.
    pub(crate) fn cookies(&mut self, line: &'a [u8], names: &Names<Cookie>) {
        for pair in line.split(|&b| b == b';').take(COOKIES_MAX) {
            let pair = pair.trim_ascii();
            let Some(equals) = memchr::memchr(b'=', pair) else { continue };
            let (name, value) = (pair.get(..equals).unwrap_or(&[]), pair.get(equals + 1..).unwrap_or(&[]));
            let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
            if value.len() < SECRET_BYTES_MIN {
                continue;
            }
            match cookie(name, value, names) {
                Some(role) => self.cookie(role, name, value),
                None if shape::looks_secret(value) => self.hidden.push(value.into()),
                None => {}
            }
        }
    }

    fn cookie(&mut self, role: Cookie, name: &'a [u8], value: &'a [u8]) {
        let at = Location::Cookie;
        match role {
            Cookie::Session => {
                self.add(Kind::Session, at, name, value, "session_cookie", HandleKind::Session);
            }
            Cookie::Access => self.bearer(at, name, value),
            Cookie::Refresh => {
                self.add(Kind::RefreshToken, at, name, value, "refresh_token", HandleKind::Refresh);
            }
            Cookie::Challenge => {
                self.push(
                    Kind::Session,
                    at,
                    name,
                    value.into(),
                    "ticket",
                    Some(HandleKind::Challenge),
                    false,
                );
            }
            Cookie::Ignored => self.hidden.push(value.into()),
        }
    }

    /// Takes the known fields of query and body. `code_is_grant`: `code` is an authorization code.
    pub(crate) fn fields(&mut self, fields: &Fields<'a>, code_is_grant: bool) {
        for known in &fields.known {
            if known.value.is_empty() {
                continue;
            }
            self.field(known, code_is_grant);
        }
    }

    fn field(&mut self, known: &Known<'a>, code_is_grant: bool) {
        let (at, name, value) = (known.location, known.name, known.value.clone());
        let long = value.len() >= 8;
        let in_url = at == Location::Query;
        let mut push = |kind, carrier, handle, listed| {
            self.push(kind, at, name, value.clone(), carrier, Some(handle), listed);
        };
        match known.field {
            Field::Password | Field::NewPassword => self.hide_password(&value),
            Field::AnyCode if code_is_grant => {
                push(Kind::Other, "authorization_code", HandleKind::Code, false);
            }
            Field::Code | Field::BackupCode | Field::AnyCode => self.hidden.push(value),
            Field::DeviceCode => push(Kind::Other, "device_code", HandleKind::Code, false),
            Field::Access => self.bearer_value(at, name, value),
            Field::Refresh if long => push(Kind::RefreshToken, "refresh_token", HandleKind::Refresh, true),
            Field::Session if long => push(Kind::Session, "session_token", HandleKind::Session, true),
            Field::Ticket if long => push(Kind::Other, "ticket", HandleKind::Challenge, false),
            Field::Key if long => push(Kind::ApiKey, "api_key", HandleKind::ApiKey, true),
            Field::MaybeKey if long && shape::looks_secret(&value) => {
                push(Kind::ApiKey, "api_key", HandleKind::ApiKey, in_url);
            }
            Field::Token if shape::class(&value) == shape::JWT => {
                push(Kind::BearerJwt, "opaque", HandleKind::Access, in_url);
            }
            Field::Token if long && in_url => push(Kind::BearerOpaque, "opaque", HandleKind::Access, true),
            Field::Token if long => push(Kind::Other, "opaque", HandleKind::Access, false),
            Field::ClientSecret => {
                self.push(Kind::ClientSecret, at, name, value, "client_secret", None, true);
            }
            Field::Signature if long && in_url => {
                self.push(Kind::Signature, at, name, value, "presigned_url", None, true);
            }
            _ => {}
        }
    }

    /// Userinfo of an absolute URL: `user:password@host`.
    pub(crate) fn userinfo(&mut self, userinfo: &'a [u8]) {
        let colon = memchr::memchr(b':', userinfo);
        let user = userinfo.get(..colon.unwrap_or(userinfo.len())).unwrap_or(&[]);
        if let Some(password) = colon.and_then(|c| userinfo.get(c + 1..)) {
            self.hide_password(&urlencoded::decode_path(password));
        }
        let user = urlencoded::decode_path(user);
        if self.user.is_none() && !shape::looks_secret(&user) {
            self.user = Some(user.clone());
        }
        self.push(Kind::Basic, Location::Userinfo, b"url", user, "basic", None, true);
        if let Some(found) = self.found.last_mut() {
            found.named = Some("basic");
        }
    }

    /// A ticket in the path.
    pub(crate) fn ticket_in_path(&mut self, value: Cow<'a, [u8]>) {
        self.push(Kind::Other, Location::Path, b"path", value, "ticket", Some(HandleKind::Challenge), false);
    }

    /// A secret in the path.
    pub(crate) fn key_in_path(&mut self, value: Cow<'a, [u8]>) {
        self.bearer_value(Location::Path, b"path", value);
    }

    fn add(
        &mut self,
        kind: Kind,
        location: Location,
        name: &'a [u8],
        value: &'a [u8],
        carrier: &'static str,
        handle: HandleKind,
    ) {
        let (kind, handle) = match (kind, shape::class(value)) {
            // A JWT is a JWT in whatever header or cookie it travels, but for what only refreshes.
            (Kind::ApiKey | Kind::Session, shape::JWT) => (Kind::BearerJwt, HandleKind::Access),
            _ => (kind, handle),
        };
        self.push(kind, location, name, value.into(), carrier, Some(handle), true);
    }

    fn push_named(&mut self, kind: Kind, name: &'a [u8], value: Cow<'a, [u8]>, class: &'static str) {
        self.push(kind, Location::Header, name, value, class, None, true);
        if let Some(found) = self.found.last_mut() {
            found.named = Some(class);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one struct, in its order")]
    fn push(
        &mut self,
        kind: Kind,
        location: Location,
        name: &'a [u8],
        value: Cow<'a, [u8]>,
        carrier: &'static str,
        handle: Option<HandleKind>,
        listed: bool,
    ) {
        if self.found.len() < FOUND_MAX {
            self.found.push(Found {
                kind,
                location,
                name,
                secret: Secret::new(value),
                named: None,
                carrier,
                handle,
                listed,
            });
        } else {
            self.hidden.push(value);
        }
    }
}

/// What a cookie is, by its name and, failing that, by its value.
pub(crate) fn cookie(name: &[u8], value: &[u8], names: &Names<Cookie>) -> Option<Cookie> {
    let name = strip_prefix_ignoring_case(name, b"__host-")
        .or_else(|| strip_prefix_ignoring_case(name, b"__secure-"))
        .unwrap_or(name);
    if let Some(role) = names.get(name) {
        return Some(role);
    }
    let lower: Vec<u8> = name.iter().take(64).map(u8::to_ascii_lowercase).collect();
    let holds = |word: &[u8]| memchr::memmem::find(&lower, word).is_some();
    if holds(b"csrf") || holds(b"xsrf") || lower.ends_with(b".sig") || lower.starts_with(b"_ga") {
        return Some(Cookie::Ignored);
    }
    if holds(b"interaction") || holds(b"challenge") {
        return Some(Cookie::Challenge);
    }
    if holds(b"refresh") && holds(b"token") {
        return Some(Cookie::Refresh);
    }
    if holds(b"session")
        || lower.ends_with(b"sess")
        || lower.ends_with(b"sid")
        || lower.ends_with(b"sessid")
        || lower.starts_with(b"wordpress_logged_in")
    {
        return Some(Cookie::Session);
    }
    if shape::class(value) == shape::JWT
        || holds(b"access_token")
        || holds(b"authtoken")
        || holds(b"auth_token")
    {
        return Some(Cookie::Access);
    }
    None
}

fn strip_prefix_ignoring_case<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// `X-Access-Token: Bearer eyJ…` is met as often as the bare token.
fn bare_token(value: &[u8]) -> &[u8] {
    strip_prefix_ignoring_case(value, b"bearer ").map_or(value, <[u8]>::trim_ascii)
}

/// Whether `value` stands in `text`. Texts are short: to prepare a searcher costs more than to look.
fn holds(text: &[u8], value: &[u8]) -> bool {
    let Some(&first) = value.first() else { return false };
    memchr::memchr_iter(first, text).any(|at| text.get(at..).is_some_and(|rest| rest.starts_with(value)))
}

/// A parameter of an authentication scheme: `name="value"` or `name=value`.
fn parameter_of<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    text.split(|&b| b == b',').map(<[u8]>::trim_ascii).find_map(|part| {
        let equals = memchr::memchr(b'=', part)?;
        let (key, value) = (part.get(..equals)?.trim_ascii(), part.get(equals + 1..)?.trim_ascii());
        let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}
