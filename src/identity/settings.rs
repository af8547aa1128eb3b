//! The checked configuration of this layer: every name in its table, every prefix parsed, every label known.
//! It is built once from what was written and shared by all shards.
//! It promises that nothing is parsed again while traffic flows.

use super::address::Classes;
use super::client_ip::{ClientHeader, Form};
use super::config::{Identity, Network, Principals, Privacy};
use super::geo::Geo;
use super::jwt::TokenReference;
use super::markers::MarkerTable;
use super::names::Names;
use super::prefixes::Prefixes;
use super::presets::{self, Routes, Rule};
use super::secret::{Keyring, ListedKeys};
use super::tables::{self, Answered, Cookie, Field, RequestHeader, ResponseHeader};
use heelguard_detectors::identity::Factor;
use heelguard_detectors::transaction::HeaderClaim;
use std::sync::Arc;

/// What the extractor works with.
pub struct Settings {
    pub(super) keyring: Keyring,
    pub(super) listed: Arc<ListedKeys>,
    pub(super) geo: Geo,
    pub(super) trusted: Prefixes,
    pub(super) internal: Prefixes,
    pub(super) classes: Classes,
    pub(super) request_headers: Names<RequestHeader>,
    pub(super) response_headers: Names<ResponseHeader>,
    pub(super) cookies: Names<Cookie>,
    pub(super) fields: Names<Field>,
    pub(super) answers: Names<Answered>,
    pub(super) principal_claim: Option<Box<[u8]>>,
    pub(super) words: MarkerTable,
    pub(super) factors: Names<Factor>,
    /// The operator's own first.
    routes: Vec<Routes>,
    principals: Principals,
    tokens: Arc<TokenReference>,
}

impl Settings {
    /// The keys that fingerprints are made under.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Keys that the operator lists as compromised.
    pub(crate) fn listed(&self) -> Arc<ListedKeys> {
        Arc::clone(&self.listed)
    }

    /// What was written, made ready; the message says what is wrong and what is allowed.
    pub fn build(
        network: &Network,
        identity: &Identity,
        privacy: &Privacy,
        keyring: Keyring,
        geo: Geo,
    ) -> Result<Self, String> {
        let known = presets::vocabulary(&identity.presets, &identity.preset_files)?;
        refuse_taken("network.client_headers", &network.client_headers)?;
        refuse_taken("network.identity_headers", &network.identity_headers)?;
        let headers = [
            client_headers(&network.client_headers)?,
            with(&network.identity_headers, RequestHeader::Identity(HeaderClaim::User)),
            with(&identity.key_headers, RequestHeader::Key),
            with(&identity.session_headers, RequestHeader::Session),
            with(&identity.mfa_headers, RequestHeader::Mfa),
            known.headers,
        ];
        let cookies = [
            with(&identity.session_cookies, Cookie::Session),
            with(&identity.ignored_cookies, Cookie::Ignored),
            known.cookies,
        ];
        let fields = [
            with(&identity.login_fields, Field::Name),
            with(&identity.password_fields, Field::Password),
            with(&identity.code_fields, Field::Code),
            with(&identity.key_fields, Field::Key),
            known.fields,
        ];
        let mut routes = vec![Routes::new(identity.routes.iter().map(|route| ("", route)))?];
        routes.extend(known.routes);
        routes.retain(|layer| !layer.is_empty());
        let list = &identity.compromised_keys;
        let listed = if list.as_os_str().is_empty() {
            ListedKeys::default()
        } else {
            ListedKeys::read(list).map_err(|why| format!("identity.compromised_keys: {why}"))?
        };
        Ok(Self {
            keyring,
            listed: Arc::new(listed),
            geo,
            trusted: Prefixes::parse(&network.trusted_proxies)
                .map_err(|e| format!("network.trusted_proxies: {e}"))?,
            internal: Prefixes::parse(&network.internal).map_err(|e| format!("network.internal: {e}"))?,
            classes: Classes::load(&network.address_classes)
                .map_err(|e| format!("network.address_classes: {e}"))?,
            request_headers: with_declared(
                headers.concat(),
                tables::REQUEST_HEADERS,
                (&identity.declared_keys.headers, RequestHeader::Key),
            ),
            response_headers: tables::names(known.answer_headers, tables::RESPONSE_HEADERS),
            cookies: with_declared(
                cookies.concat(),
                tables::COOKIES,
                (&identity.declared_keys.cookies, Cookie::Session),
            ),
            fields: with_declared(
                fields.concat(),
                tables::FIELDS,
                (&identity.declared_keys.fields, Field::Key),
            ),
            answers: tables::names(known.answers, tables::ANSWERS),
            principal_claim: Some(identity.principal_claim.trim())
                .filter(|c| !c.is_empty())
                .map(|c| c.as_bytes().into()),
            words: MarkerTable::new(known.words, known.phrases),
            factors: tables::names(known.factors, tables::FACTORS),
            routes,
            principals: privacy.principals,
            tokens: Arc::default(),
        })
    }

    /// With the files read that `[identity.jwt]` names.
    pub fn with_tokens(self, identity: &Identity) -> Result<Self, String> {
        let tokens = TokenReference::load(&identity.jwt).map_err(|why| format!("identity.jwt.{why}"))?;
        Ok(Self { tokens: Arc::new(tokens), ..self })
    }

    /// What is known of tokens beforehand.
    pub fn tokens(&self) -> Arc<TokenReference> {
        self.tokens.clone()
    }

    /// Whether `build` would take these sections.
    pub fn check(network: &Network, identity: &Identity, privacy: &Privacy) -> Result<(), String> {
        Self::build(network, identity, privacy, Keyring::ephemeral()?, Geo::builtin()).map(drop)
    }

    /// What the operator or a preset says that a path is for. An operation that a header or field names is its last
    /// segment, where something is said of it.
    pub(super) fn route(&self, method: &[u8], path: &[u8], operation: &[u8]) -> Option<&Rule> {
        self.routes.iter().find_map(|layer| {
            let called = if operation.is_empty() { None } else { layer.find(method, path, operation) };
            called.or_else(|| layer.find(method, path, &[]))
        })
    }

    /// Names the key that fingerprints are made under, and how account names are written: what was remembered under
    /// another of them says nothing, or too much.
    pub fn state_id(&self) -> [u8; 8] {
        let mut id = self.keyring.id();
        let [first, ..] = &mut id;
        *first ^= self.principals as u8;
        id
    }

    /// Whether account names are written as something else.
    pub(super) fn hides_names(&self) -> bool {
        self.principals != Principals::Plain
    }

    /// An account name as it may be written.
    pub(super) fn name(&self, name: Arc<str>) -> Arc<str> {
        match self.principals {
            Principals::Plain => name,
            Principals::Hashed => self.keyring.hashed_name(&name).into(),
            Principals::Pseudonymised => self.keyring.pseudonym(&name).into(),
        }
    }
}

/// Refuses a header that means something else already: called a claim, a credential would no longer be one, and
/// nobody would mask it.
fn refuse_taken(key: &str, names: &[String]) -> Result<(), String> {
    let known = tables::names(Vec::new(), tables::REQUEST_HEADERS);
    let taken = names.iter().find(|name| {
        use RequestHeader::{ClientAddress, ClientCertificate, Habit, Identity};
        let role = known.get(name.trim().as_bytes());
        !matches!(role, None | Some(ClientAddress(_) | ClientCertificate | Habit | Identity(_)))
    });
    match taken {
        Some(name) => Err(format!("{key}: `{name}` carries something else and cannot say who the client is")),
        None => Ok(()),
    }
}

/// The headers that this deployment's proxies set, the one to be believed first in front.
fn client_headers(names: &[String]) -> Result<Vec<(String, RequestHeader)>, String> {
    let header = |(rank, name): (usize, &String)| {
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        {
            return Err(format!("network.client_headers: `{name}` is no header's name"));
        }
        let form = if name == "forwarded" { Form::Forwarded } else { Form::List };
        let rank = u8::try_from(rank).map_err(|_| "network.client_headers: at most 256 names".to_owned())?;
        Ok((name, RequestHeader::ClientAddress(ClientHeader { form, rank: Some(rank) })))
    };
    names.iter().enumerate().map(header).collect()
}

/// A table with declared names in it, as far as they say nothing yet.
fn with_declared<T: Copy>(
    own: Vec<(String, T)>,
    known: &'static [(T, &'static str)],
    (declared, meaning): (&[String], T),
) -> Names<T> {
    let names = tables::names(own.clone(), known);
    let is_new = |name: &&String| names.get(name.as_bytes()).is_none();
    let new: Vec<(String, T)> = declared.iter().filter(is_new).map(|name| (name.clone(), meaning)).collect();
    if new.is_empty() { names } else { tables::names([own, new].concat(), known) }
}

fn with<T: Copy>(names: &[String], meaning: T) -> Vec<(String, T)> {
    names.iter().map(|n| (n.trim().to_ascii_lowercase(), meaning)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::config::RouteLabel;

    fn build(identity: &Identity, network: &Network) -> Result<Settings, String> {
        Settings::build(network, identity, &Privacy::default(), Keyring::ephemeral().unwrap(), Geo::builtin())
    }

    #[test]
    fn own_names_come_before_the_known_ones() {
        let identity = Identity {
            key_headers: vec!["X-Acme-Key".into()],
            ignored_cookies: vec!["session".into()],
            ..Identity::default()
        };
        let settings = build(&identity, &Network::default()).unwrap();
        assert!(matches!(settings.request_headers.get(b"x-acme-key"), Some(RequestHeader::Key)));
        assert!(matches!(settings.cookies.get(b"session"), Some(Cookie::Ignored)));
        assert!(matches!(settings.cookies.get(b"sessionid"), Some(Cookie::Session)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let label = |path: &str, label: &str| Identity {
            routes: vec![RouteLabel {
                path: path.into(),
                label: Some(label.into()),
                ..RouteLabel::default()
            }],
            ..Identity::default()
        };
        assert!(build(&label("/x", "mfa"), &Network::default()).is_ok());
        assert!(build(&label("/x", "mfaa"), &Network::default()).is_err());
        assert!(build(&label("x", "mfa"), &Network::default()).is_err());
        let network = Network { trusted_proxies: vec!["10.0.0.0/40".into()], ..Network::default() };
        assert!(build(&Identity::default(), &network).is_err());
        for taken in ["Cookie", "authorization", "X-API-Key", "Host"] {
            let names = vec![taken.to_owned()];
            let network = Network { identity_headers: names.clone(), ..Network::default() };
            let error = build(&Identity::default(), &network).err().unwrap();
            assert!(error.starts_with("network.identity_headers: ") && error.contains(taken), "{error}");
            let network = Network { client_headers: names, ..Network::default() };
            assert!(build(&Identity::default(), &network).is_err(), "{taken}");
        }
        let network = Network { identity_headers: vec!["X-Acme-User".into()], ..Network::default() };
        assert!(build(&Identity::default(), &network).is_ok());
        let network = Network { client_headers: vec!["CF Connecting IP".into()], ..Network::default() };
        assert!(build(&Identity::default(), &network).is_err());
        let network = Network { address_classes: vec!["no/such/file".into()], ..Network::default() };
        let error = build(&Identity::default(), &network).err().unwrap();
        assert!(error.starts_with("network.address_classes: no/such/file"), "{error}");
    }

    #[test]
    fn proxies_set_what_the_deployment_says() {
        let network = Network { client_headers: vec!["CF-Connecting-IP".into()], ..Network::default() };
        let settings = build(&Identity::default(), &network).unwrap();
        let rank = |name: &str| match settings.request_headers.get(name.as_bytes()) {
            Some(RequestHeader::ClientAddress(header)) => header.rank,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(
            (rank("cf-connecting-ip"), rank("x-forwarded-for"), rank("forwarded")),
            (Some(0), None, None)
        );
    }
}
