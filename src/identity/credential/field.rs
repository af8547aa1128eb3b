//! Credentials among the parameters of a request: query, form, JSON and GraphQL variables, read alike; and in the URL.
//! It is given known fields with their values.
//! It promises that passwords and codes are hidden and never hashed, and that what stands in an address is listed.

use super::Presented;
use super::signed::end_of_quoted;
use crate::identity::clues::HandleKind;
use crate::identity::fields::{Fields, Known};
use crate::identity::names::Names;
use crate::identity::shape;
use crate::identity::tables::Field;
use crate::identity::urlencoded;
use heelguard_detectors::identity::{CredentialKind as Kind, Location};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// Arguments of one GraphQL document that are looked at.
const LITERALS_MAX: usize = 1024;

impl<'a> Presented<'a> {
    /// Takes the known fields of query and body. `code_is_grant`: `code` is an authorization code.
    pub(crate) fn fields(&mut self, fields: &Fields<'a>, code_is_grant: bool) {
        for known in &fields.known {
            if known.value.is_empty() {
                continue;
            }
            self.field(known, code_is_grant);
        }
        fields.beyond.iter().for_each(|value| self.hide(value.clone()));
        if fields.uncounted {
            self.distrust_all();
        }
    }

    pub(super) fn field(&mut self, known: &Known<'a>, code_is_grant: bool) {
        let (at, name) = (known.location, known.name);
        // Every copy ends in a `Secret`, which wipes it.
        let value = || known.value.clone();
        let long = known.value.len() >= 8;
        let in_url = at == Location::Query;
        let mut push = |kind, carrier, handle, listed| {
            self.push(kind, at, name, value(), carrier, Some(handle), listed);
        };
        match known.field {
            Field::AnyCode if code_is_grant => {
                push(Kind::Other, "authorization_code", HandleKind::Code, false);
            }
            Field::Password | Field::NewPassword => self.hide(value()),
            Field::Code | Field::BackupCode | Field::AnyCode => self.hide_code(value()),
            Field::DeviceCode => push(Kind::Other, "device_code", HandleKind::Code, false),
            Field::Access => self.bearer_value(at, name, value()),
            Field::Refresh if long => push(Kind::RefreshToken, "refresh_token", HandleKind::Refresh, true),
            Field::Session if long => push(Kind::Session, "session_token", HandleKind::Session, true),
            Field::Ticket if long => push(Kind::Other, "ticket", HandleKind::Challenge, false),
            Field::Key if long => push(Kind::ApiKey, "api_key", HandleKind::ApiKey, true),
            Field::MaybeKey if long && shape::looks_secret(&known.value) => {
                push(Kind::ApiKey, "api_key", HandleKind::ApiKey, in_url);
            }
            Field::Token if shape::class(&known.value) == shape::JWT => {
                push(Kind::BearerJwt, "opaque", HandleKind::Access, in_url);
            }
            Field::Token if long && in_url => push(Kind::BearerOpaque, "opaque", HandleKind::Access, true),
            Field::Token if long => push(Kind::Other, "opaque", HandleKind::Access, false),
            Field::ClientSecret => {
                self.push(Kind::ClientSecret, at, name, value(), "client_secret", None, true);
            }
            Field::Signature if long && in_url => {
                self.push(Kind::Signature, at, name, value(), "presigned_url", None, true);
            }
            _ => {}
        }
    }

    /// Hides literals of a GraphQL document by the name of their argument: `login(password: "…", code: 123456)`.
    pub(crate) fn hide_literals(&mut self, document: &[u8], names: &Names<Field>) {
        for colon in memchr::memchr_iter(b':', document).take(LITERALS_MAX) {
            let (before, after) = document.split_at_checked(colon).unwrap_or((document, &[]));
            let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            let name = before.trim_ascii_end().rsplit(|b| !is_word(b)).next().unwrap_or(&[]);
            if names.get(name).is_some_and(Field::is_secret) {
                let value = after.get(1..).unwrap_or(&[]).trim_ascii_start();
                self.hide_literal(value);
            }
        }
    }

    fn hide_literal(&mut self, value: &[u8]) {
        let block = b"\"\"\"";
        let text = if let Some(text) = value.strip_prefix(block) {
            text.get(..memchr::memmem::find(text, block).unwrap_or(text.len())).unwrap_or(text).trim_ascii()
        } else if let Some(text) = value.strip_prefix(b"\"") {
            let text = text.get(..end_of_quoted(text)).unwrap_or(text);
            if text.contains(&b'\\') {
                let quoted = Zeroizing::new([b"\"", text, b"\""].concat());
                if let Ok(meant) = serde_json::from_slice::<String>(&quoted) {
                    self.hide(meant.into_bytes());
                }
            }
            text
        } else {
            value.get(..value.iter().take_while(|b| b.is_ascii_digit()).count()).unwrap_or(&[])
        };
        self.hide_code(text.to_vec());
    }

    /// Userinfo of an absolute URL: `user:password@host`.
    pub(crate) fn userinfo(&mut self, userinfo: &'a [u8]) {
        let colon = memchr::memchr(b':', userinfo);
        let user = userinfo.get(..colon.unwrap_or(userinfo.len())).unwrap_or(&[]);
        if let Some(password) = colon.and_then(|c| userinfo.get(c + 1..)) {
            self.hide(password);
        }
        let user = urlencoded::decode_path(user);
        if self.user.is_none() && !shape::looks_secret(&user) {
            self.user = Some(user.clone());
        }
        if self.push(Kind::Basic, Location::Userinfo, b"url", user, "basic", None, true)
            && let Some(found) = self.found.last_mut()
        {
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
}
