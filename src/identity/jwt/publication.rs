//! A published key set or provider configuration as one sensor tells others of it.
//! It is given what an answer published, with the exchange it came in.
//! It promises public keys and places that a record would show, too: nothing of a query, and no path of which anything
//! was hidden.

use super::document::{Document, Published};
#[cfg(test)]
use super::keys::{Material, PublicKey};
use super::keysets::plain_host;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Transaction;
use std::net::IpAddr;
use std::sync::Arc;

/// What was published, where, by which server, and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// In lower case, without a default port.
    pub(super) host: Arc<str>,
    /// Path and query as sent.
    pub(super) path: Arc<str>,
    pub(super) server: IpAddr,
    pub(super) at: EventTime,
    pub(super) document: Document,
    /// Whether a record would show its place as it is.
    is_plain: bool,
}

saved!(Publication { host, path, server, at, document, is_plain });

impl Publication {
    /// What a successful answer to a plain GET publishes.
    pub(super) fn of(tx: &Transaction, published: Published) -> Option<Self> {
        let request = tx.request.as_ref()?;
        if &*request.method != "GET" || request.host.is_empty() || tx.status() != Some(200) {
            return None;
        }
        let Published { place, document } = published;
        let is_plain = *place == *request.path && !document.names_a_query();
        let (server, at) = (tx.flow.dst.ip(), tx.end);
        Some(Self {
            host: plain_host(&request.host).into(),
            path: place.into(),
            server,
            at,
            document,
            is_plain,
        })
    }

    /// A key set at a place, for tests of those who pass it on.
    #[cfg(test)]
    pub(crate) fn sample(host: &str, path: &str) -> Self {
        let key = PublicKey { kid: Some("k1".into()), material: Material::Ed25519([7; 32].into()) };
        Self {
            host: host.into(),
            path: path.into(),
            server: IpAddr::from([10, 0, 0, 9]),
            at: EventTime::from_secs(1_794_211_200),
            document: Document::Keys(vec![key]),
            is_plain: true,
        }
    }

    /// Whether others may be told of it.
    pub fn may_be_told(&self) -> bool {
        self.is_plain
    }

    /// Where it was published: host and path.
    pub fn place(&self) -> (&str, &str) {
        (&self.host, &self.path)
    }
}

impl Document {
    /// Whether it points to a place with a query, which may hold anything.
    fn names_a_query(&self) -> bool {
        match self {
            Self::Keys(_) => false,
            Self::Configuration { issuer, jwks_uri } => {
                [issuer, jwks_uri].iter().any(|url| url.contains('?'))
            }
        }
    }
}

impl Saved for Document {
    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::Keys(keys) => {
                out.push(0);
                keys.save(out);
            }
            Self::Configuration { issuer, jwks_uri } => {
                out.push(1);
                (issuer.clone(), jwks_uri.clone()).save(out);
            }
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        match u8::load(from)? {
            0 => Ok(Self::Keys(Saved::load(from)?)),
            1 => {
                let (issuer, jwks_uri) = Saved::load(from)?;
                Ok(Self::Configuration { issuer, jwks_uri })
            }
            _ => Err(Damaged),
        }
    }
}
