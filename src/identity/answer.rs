//! What the server's answer says: status, words, tokens handed out, the account's names, records, secrets laid open.
//! It is given the response's head and decoded body and reads the body once.
//! It promises that what it borrows as a token is hashed by the extractor and goes no further.

mod envelope;
mod fault;
mod message;
mod otp;
mod words;

pub(crate) use otp::{FactorSecret, canonical, in_query};
pub(crate) use words::factor;

use super::clues::HandleKind;
use super::credential::cookie;
use super::fields::field_of;
use super::json::{self, Member, Value};
use super::jwt::Document;
use super::markers::{Marker, Markers};
use super::records;
use super::secret::Secret;
use super::settings::Settings;
use super::shape;
use super::short;
use super::tables::{Answered, Cookie, Field, ResponseHeader};
use super::text;
use super::urlencoded;
use crate::http::Message;
use crate::http::body::{is_json, is_page};
use fault::Faults;
use heelguard_detectors::identity::Factor;
use std::borrow::Cow;
use std::sync::Arc;
use words::{is_failure, is_no};

/// Things handed out that are kept of one answer.
const ISSUED_MAX: usize = 16;
/// Secrets laid open that are kept of one answer.
const EXPOSED_MAX: usize = 4;
/// Bytes of an answer that is no JSON that are looked at.
const TEXT_BYTES_MAX: usize = 4096;
/// Longest answer in plain text that is read as a sentence.
const SENTENCE_BYTES_MAX: usize = 96;
/// Names of form fields that are read of one HTML page.
const FORM_NAMES_MAX: usize = 256;
/// Longest of them.
const FORM_NAME_BYTES_MAX: usize = 96;
/// Error codes and sentences that are read of one answer.
const MARKS_READ_MAX: u8 = 16;
/// Factors kept of one answer.
const FACTORS_MAX: usize = 8;
/// Handles shorter than this link nothing.
const HANDLE_BYTES_MIN: usize = 8;

/// What was handed out.
pub(crate) struct Issued<'a> {
    pub(crate) kind: HandleKind,
    pub(crate) value: Cow<'a, [u8]>,
    /// `token`, `key`: a static key where keys are made, else a token.
    pub(crate) by_context: bool,
    /// Not by a cookie, header or redirect, which always speak to the caller.
    pub(crate) from_body: bool,
}

/// A secret that is laid open, with the name of its field.
pub(crate) struct Exposed<'a> {
    pub(crate) class: &'static str,
    pub(crate) name: &'a [u8],
    pub(crate) secret: Secret<'a>,
}

/// An answer, read.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, none a state")]
pub(crate) struct Answer<'a> {
    /// Of a gRPC call the status that HTTP would have had, 0 when it is not known; of an envelope the one in it.
    pub(crate) status: u16,
    /// How a gRPC call ended.
    pub(crate) grpc_status: Option<u32>,
    pub(crate) content_type: Option<&'a [u8]>,
    pub(crate) retry_after: bool,
    pub(crate) location: Option<&'a [u8]>,
    pub(crate) markers: Markers,
    pub(crate) verdict: Option<bool>,
    /// A list of errors with something in it.
    pub(crate) errors: bool,
    /// An error's code, word or flag, understood or not.
    pub(crate) error: bool,
    pub(crate) issued: Vec<Issued<'a>>,
    pub(crate) id_token: Option<Cow<'a, [u8]>>,
    pub(crate) email: Option<Arc<str>>,
    pub(crate) user_name: Option<Arc<str>>,
    pub(crate) user_id: Option<Arc<str>>,
    /// The id is in the account's object, or its key says whose it is.
    pub(crate) user_id_is_accounts: bool,
    pub(crate) has_mfa: bool,
    pub(crate) totp_secret: bool,
    /// Secrets of second factors, with the names of their fields.
    pub(crate) factor_secrets: Vec<FactorSecret<'a>>,
    pub(crate) unused_codes: bool,
    /// Backup codes in a list of unused ones.
    codes_listed: u32,
    /// Backup codes that are left, by number.
    codes_left: Option<u32>,
    /// The last factor the answer names; several are a choice, kept as the first that is no backup.
    pub(crate) factors: Vec<Factor>,
    pub(crate) exposed: Vec<Exposed<'a>>,
    pub(crate) items: Option<u32>,
    pub(crate) beyond_limit: bool,
    /// An HTML page with a field for a one-time code.
    pub(crate) code_form: bool,
    /// An HTML page with a field `code`, `pin` and the like: a code's where one was presented.
    pub(crate) any_code_form: bool,
    /// An HTML page with a field for a password.
    pub(crate) password_form: bool,
    pub(crate) is_html: bool,
    /// The body, unpacked, where it is read.
    pub(crate) text: &'a [u8],
    /// The head names a content coding, be it `identity`.
    pub(crate) coded: bool,
    /// The first coding it names is another.
    pub(crate) packed: bool,
    pub(crate) document: Option<Document>,
    /// allauth's `flows`: what could be done next.
    flows: bool,
    flow_is_mfa: bool,
    in_body: bool,
    /// The body is a list: of the answers to a GraphQL batch, where this is a step of a login.
    is_list: bool,
    faults: Faults,
    marks_read: u8,
}

impl<'a> Answer<'a> {
    /// Reads the head.
    pub(crate) fn head(&mut self, message: &'a Message, settings: &Settings) {
        self.status = message.status();
        let mut coding = None;
        for (name, value) in message.header_lines() {
            if name.eq_ignore_ascii_case(b"content-encoding") {
                self.coded = true;
                coding = coding.or(Some(value));
            }
            let Some(role) = settings.response_headers.get(name) else { continue };
            match role {
                ResponseHeader::ContentType => self.content_type = Some(value),
                ResponseHeader::SetCookie => self.set_cookie(value, settings),
                ResponseHeader::Location => self.redirect(value, settings),
                ResponseHeader::RetryAfter => self.retry_after = true,
                ResponseHeader::WwwAuthenticate => self.www_authenticate(value, settings),
                ResponseHeader::Session => self.issue(HandleKind::Session, value.into(), false),
                ResponseHeader::Access => {
                    let token = value.rsplit(|&b| b == b' ').next().unwrap_or(value);
                    self.issue(HandleKind::Access, token.into(), false);
                }
                ResponseHeader::Mfa => self.asks_for(value, settings),
                ResponseHeader::ContentEncoding => {}
            }
        }
        self.is_html = self.content_type.is_some_and(is_page);
        self.packed = coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    }

    /// Reads the decoded body. `share`: the part of the whole body that `body` is, as bytes of both.
    pub(crate) fn body(&mut self, body: &'a [u8], share: (u64, u64), settings: &Settings) {
        self.in_body = true;
        self.text = body;
        // Frameworks that leave the type alone call all they send a page.
        let is_json = is_json(body);
        self.is_html &= !is_json;
        if self.is_html {
            self.forms(body, settings);
            self.show_factor_in_text(body);
            return;
        }
        if !is_json {
            self.expose(body.get(..body.len().min(TEXT_BYTES_MAX)).unwrap_or(&[]), b"body");
            self.show_factor_in_text(body);
            if body.trim_ascii() == b"false" {
                self.verdict = Some(false);
            }
            // A sentence is an answer, a page or a file is none.
            let is_text = self.content_type.is_some_and(|t| starts_with_ignoring_case(t, b"text/plain"));
            if is_text && body.len() <= SENTENCE_BYTES_MAX {
                self.mark(body, settings);
            }
            return;
        }
        self.is_list = body.trim_ascii_start().starts_with(b"[");
        let summary = json::walk(body, &settings.answers, |member| {
            if let Value::Text(text) = member.value {
                self.expose(text.raw, member.name);
                self.show_factor(text, &member);
            }
            self.fault(&member, settings);
            if let Some(key) = member.key {
                self.member(key, &member, settings);
            }
        });
        self.judge_faults();
        self.beyond_limit = summary.beyond_limit;
        self.items = summary.items.map(|n| estimate(n, summary.items_cut, share));
        let asks = self.markers.has(Marker::NeedsMfa) || self.markers.has(Marker::StepUp);
        if self.flows && self.status == 401 && !asks {
            self.markers.insert(Marker::LoginFirst);
        }
    }

    /// Reads the decoded body of an answer to a plain API call: its records, and secrets in it.
    pub(crate) fn records(&mut self, body: &'a [u8], share: (u64, u64), settings: &Settings) {
        if !is_json(body) {
            self.body(body, share, settings);
            return;
        }
        let mut shows_factor = false;
        let summary = records::scan(body, |text| {
            self.expose(text, &[]);
            shows_factor |= otp::may_be_secret(text);
        });
        self.text = body;
        if shows_factor {
            self.find_factors(body, settings);
        }
        if !self.exposed.is_empty() {
            // The walk knows the fields' names.
            self.exposed.clear();
            self.factor_secrets.clear();
            self.body(body, share, settings);
            return;
        }
        self.beyond_limit = summary.beyond_limit;
        self.items = summary.items.map(|n| estimate(n, summary.items_cut, share));
    }

    /// The forms of an HTML page, by the names of their fields, which are those of requests.
    fn forms(&mut self, page: &[u8], settings: &Settings) {
        for at in memchr::memmem::find_iter(page, b" name=").take(FORM_NAMES_MAX) {
            let Some((quote, rest)) = page.get(at + 6..).and_then(<[u8]>::split_first) else { continue };
            let rest = rest.get(..FORM_NAME_BYTES_MAX.min(rest.len())).unwrap_or(rest);
            let name = rest.split(|b| b == quote).next().unwrap_or(rest);
            match field_of(name, &settings.fields) {
                Some(Field::Password) => self.password_form = true,
                Some(Field::Code | Field::BackupCode) => self.code_form = true,
                Some(Field::AnyCode) => self.any_code_form = true,
                _ => {}
            }
        }
        self.code_form |= memchr::memmem::find(page, b"one-time-code").is_some();
    }

    #[inline]
    fn expose(&mut self, text: &'a [u8], name: &'a [u8]) {
        if text.len() >= shape::KEY_BYTES_MIN
            && self.exposed.len() < EXPOSED_MAX
            && let Some(class) = shape::known_key(text).or_else(|| private_key(text))
        {
            self.exposed.push(Exposed { class, name, secret: Secret::new(text) });
        }
    }

    fn member(&mut self, key: Answered, member: &Member<'a, Answered>, settings: &Settings) {
        match (key, member.value) {
            (key, Value::Text(text)) => self.text(key, member, text, settings),
            (Answered::Verdict, Value::Number(number)) if is_no(number) => {
                self.flag(Answered::Verdict, member, false);
            }
            // Of other numbers only ids speak.
            (Answered::UserId, Value::Number(number)) => self.name(Answered::UserId, member, number),
            (Answered::CodesLeft, Value::Number(number)) => {
                self.codes_left = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok());
            }
            (key, Value::Bool(yes)) => self.flag(key, member, yes),
            // A list of factors to choose from; an empty one asks for nothing.
            (Answered::NeedsMfa, Value::Object) => self.markers.insert(Marker::NeedsMfa),
            (Answered::Factor, Value::Object) => {
                let named = factor(member.name, &settings.factors);
                self.factors.extend(named.filter(|_| self.factors.len() < FACTORS_MAX));
            }
            (Answered::Flows, Value::Array | Value::Empty { .. }) => self.flows = true,
            _ => {}
        }
    }

    fn text(
        &mut self,
        key: Answered,
        member: &Member<'a, Answered>,
        text: json::Text<'a>,
        settings: &Settings,
    ) {
        match key {
            Answered::Access => self.issue(HandleKind::Access, text.decoded(), false),
            Answered::IdToken => self.id_token = Some(text.decoded()),
            Answered::Refresh => self.issue(HandleKind::Refresh, text.decoded(), false),
            Answered::Session => self.issue(HandleKind::Session, text.decoded(), false),
            Answered::Ticket => self.issue(HandleKind::Challenge, text.decoded(), false),
            Answered::DeviceCode => self.issue(HandleKind::Code, text.decoded(), false),
            // `"value": "alice@example.com"` in a form that is shown again was typed, not handed out.
            Answered::Token if !may_be_handle(text.raw) => {}
            Answered::Token => self.issue(HandleKind::Access, text.decoded(), true),
            Answered::Key | Answered::ClientSecret => self.issue(HandleKind::ApiKey, text.decoded(), false),
            Answered::Email | Answered::UserName => self.name(key, member, &text.decoded()),
            Answered::UserId => {
                if member.parent == Some(Answered::Flows) {
                    self.flow(text.raw, settings);
                } else {
                    self.name(key, member, &text.decoded());
                }
            }
            Answered::User => self.name(Answered::UserName, member, &text.decoded()),
            Answered::Reason => {
                let denies = matches!(member.name, b"status" | b"result") && is_failure(text.raw);
                if denies && settings.words.read(text.raw).is_none() {
                    self.flag(Answered::Verdict, member, false);
                }
                self.mark(text.raw, settings);
            }
            Answered::Verdict if is_no(text.raw) => self.flag(key, member, false),
            Answered::Errors => self.mark(text.raw, settings),
            Answered::Factor => match factor(text.raw, &settings.factors) {
                Some(factor) if self.factors.len() < FACTORS_MAX => self.factors.push(factor),
                Some(_) => {}
                None => self.mark(text.raw, settings),
            },
            Answered::TotpSecret => self.totp_secret |= text.raw.len() >= 16,
            Answered::UnusedCodes => {
                self.unused_codes = true;
                self.codes_listed = self.codes_listed.saturating_add(1);
            }
            _ => {}
        }
    }

    fn flag(&mut self, key: Answered, member: &Member<'a, Answered>, yes: bool) {
        match key {
            Answered::Verdict if member.depth <= self.verdict_depth() => {
                self.verdict = Some(self.verdict.unwrap_or(true) && yes);
                if !yes {
                    self.deny(member.depth);
                }
            }
            Answered::NeedsMfa if yes => self.markers.insert(Marker::NeedsMfa),
            Answered::HasMfa => self.has_mfa |= yes,
            Answered::Pending if yes && self.flow_is_mfa => self.markers.insert(Marker::NeedsMfa),
            _ => {}
        }
    }

    /// Containers around a verdict at most: `data` and the operation of GraphQL, and the list of a batch.
    fn verdict_depth(&self) -> usize {
        3 + usize::from(self.is_list)
    }

    /// A flow that could be followed: a second factor that is pending, or a fresh proof that is wanted first.
    fn flow(&mut self, id: &[u8], settings: &Settings) {
        let marker = settings.words.read(id);
        self.flow_is_mfa = marker == Some(Marker::NeedsMfa);
        if marker == Some(Marker::StepUp) {
            self.markers.insert(Marker::StepUp);
        }
    }

    /// A header that asks for a second factor: `required; sms`.
    fn asks_for(&mut self, value: &[u8], settings: &Settings) {
        self.markers.insert(Marker::NeedsMfa);
        let named = value.split(|b| !b.is_ascii_alphanumeric()).find_map(|w| factor(w, &settings.factors));
        self.factors.extend(named);
    }

    /// Error codes and sentences speak once or twice in an answer; a list of records with a `status` each does not.
    fn mark(&mut self, words: &[u8], settings: &Settings) {
        if self.marks_read == MARKS_READ_MAX {
            return;
        }
        self.marks_read += 1;
        let Some(marker) = settings.words.read(words) else { return };
        self.markers.insert(marker);
        // `SMS_MFA` asks for a factor and names it.
        if marker == Marker::NeedsMfa && self.factors.len() < FACTORS_MAX {
            self.factors.extend(factor(words, &settings.factors));
        }
    }

    /// The account of the answer: at the top, under `data`, or in the account's own object; never of a list.
    fn name(&mut self, key: Answered, member: &Member<'a, Answered>, value: &[u8]) {
        let own = member.depth <= 2 && member.parent.is_none()
            || member.depth <= 4 && member.parent == Some(Answered::User);
        if !own {
            return;
        }
        let slot = match key {
            Answered::Email => &mut self.email,
            Answered::UserName => &mut self.user_name,
            _ => &mut self.user_id,
        };
        if slot.is_none() {
            if key == Answered::UserId {
                self.user_id_is_accounts = member.parent.is_some() || !matches!(member.name, b"id" | b"pk");
            }
            *slot = text::name(value);
        }
    }

    fn issue(&mut self, kind: HandleKind, value: Cow<'a, [u8]>, by_context: bool) {
        if value.len() >= HANDLE_BYTES_MIN && self.issued.len() < ISSUED_MAX {
            let from_body = self.in_body;
            self.issued.push(Issued { kind, value, by_context, from_body });
        }
    }

    fn set_cookie(&mut self, line: &'a [u8], settings: &Settings) {
        let pair = line.split(|&b| b == b';').next().unwrap_or(line).trim_ascii();
        let Some(equals) = memchr::memchr(b'=', pair) else { return };
        let (name, value) = (pair.get(..equals).unwrap_or(&[]), pair.get(equals + 1..).unwrap_or(&[]));
        let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        let kind = match cookie(name, value, &settings.cookies) {
            Some(Cookie::Session) => HandleKind::Session,
            Some(Cookie::Access) => HandleKind::Access,
            Some(Cookie::Refresh) => HandleKind::Refresh,
            Some(Cookie::Challenge) => HandleKind::Challenge,
            Some(Cookie::Ignored) | None => return,
        };
        self.issue(kind, value.into(), false);
    }

    /// A redirect hands out codes in its query and tickets in its path.
    fn redirect(&mut self, location: &'a [u8], settings: &Settings) {
        self.location = Some(location);
        let (path, query) = split_query(location);
        for (name, value) in urlencoded::pairs(query) {
            match name {
                b"code" => self.issue(HandleKind::Code, urlencoded::decode(value), false),
                b"login_challenge" | b"flow" | b"session_code" => {
                    self.issue(HandleKind::Challenge, urlencoded::decode(value), false);
                }
                b"error" => self.mark(value, settings),
                _ => {}
            }
        }
        for segment in path.split(|&b| b == b'/').skip(1).filter(|s| shape::looks_secret(s)) {
            self.issue(HandleKind::Challenge, segment.into(), false);
        }
    }

    /// `error="…"` of RFC 6750 and RFC 9470.
    fn www_authenticate(&mut self, value: &[u8], settings: &Settings) {
        if let Some(at) = memchr::memmem::find(value, b"error=\"") {
            let rest = value.get(at + 7..).unwrap_or(&[]);
            self.mark(rest.split(|&b| b == b'"').next().unwrap_or(rest), settings);
        }
    }

    /// Backup codes that are left, where the answer says so.
    pub(crate) fn codes_left(&self) -> Option<u32> {
        self.codes_left.or((self.codes_listed > 0).then_some(self.codes_listed))
    }
}

/// Whether a text under a token's key may be one: long enough, and no name.
fn may_be_handle(text: &[u8]) -> bool {
    text.len() >= HANDLE_BYTES_MIN && !text.contains(&b'@')
}

/// Path (or URL) and query of a target, without fragment.
pub(crate) fn split_query(target: &[u8]) -> (&[u8], &[u8]) {
    let target = target.split(|&b| b == b'#').next().unwrap_or(target);
    match memchr::memchr(b'?', target) {
        Some(at) => (target.get(..at).unwrap_or(&[]), target.get(at + 1..).unwrap_or(&[])),
        None => (target, &[]),
    }
}

pub(crate) fn starts_with_ignoring_case(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// No private key in PEM is shorter: its first and last line alone have 53 bytes.
const PRIVATE_KEY_MIN: usize = 64;

/// `-----BEGIN … PRIVATE KEY-----`
fn private_key(text: &[u8]) -> Option<&'static str> {
    if text.len() < PRIVATE_KEY_MIN {
        return None;
    }
    let begin = short::places(text.get(..text.len().min(4096))?, b"-----BEGIN ", 5).next()?;
    let line = text.get(begin..text.len().min(begin + 64))?;
    memchr::memmem::find(line, b"PRIVATE KEY").map(|_| "private_key")
}

/// Records of the whole body: exact when the list ended in what was seen, else by proportion.
fn estimate(seen: u32, cut: bool, (part, whole): (u64, u64)) -> u32 {
    if !cut || part == 0 || whole <= part {
        return seen;
    }
    u32::try_from(u128::from(seen) * u128::from(whole) / u128::from(part)).unwrap_or(u32::MAX)
}
