//! What a description wants a caller to prove, and whether a request did.
//! It is given `securitySchemes` and `security` as they are written, and credentials as identity found them.
//! It promises that what cannot be seen on the wire (mutual TLS in front of a proxy, unknown schemes) is never missed.

use heelguard_detectors::identity::{Credential, CredentialKind, Location, PrincipalKind};
use heelguard_detectors::spec::Security;
use heelguard_detectors::transaction::Transaction;
use serde_json::Value;
use std::sync::Arc;

/// A way to prove who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// A key, by its place and name.
    Key(Location, Arc<str>),
    Basic,
    /// A bearer token, also by OAuth 2 and OpenID Connect.
    Bearer,
    /// Another scheme of `Authorization`.
    Http(Arc<str>),
    /// Cannot be told from here.
    MutualTls,
    /// The description says nothing that can be used of it.
    Unknown,
}

/// `security` of an operation: any of the alternatives, each of them all of its schemes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// None: nothing is wanted.
    alternatives: Vec<Vec<Scheme>>,
    words: Option<Arc<str>>,
}

impl Scheme {
    /// One of `components.securitySchemes`; the error says what is wrong with it.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "apiKey" => {
                let place = match text("in") {
                    "header" => Location::Header,
                    "query" => Location::Query,
                    "cookie" => Location::Cookie,
                    other => return Err(format!("`in` is `{other}`; allowed: header, query, cookie")),
                };
                match text("name") {
                    "" => Err("an apiKey without a `name`".to_owned()),
                    name => Ok(Self::Key(place, name.into())),
                }
            }
            "http" => Ok(match text("scheme").to_ascii_lowercase().as_str() {
                "basic" => Self::Basic,
                "bearer" => Self::Bearer,
                "" => return Err("`http` without a `scheme`".to_owned()),
                other => Self::Http(other.into()),
            }),
            "oauth2" | "openIdConnect" => Ok(Self::Bearer),
            "mutualTLS" => Ok(Self::MutualTls),
            other => Err(format!(
                "the type `{other}` is not known; allowed: apiKey, http, oauth2, openIdConnect, mutualTLS"
            )),
        }
    }

    fn is_shown(&self, credentials: &[Credential]) -> bool {
        matches!(self, Self::MutualTls | Self::Unknown)
            || credentials.iter().any(|credential| self.is(credential))
    }

    fn is(&self, credential: &Credential) -> bool {
        use CredentialKind::{BearerJwt, BearerOpaque, Digest, Dpop, Hawk, Negotiate};
        let is_authorization = matches!(credential.location, Location::Header | Location::Metadata)
            && &*credential.name == "authorization";
        let is_known = |kinds: &[CredentialKind]| kinds.contains(&credential.kind);
        match self {
            Self::Key(Location::Header, name) => {
                matches!(credential.location, Location::Header | Location::Metadata)
                    && credential.name.eq_ignore_ascii_case(name)
            }
            Self::Key(place, name) => {
                credential.location == *place && credential.name.eq_ignore_ascii_case(name)
            }
            Self::Basic => credential.kind == CredentialKind::Basic,
            // Keys of vendors come as bearer tokens, too, and are known by their own form.
            Self::Bearer => {
                is_known(&[BearerJwt, BearerOpaque, Dpop])
                    || is_authorization && !is_known(&[CredentialKind::Basic, Digest, Negotiate, Hawk])
            }
            Self::Http(_) => is_authorization,
            Self::MutualTls | Self::Unknown => false,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Key(place, name) => format!("{name} in {}", place.name()),
            Self::Basic => "basic".to_owned(),
            Self::Bearer => "bearer".to_owned(),
            Self::Http(name) => name.to_string(),
            Self::MutualTls => "a client certificate".to_owned(),
            Self::Unknown => "an unknown scheme".to_owned(),
        }
    }
}

impl Demand {
    /// Of these alternatives; one that wants nothing makes the rest optional.
    pub(super) fn of(alternatives: Vec<Vec<Scheme>>) -> Self {
        if alternatives.iter().any(Vec::is_empty) {
            return Self::default();
        }
        let one = |schemes: &Vec<Scheme>| schemes.iter().map(Scheme::words).collect::<Vec<_>>().join(" and ");
        let words: Vec<String> = alternatives.iter().map(one).collect();
        let words = (!words.is_empty()).then(|| words.join(" or ").into());
        Self { alternatives, words }
    }

    /// What is wanted, in words.
    pub(super) fn words(&self) -> Option<&Arc<str>> {
        self.words.as_ref()
    }

    /// Whether the request proved what is wanted.
    pub(super) fn judge(&self, tx: &Transaction) -> Security {
        if self.alternatives.is_empty() {
            return Security::Open;
        }
        let is_met = |schemes: &Vec<Scheme>| schemes.iter().all(|scheme| scheme.is_shown(&tx.credentials));
        if self.alternatives.iter().any(is_met) {
            return Security::Shown;
        }
        let is_nobody = tx.credentials.is_empty() && tx.principal.kind == PrincipalKind::Anonymous;
        if is_nobody { Security::Missing } else { Security::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heelguard_detectors::story::transactions;
    use serde_json::json;

    fn judge(demand: &Demand, words: &str) -> Security {
        let story = format!("10:00:00 203.0.113.7 -> use GET /me 200 {words}");
        demand.judge(&transactions(&story).unwrap()[0])
    }

    fn key(place: &str, name: &str) -> Scheme {
        Scheme::read(&json!({"type": "apiKey", "in": place, "name": name})).unwrap()
    }

    #[test]
    fn any_alternative_is_enough_and_each_wants_all_of_its_schemes() {
        let both = vec![Scheme::Bearer, key("cookie", "session")];
        let demand = Demand::of(vec![both, vec![Scheme::Basic]]);
        assert_eq!(judge(&demand, "bearer=t session=s"), Security::Shown);
        assert_eq!(judge(&demand, "basic"), Security::Shown);
        assert_eq!(judge(&demand, "bearer=t"), Security::Other);
        assert_eq!(judge(&demand, ""), Security::Missing);
        assert_eq!(demand.words().map(|words| &**words), Some("bearer and session in cookie or basic"));
    }

    #[test]
    fn a_key_has_a_place_and_a_name() {
        let demand = Demand::of(vec![vec![key("header", "Authorization")]]);
        assert_eq!(judge(&demand, "key=k"), Security::Shown);
        assert_eq!(judge(&demand, "key=k in=query"), Security::Other);
        assert_eq!(judge(&Demand::of(vec![vec![key("header", "X-Key")]]), "key=k"), Security::Other);
    }

    #[test]
    fn what_may_be_left_out_is_open() {
        assert_eq!(judge(&Demand::of(vec![vec![Scheme::Bearer], vec![]]), ""), Security::Open);
        assert_eq!(judge(&Demand::of(vec![]), ""), Security::Open);
    }

    #[test]
    fn what_cannot_be_seen_is_never_missed() {
        assert_eq!(judge(&Demand::of(vec![vec![Scheme::MutualTls]]), ""), Security::Shown);
        assert_eq!(judge(&Demand::of(vec![vec![Scheme::Unknown]]), ""), Security::Shown);
        assert_eq!(judge(&Demand::of(vec![vec![Scheme::MutualTls, Scheme::Bearer]]), ""), Security::Missing);
    }

    #[test]
    fn schemes_are_read_or_refused_with_what_is_allowed() {
        let read = |value: Value| Scheme::read(&value);
        assert_eq!(read(json!({"type": "http", "scheme": "Bearer"})), Ok(Scheme::Bearer));
        assert_eq!(read(json!({"type": "oauth2", "flows": {}})), Ok(Scheme::Bearer));
        assert_eq!(read(json!({"type": "http", "scheme": "digest"})), Ok(Scheme::Http("digest".into())));
        assert!(read(json!({"type": "basic"})).unwrap_err().contains("allowed: apiKey, http"));
        assert!(read(json!({"type": "apiKey", "in": "body", "name": "k"})).unwrap_err().contains("header"));
    }
}
