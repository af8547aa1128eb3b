//! The checked configuration of this layer: every name in its table, every prefix parsed, every label known.
//! It is built once from what was written and shared by all shards.
//! It promises that nothing is parsed again while traffic flows.

use super::client_ip::Prefixes;
use super::config::{Identity, Network, Principals, Privacy};
use super::geo::Geo;
use super::markers::MarkerTable;
use super::names::Names;
use super::presets::{self, Routes, Rule};
use super::secret::Keyring;
use super::tables::{self, Answered, Cookie, Field, RequestHeader, ResponseHeader};
use heelguard_detectors::identity::Factor;
use std::sync::Arc;

/// What the extractor works with.
pub struct Settings {
    pub(super) keyring: Keyring,
    pub(super) geo: Geo,
    pub(super) trusted: Prefixes,
    pub(super) internal: Prefixes,
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
    pub(super) hash_names: bool,
}

impl Settings {
    /// What was written, made ready; the message says what is wrong and what is allowed.
    pub fn build(
        network: &Network,
        identity: &Identity,
        privacy: &Privacy,
        keyring: Keyring,
        geo: Geo,
    ) -> Result<Self, String> {
        let known = presets::vocabulary(&identity.presets, &identity.preset_files)?;
        let headers = [
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
            with(&identity.code_fields, Field::Code),
            with(&identity.key_fields, Field::Key),
            known.fields,
        ];
        let mut routes = vec![Routes::new(identity.routes.iter().map(|route| ("", route)))?];
        routes.extend(known.routes);
        routes.retain(|layer| !layer.is_empty());
        Ok(Self {
            keyring,
            geo,
            trusted: Prefixes::parse(&network.trusted_proxies)
                .map_err(|e| format!("network.trusted_proxies: {e}"))?,
            internal: Prefixes::parse(&network.internal).map_err(|e| format!("network.internal: {e}"))?,
            request_headers: tables::names(headers.concat(), tables::REQUEST_HEADERS),
            response_headers: tables::names(known.answer_headers, tables::RESPONSE_HEADERS),
            cookies: tables::names(cookies.concat(), tables::COOKIES),
            fields: tables::names(fields.concat(), tables::FIELDS),
            answers: tables::names(known.answers, tables::ANSWERS),
            principal_claim: Some(identity.principal_claim.trim())
                .filter(|c| !c.is_empty())
                .map(|c| c.as_bytes().into()),
            words: MarkerTable::new(known.words, known.phrases),
            factors: tables::names(known.factors, tables::FACTORS),
            routes,
            hash_names: privacy.principals == Principals::Hashed,
        })
    }

    /// Whether `build` would take these sections.
    pub fn check(network: &Network, identity: &Identity, privacy: &Privacy) -> Result<(), String> {
        Self::build(network, identity, privacy, Keyring::ephemeral()?, Geo::builtin()).map(drop)
    }

    /// What the operator or a preset says that a path is for. An operation that a header names is its last segment.
    pub(super) fn route(&self, method: &[u8], path: &[u8], operation: &[u8]) -> Option<&Rule> {
        self.routes.iter().find_map(|layer| layer.find(method, path, operation))
    }

    /// An account name as it may be written.
    pub(super) fn name(&self, name: Arc<str>) -> Arc<str> {
        if !self.hash_names {
            return name;
        }
        let fingerprint = self.keyring.hash("account", name.to_lowercase().as_bytes());
        let hex = fingerprint.to_string();
        format!("h:{}", hex.get(..16).unwrap_or(&hex)).into()
    }
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
    }
}
