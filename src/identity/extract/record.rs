//! What is written down of an exchange: request, response, client, and the secrets that lay open.
//! It is given raw texts and masks in them what was presented, and what says that it is a key or token.
//! It promises that every recorded text is bounded, escaped and masked.

use super::{Extractor, Proved};
use crate::http::Message;
use crate::identity::answer::{self, Answer, split_query};
use crate::identity::client_ip::Told;
use crate::identity::credential::{Presented, SECRET_BYTES_MIN, is_ticket};
use crate::identity::graphql::Operation;
use crate::identity::http_date::ServerClock;
use crate::identity::locator::Known;
use crate::identity::position;
use crate::identity::request::Asking;
use crate::identity::route::{PATH_BYTES_MAX, Route};
use crate::identity::secret::Secret;
use crate::identity::shape;
use crate::identity::step::Step;
use crate::identity::tables::Field;
use crate::identity::text::{self, MASK};
use crate::identity::urlencoded;
use heelguard_detectors::identity::{CredentialKind, Fingerprint, Location};
use heelguard_detectors::transaction::{
    Activity, Client, Exposure, ExposureKind, FactorSecret, Graphql, HeaderClaim, IdentityHeader, Request,
    Response,
};
use std::borrow::Cow;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// Most bytes of a recorded method, host, user agent and parameter name.
const METHOD_BYTES_MAX: usize = 32;
pub(super) const HOST_BYTES_MAX: usize = 255;
const AGENT_BYTES_MAX: usize = 256;
const PARAMETER_BYTES_MAX: usize = 64;
/// Parameter names recorded of one query.
const PARAMETERS_MAX: usize = 32;
/// Headers recorded that say who the caller is.
const IDENTITY_HEADERS_MAX: usize = 8;
/// Shorter names are met everywhere.
const NAME_BYTES_MIN: usize = 3;
/// Exposures recorded of one exchange.
const EXPOSURES_MAX: usize = 16;

impl Extractor {
    pub(super) fn client(&mut self, told: &Told) -> Client {
        let Known { located, class, external } = self.locator.find(told.ip, &self.settings);
        Client {
            ip: told.ip,
            external,
            country: located.country,
            city: located.city,
            place: located.place,
            asn: located.asn,
            class,
            claimed_ip: told.claimed,
        }
    }

    /// Headers that say who the caller is. That proxies name the client is no news, nor that the deployment's own
    /// programs name each other: an address counts where it comes from outside past every proxy.
    fn identity_headers(&mut self, asked: &Asking<'_>, told: &Told) -> Vec<IdentityHeader> {
        if asked.claims.is_empty() {
            return Vec::new();
        }
        let own = told.by_proxy || self.settings.internal.contains(told.ip);
        let claims = asked.claims.iter().filter(|(_, claim)| *claim != HeaderClaim::Address || !own);
        let claims = claims.take(IDENTITY_HEADERS_MAX);
        claims
            .map(|&(name, claim)| IdentityHeader {
                name: self.texts.share_lower(name, PARAMETER_BYTES_MAX),
                claim,
                by_proxy: told.by_proxy,
            })
            .collect()
    }

    pub(super) fn request(
        &mut self,
        message: &Message,
        asked: &Asking<'_>,
        route: &Route,
        told: &Told,
    ) -> Request {
        let presented = &asked.presented;
        let query_keys = urlencoded::pairs(asked.query).take(PARAMETERS_MAX).collect::<Vec<_>>();
        Request {
            method: self.method(asked),
            scheme: if asked.https || asked.https_by_proxy && told.by_proxy { "https" } else { "http" },
            host: self.host(asked),
            path: self.masked_path(&route.path, presented),
            route: self.masked_path(route.template.as_bytes(), presented),
            labels: route.labels.public(),
            query_keys: query_keys.into_iter().map(|pair| self.query_key(pair, presented)).collect(),
            page_limit: asked.fields.page_size(),
            position: position::of(&asked.fields, &self.marks),
            bytes: message.body.bytes,
            content_type: asked.content_type.map(|t| self.media_type(t, &asked.presented)),
            user_agent: asked.agent.map(|agent| self.recorded(agent, AGENT_BYTES_MAX, presented)),
            agent_kind: asked.traits.kind(),
            mark: 0,
            identity_headers: self.identity_headers(asked, told),
            graphql: asked.graphql.as_ref().map(|operation| self.graphql(operation, presented)),
            hints: None,
        }
    }

    /// The same for a request that is repeated word for word; a DPoP proof is new each time and left out.
    pub(super) fn mark(&self, message: &Message, asked: &Asking<'_>, proved: &Proved) -> u64 {
        let body = (message.body.bytes, message.body.prefix.as_slice());
        let mut hasher = self.marks.build_hasher();
        (asked.method, asked.host, message.target(), body).hash(&mut hasher);
        for lasting in proved.credentials.iter().filter(|c| c.kind != CredentialKind::Dpop) {
            lasting.fingerprint.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Names only; one that is or holds a secret is masked.
    fn graphql(&mut self, operation: &Operation<'_>, presented: &Presented<'_>) -> Graphql {
        let mut named = |name: &[u8]| {
            let telling = name.len() > PARAMETER_BYTES_MAX
                || shape::looks_secret(name)
                || text::tells_secret(name)
                || presented.is_within(name);
            if telling { MASK.into() } else { self.texts.share(name, PARAMETER_BYTES_MAX) }
        };
        Graphql {
            kind: operation.kind,
            operation: operation.name.as_deref().map(&mut named),
            fields: operation.fields.iter().map(|name| named(name)).collect(),
            auth_operations: operation.auth_operations,
        }
    }

    pub(super) fn response(
        &mut self,
        message: &Message,
        answer: Option<&Answer<'_>>,
        presented: &Presented<'_>,
    ) -> Response {
        let clock = ServerClock::read(message);
        Response {
            status: message.status(),
            grpc_status: answer.and_then(|answer| answer.grpc_status),
            bytes: message.body.bytes,
            content_type: answer.and_then(|a| a.content_type).map(|t| self.media_type(t, presented)),
            items: answer.filter(|a| (200..300).contains(&a.status)).and_then(|a| a.items),
            date_s: clock.date_s(),
            retry_after_s: clock.retry_after_s(message.first_byte),
        }
    }

    /// `type/subtype`; what is no media type, or holds a secret, is masked.
    fn media_type(&mut self, value: &[u8], presented: &Presented<'_>) -> Arc<str> {
        let bare = value.split(|&b| b == b';').next().unwrap_or(value).trim_ascii();
        let looks = self.texts.looks(bare);
        if looks.tells || looks.secret_half || presented.is_within_any_case(bare) {
            return MASK.into();
        }
        self.texts.share_lower(bare, PARAMETER_BYTES_MAX)
    }

    /// The host, lower case; a label that is or holds a secret is masked, in whatever case it was sent.
    fn host(&mut self, asked: &Asking<'_>) -> Arc<str> {
        let telling = self.texts.looks(asked.host).secret_label;
        if telling || asked.presented.is_within_any_case(asked.host) {
            return MASK.into();
        }
        if asked.host.iter().any(u8::is_ascii_uppercase) {
            return self.recorded(&asked.host.to_ascii_lowercase(), HOST_BYTES_MAX, &asked.presented);
        }
        self.recorded(asked.host, HOST_BYTES_MAX, &asked.presented)
    }

    /// The method. One that nobody knows and that has digits, or no end, is something else in its place.
    fn method(&mut self, asked: &Asking<'_>) -> Arc<str> {
        let method = asked.method;
        let odd = method.len() > METHOD_BYTES_MAX
            || method.len() >= SECRET_BYTES_MIN && method.iter().any(u8::is_ascii_digit);
        if odd {
            return MASK.into();
        }
        self.recorded(method, METHOD_BYTES_MAX, &asked.presented)
    }

    /// A text as it may be written: bounded, escaped, with every presented or telling secret masked.
    pub(super) fn recorded(&mut self, raw: &[u8], max: usize, presented: &Presented<'_>) -> Arc<str> {
        let looks = self.texts.looks(raw);
        let spoilt = presented.spoils(raw, looks);
        if !spoilt && !self.may_name(raw) {
            return self.texts.share(raw, max);
        }
        let text = if spoilt { presented.masked(raw) } else { raw.to_vec() };
        text::bounded(&self.without_names(&text), max).into()
    }

    /// A path whose telling segments are masked already.
    fn masked_path(&mut self, path: &[u8], presented: &Presented<'_>) -> Arc<str> {
        let spoilt = presented.is_within(path);
        if !spoilt && !self.may_name(path) {
            return self.texts.share(path, PATH_BYTES_MAX);
        }
        let text = if spoilt { presented.masked(path) } else { path.to_vec() };
        text::bounded(&self.without_names(&text), PATH_BYTES_MAX).into()
    }

    /// A parameter's, header's or cookie's name, lower case; a name that is itself a secret is masked,
    /// and of one that holds a secret that part: `wordpress_logged_in_{secret}`.
    pub(super) fn recorded_name(&mut self, raw: &[u8], presented: &Presented<'_>) -> Arc<str> {
        let known =
            self.settings.request_headers.get(raw).is_some() || self.settings.fields.get(raw).is_some();
        if known && !presented.is_within(raw) {
            return self.texts.share_lower(raw, PARAMETER_BYTES_MAX);
        }
        let decoded = urlencoded::decode(raw);
        if decoded.len() > PARAMETER_BYTES_MAX
            || decoded.len() >= SECRET_BYTES_MIN && decoded.iter().all(u8::is_ascii_digit)
            || presented.tells(&decoded)
            || text::tells_secret(&decoded)
        {
            return MASK.into();
        }
        let masked = text::mask_random_words(&decoded);
        if shape::looks_secret(&masked) {
            return MASK.into();
        }
        let name = if *masked == *decoded { Cow::Borrowed(raw) } else { masked };
        if self.may_name(&name) {
            let lower = self.without_names(&name).to_ascii_lowercase();
            return text::bounded(&lower, PARAMETER_BYTES_MAX).into();
        }
        self.texts.share_lower(&name, PARAMETER_BYTES_MAX)
    }

    /// A key of the query. One without a value may be the value.
    fn query_key(&mut self, (name, value): (&[u8], &[u8]), presented: &Presented<'_>) -> Arc<str> {
        if value.is_empty() && is_ticket(&urlencoded::decode(name)) {
            return MASK.into();
        }
        self.recorded_name(name, presented)
    }

    /// Account names of an exchange that may not be written: as sent, and of an address its local part.
    pub(super) fn names_to_hide(
        &self,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
        proved: &Proved,
    ) -> Vec<Arc<str>> {
        if !self.settings.hides_names() {
            return Vec::new();
        }
        let fields = asked.fields.known.iter().filter(|known| known.field == Field::Name);
        let asked_for = fields.map(|known| &*known.value).chain(asked.presented.user.as_deref());
        let claims = proved.jwt.iter().flat_map(|claims| [&claims.sub, &claims.name]).flatten().cloned();
        let answered = answer.map(|a| [&a.email, &a.user_name, &a.user_id]).into_iter().flatten().flatten();
        let names = asked_for.filter_map(text::name).chain(claims).chain(answered.cloned());
        let mut hidden: Vec<Arc<str>> = Vec::new();
        for name in names {
            let local = name.split_once('@').map(|(local, _)| Arc::from(local));
            hidden.extend(
                [Some(name), local].into_iter().flatten().filter(|name| name.len() >= NAME_BYTES_MIN),
            );
        }
        hidden
    }

    /// Whether a text may name somebody who may not be named.
    pub(super) fn may_name(&self, text: &[u8]) -> bool {
        let says_at = || text.contains(&b'@') || memchr::memmem::find(text, b"%40").is_some();
        self.settings.hides_names() && (says_at() || !self.hidden_names.is_empty())
    }

    /// The text without e-mail addresses and without the names of this exchange.
    fn without_names(&self, text: &[u8]) -> Vec<u8> {
        if !self.may_name(text) {
            return text.to_vec();
        }
        let text = text::mask_addresses(text);
        text::mask_words(&text, |word| {
            let word = urlencoded::decode_path(word);
            self.hidden_names.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(&word))
        })
    }

    pub(super) fn exposures(
        &mut self,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
        step: &Step<'_>,
        route: &Route,
        proved: &Proved,
    ) -> Vec<Exposure> {
        let mut exposed = Vec::new();
        for credential in &proved.credentials {
            let kind = match credential.location {
                Location::Query | Location::Userinfo => ExposureKind::Query,
                Location::Path => ExposureKind::Path,
                _ => continue,
            };
            let name = credential.name.clone();
            exposed.push(Exposure { kind, class: credential.class, name, fingerprint: None });
        }
        for known in
            asked.fields.known.iter().filter(|k| k.location == Location::Query && !k.value.is_empty())
        {
            let class = match known.field {
                Field::Password | Field::NewPassword => "password",
                Field::Code | Field::BackupCode => "one_time_code",
                _ => continue,
            };
            exposed.push(Exposure {
                kind: ExposureKind::Query,
                class,
                name: self.recorded_name(known.name, &asked.presented),
                fingerprint: None,
            });
        }
        let has_parameters = memchr::memchr(b';', &route.path).is_some();
        if has_parameters && route.path.windows(4).any(|w| w.eq_ignore_ascii_case(b";jse")) {
            exposed.push(Exposure {
                kind: ExposureKind::Path,
                class: "session_cookie",
                name: "jsessionid".into(),
                fingerprint: None,
            });
        }
        if let Some(referer) = asked.referer {
            self.exposed_by_referer(referer, asked, &mut exposed);
        }
        let issues = !matches!(step.activity, Activity::Use | Activity::Sensitive);
        if let (Some(answer), false) = (answer, issues) {
            for one in &answer.exposed {
                let name = if one.name.is_empty() { b"item" } else { one.name };
                let name = self.recorded_name(name, &asked.presented);
                let fingerprint = self.which_key(one.class, one.secret.bytes());
                exposed.push(Exposure { kind: ExposureKind::Response, class: one.class, name, fingerprint });
            }
        }
        exposed.dedup();
        exposed.truncate(EXPOSURES_MAX);
        exposed
    }

    /// The fingerprint that a static key has wherever it is presented; of nothing else.
    fn which_key(&self, class: &str, value: &[u8]) -> Option<Fingerprint> {
        let (fingerprint, found) = self.settings.keyring.fingerprint(value);
        (found == class && shape::is_static_key(found)).then_some(fingerprint)
    }

    /// The secrets of second factors that stand in the query or in the answer, by name and fingerprint.
    pub(super) fn factor_secrets(
        &mut self,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
    ) -> Vec<FactorSecret> {
        let mut found = Vec::new();
        for one in answer::in_query(asked.query) {
            found.push(self.factor_secret(ExposureKind::Query, &one, &asked.presented));
        }
        for one in answer.into_iter().flat_map(|answer| &answer.factor_secrets) {
            found.push(self.factor_secret(ExposureKind::Response, one, &asked.presented));
        }
        found
    }

    fn factor_secret(
        &mut self,
        kind: ExposureKind,
        one: &answer::FactorSecret<'_>,
        presented: &Presented<'_>,
    ) -> FactorSecret {
        let secret = Secret::new(answer::canonical(one.secret.bytes()));
        let fingerprint = self.settings.keyring.hash("totp_secret", secret.bytes());
        let name = self.recorded_name(if one.name.is_empty() { b"item" } else { one.name }, presented);
        FactorSecret { kind, name, fingerprint }
    }

    /// The page a request came from had a secret in its address, which this server now has too.
    fn exposed_by_referer(&mut self, referer: &[u8], asked: &Asking<'_>, exposed: &mut Vec<Exposure>) {
        for (name, value) in urlencoded::pairs(split_query(referer).1) {
            let value = urlencoded::decode(value);
            let named = matches!(
                self.settings.fields.get(name),
                Some(
                    Field::Key
                        | Field::Access
                        | Field::Refresh
                        | Field::Token
                        | Field::ClientSecret
                        | Field::Session
                )
            );
            let class = match shape::class(&value) {
                class if shape::is_static_key(class) || class == shape::JWT => class,
                _ if named && value.len() >= 16 => "opaque",
                _ => continue,
            };
            exposed.push(Exposure {
                kind: ExposureKind::Referer,
                class,
                name: self.recorded_name(name, &asked.presented),
                fingerprint: self.which_key(class, &value),
            });
        }
    }
}
