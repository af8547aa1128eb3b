//! Secrets that an exchange lays open: where they stood, what they are and what their field is called.
//! The sensor's `identity` layer notes them; rules and records read them.
//! It promises classes, names and fingerprints, and no secret.

use crate::identity::{Fingerprint, named};
use crate::saved::saved;
use std::sync::Arc;

named! {
    /// How a secret was laid open.
    ExposureKind {
        /// In the query string.
        Query => "query",
        /// In the path.
        Path => "path",
        /// In a `Referer` header.
        Referer => "referer",
        /// A known kind of static key in an answer.
        Response => "response",
    }
}

/// A secret that stood where it should not, by class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Where.
    pub kind: ExposureKind,
    /// What it is: `jwt`, `api_key`, `github_pat` …
    pub class: &'static str,
    /// The parameter, header or field that carried it.
    pub name: Arc<str>,
    /// Which one: of a known kind of static key in an answer or a `Referer`, what it has wherever it is presented.
    pub fingerprint: Option<Fingerprint>,
}

saved!(Exposure { kind, class, name, fingerprint });

/// The secret of a second factor, as an authenticator app is given it: where it stood, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorSecret {
    /// Where: in the query string or in the answer.
    pub kind: ExposureKind,
    /// The parameter or field that carried it.
    pub name: Arc<str>,
    /// Keyed hash of the secret itself, in whatever form it was carried.
    pub fingerprint: Fingerprint,
}

saved!(FactorSecret { kind, name, fingerprint });
