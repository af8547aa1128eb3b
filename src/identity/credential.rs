//! Every credential a request presents: where it is, what scheme it belongs to, which handle it is.
//! It is given header lines and known fields and gives values that are still secret, for the extractor to hash.
//! It promises that a repeated header is kept twice, that passwords are only remembered for masking,
//! and that a Basic credential stands for its user name alone.

mod certificate;
mod cookie;
mod field;
mod path;
mod recall;
mod scheme;
mod signed;
mod veil;

pub(crate) use certificate::{OwnCertificate, hex};
pub(crate) use cookie::cookie;
pub(crate) use path::is_ticket;
pub(crate) use recall::{Line, Recall};
pub(crate) use veil::SECRET_BYTES_MIN;

use super::clues::HandleKind;
use super::secret::{Known, Secret};
use super::shape;
use super::tables::RequestHeader;
use certificate::Certificates;
use heelguard_detectors::identity::{CredentialKind as Kind, Location};
use std::borrow::Cow;
use std::sync::Arc;

/// Credentials kept of one request.
const FOUND_MAX: usize = 48;

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
    /// What was found out about the value, where it is remembered.
    pub(crate) known: Option<Known>,
}

/// What a request presents.
#[derive(Default)]
pub(crate) struct Presented<'a> {
    pub(crate) found: Vec<Found<'a>>,
    /// Secrets that get no fingerprint: passwords, codes, raw header values. They are masked in texts.
    hidden: Vec<Secret<'a>>,
    /// There are more secrets than can be compared with: no text of this exchange can be trusted.
    too_many: bool,
    /// The user of Basic, Digest or NTLM.
    pub(crate) user: Option<Cow<'a, [u8]>>,
    /// The user and secret of Basic, for token endpoints where they are a client's.
    pub(crate) basic: Option<(Cow<'a, [u8]>, Secret<'a>)>,
    /// The OAuth client that Basic authenticates.
    pub(crate) client: Option<Cow<'a, [u8]>>,
    /// A second factor's code or token in a header.
    pub(crate) mfa_header: Option<&'a [u8]>,
    /// A credential header came more than once.
    pub(crate) repeated: bool,
    /// The name in the client's certificate, as a proxy that is believed passed it on.
    pub(crate) certificate_subject: Option<Arc<str>>,
    /// Whether the headers about a certificate are to be believed.
    pub(crate) certificate_believed: bool,
    /// What the headers say in which proxies pass a client's certificate on.
    certificates: Certificates<'a>,
}

impl<'a> Presented<'a> {
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
            RequestHeader::ProxyAuthorization => self.proxy_authorization(value),
            RequestHeader::Signature => self.signature(name, value),
            RequestHeader::SignatureInput => self.signature_input(name, value),
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
            RequestHeader::Dpop => {
                self.push(Kind::Dpop, at, name, value.into(), "dpop_proof", None, true);
            }
            RequestHeader::ClientCertificate => self.certificates.header(name, value),
            RequestHeader::Mfa => {
                self.mfa_header = Some(value);
                if value.len() > 10 {
                    self.add(Kind::MfaToken, at, name, value, "mfa_token", HandleKind::Challenge);
                } else {
                    self.hide_code(value);
                }
            }
            _ => {}
        }
    }

    /// gRPC calls its headers metadata.
    pub(crate) fn is_metadata(&mut self) {
        let headers = self.found.iter_mut().filter(|found| found.location == Location::Header);
        headers.for_each(|found| found.location = Location::Metadata);
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
        if self.push(kind, Location::Header, name, value, class, None, true)
            && let Some(found) = self.found.last_mut()
        {
            found.named = Some(class);
        }
    }

    /// Takes a credential, or, when there are too many, only hides it. Says whether it was taken.
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
    ) -> bool {
        if self.found.len() == FOUND_MAX {
            self.hide(value);
            return false;
        }
        let secret = Secret::new(value);
        let (named, known) = (None, None);
        self.found.push(Found { kind, location, name, secret, named, carrier, handle, listed, known });
        true
    }
}

fn strip_prefix_ignoring_case<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// `X-Access-Token: Bearer eyJ…` is met as often as the bare token.
fn bare_token(value: &[u8]) -> &[u8] {
    strip_prefix_ignoring_case(value, b"bearer ").map_or(value, <[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests;
