//! Cookies: which of them carry a session, a token or a ticket, by name and, failing that, by value.
//! It is given `Cookie` lines and the table of known names.
//! It promises that a cookie nobody knows is still hidden where its value looks like a secret.

use super::{Presented, strip_prefix_ignoring_case};
use crate::identity::clues::HandleKind;
use crate::identity::credential::SECRET_BYTES_MIN;
use crate::identity::names::Names;
use crate::identity::shape;
use crate::identity::tables::Cookie;
use heelguard_detectors::identity::{CredentialKind as Kind, Location};

/// Cookies of one line that are looked at.
const COOKIES_MAX: usize = 1024;
/// Shorter values of cookies that say nothing about the caller are words.
const IGNORED_BYTES_MIN: usize = 16;

impl<'a> Presented<'a> {
    /// Takes a `Cookie` line.
    pub(crate) fn cookies(&mut self, line: &'a [u8], names: &Names<Cookie>) {
        if line.len() > COOKIES_MAX && line.split(|&b| b == b';').nth(COOKIES_MAX).is_some() {
            self.distrust_all();
        }
        for pair in line.split(|&b| b == b';').take(COOKIES_MAX) {
            let pair = pair.trim_ascii();
            let Some(equals) = memchr::memchr(b'=', pair) else {
                // A value without a name (RFC 6265bis 5.7).
                if shape::looks_secret(pair) {
                    self.hide(pair);
                }
                continue;
            };
            let (name, value) = (pair.get(..equals).unwrap_or(&[]), pair.get(equals + 1..).unwrap_or(&[]));
            let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
            if value.len() < SECRET_BYTES_MIN {
                continue;
            }
            if value.contains(&b'%') {
                // Such a value is met again in the letters it means.
                self.hide(value);
            }
            match cookie(name, value, names) {
                Some(role) => self.cookie(role, name, value),
                None if shape::looks_secret(value) => self.hide(value),
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
                let handle = Some(HandleKind::Challenge);
                self.push(Kind::Session, at, name, value.into(), "ticket", handle, false);
            }
            // A language or a theme is no secret; what guards against forgery is one.
            Cookie::Ignored if value.len() >= IGNORED_BYTES_MIN => self.hide(value),
            Cookie::Ignored => {}
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
