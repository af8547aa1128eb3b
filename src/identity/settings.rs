//! The checked configuration of this layer: every name in its table, every prefix parsed, every label known.
//! It is built once from what was written and shared by all shards.
//! It promises that nothing is parsed again while traffic flows.

use super::client_ip::Prefixes;
use super::config::{Identity, Network, Principals, Privacy};
use super::geo::Geo;
use super::labels::Labels;
use super::names::Names;
use super::secret::Keyring;
use super::tables::{self, Answered, Cookie, Field, RequestHeader, ResponseHeader};
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
    pub(super) routes: Vec<RoutePattern>,
    pub(super) hash_names: bool,
}

/// A path with `*` for one segment and `**` for the rest, and what it is for.
pub(super) struct RoutePattern {
    segments: Vec<String>,
    pub(super) label: Labels,
}

impl RoutePattern {
    /// Whether the path is meant, without query.
    pub(super) fn matches(&self, path: &str) -> bool {
        let mut wanted = self.segments.iter();
        for segment in path.split('/') {
            match wanted.next().map(String::as_str) {
                Some("**") => return true,
                Some("*") => {}
                Some(literal) if literal.eq_ignore_ascii_case(segment) => {}
                _ => return false,
            }
        }
        wanted.next().is_none_or(|rest| rest == "**")
    }
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
        let own = |names: &[String]| -> Vec<String> {
            names.iter().map(|n| n.trim().to_ascii_lowercase()).collect()
        };
        let with =
            |names: &[String], meaning| own(names).into_iter().map(move |n| (n, meaning)).collect::<Vec<_>>();
        let headers = [
            with(&identity.key_headers, RequestHeader::Key),
            with(&identity.session_headers, RequestHeader::Session),
            with(&identity.mfa_headers, RequestHeader::Mfa),
        ];
        let cookies = [
            with2(&identity.session_cookies, Cookie::Session),
            with2(&identity.ignored_cookies, Cookie::Ignored),
        ];
        let fields = [
            with2(&identity.login_fields, Field::Name),
            with2(&identity.code_fields, Field::Code),
            with2(&identity.key_fields, Field::Key),
        ];
        let routes = identity.routes.iter().map(|r| {
            let label = Labels::named(&r.label).ok_or_else(|| {
                format!(
                    "identity.routes: unknown label `{}`; wanted one of {}",
                    r.label,
                    Labels::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
                )
            })?;
            if !r.path.starts_with('/') {
                return Err(format!("identity.routes: path `{}` must begin with `/`", r.path));
            }
            Ok(RoutePattern { segments: r.path.split('/').map(str::to_owned).collect(), label })
        });
        Ok(Self {
            keyring,
            geo,
            trusted: Prefixes::parse(&network.trusted_proxies)
                .map_err(|e| format!("network.trusted_proxies: {e}"))?,
            internal: Prefixes::parse(&network.internal).map_err(|e| format!("network.internal: {e}"))?,
            request_headers: tables::names(headers.concat(), tables::REQUEST_HEADERS),
            response_headers: tables::names(Vec::new(), tables::RESPONSE_HEADERS),
            cookies: tables::names(cookies.concat(), tables::COOKIES),
            fields: tables::names(fields.concat(), tables::FIELDS),
            answers: tables::names(Vec::new(), tables::ANSWERS),
            principal_claim: Some(identity.principal_claim.trim())
                .filter(|c| !c.is_empty())
                .map(|c| c.as_bytes().into()),
            routes: routes.collect::<Result<_, String>>()?,
            hash_names: privacy.principals == Principals::Hashed,
        })
    }

    /// Whether `build` would take these sections.
    pub fn check(network: &Network, identity: &Identity, privacy: &Privacy) -> Result<(), String> {
        Self::build(network, identity, privacy, Keyring::ephemeral()?, Geo::builtin()).map(drop)
    }

    /// Names the key that fingerprints are made under.
    pub fn key_id(&self) -> [u8; 8] {
        self.keyring.id()
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

fn with2<T: Copy>(names: &[String], meaning: T) -> Vec<(String, T)> {
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
            routes: vec![RouteLabel { path: path.into(), label: label.into() }],
            ..Identity::default()
        };
        assert!(build(&label("/x", "mfa"), &Network::default()).is_ok());
        assert!(build(&label("/x", "mfaa"), &Network::default()).is_err());
        assert!(build(&label("x", "mfa"), &Network::default()).is_err());
        let network = Network { trusted_proxies: vec!["10.0.0.0/40".into()], ..Network::default() };
        assert!(build(&Identity::default(), &network).is_err());
    }

    #[test]
    fn route_patterns() {
        let pattern = |path: &str| RoutePattern {
            segments: path.split('/').map(str::to_owned).collect(),
            label: Labels::MFA,
        };
        assert!(pattern("/a/*/c").matches("/a/b/c"));
        assert!(!pattern("/a/*/c").matches("/a/b/d"));
        assert!(!pattern("/a/*").matches("/a/b/c"));
        assert!(pattern("/a/**").matches("/a/b/c") && pattern("/a/**").matches("/a"));
    }
}
