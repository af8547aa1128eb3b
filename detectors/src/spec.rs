//! How a request and its answer stand to the description of the API: declared or not, and what of it differs.
//! The sensor's `openapi` layer compares; rules, tables and records read.
//! It promises closed lists, and names that the description or the request has: never a value.

use crate::contents::ParameterPlace;
use crate::identity::named;
use crate::saved::saved;
use crate::transaction::Transaction;
use std::sync::Arc;

/// Media types that begin so are pages and what belongs to them.
const PAGES: [&str; 8] = [
    "text/html",
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/xhtml",
    "image/",
    "font/",
    "video/",
];

/// Whether the answer is a page, or a style sheet, script, picture or font of one: no operation of an API.
pub fn is_page(tx: &Transaction) -> bool {
    let kind = tx.response.as_ref().and_then(|response| response.content_type.as_deref());
    kind.is_some_and(|kind| PAGES.iter().any(|page| kind.starts_with(page)))
}

named! {
    /// What the description says of the operation.
    Standing {
        /// It is declared.
        Declared => "declared",
        /// It is declared, as one that should be used no more.
        Deprecated => "deprecated",
        /// The path is declared, with other methods.
        UndeclaredMethod => "undeclared_method",
        /// Nothing is said of the path.
        UndeclaredPath => "undeclared_path",
        /// No description speaks of the host.
        NoSpec => "no_spec",
    }
}

impl Standing {
    /// Whether a description that speaks of the host leaves the operation out.
    pub fn is_undeclared(self) -> bool {
        matches!(self, Self::UndeclaredMethod | Self::UndeclaredPath)
    }

    /// Whether a description names the operation.
    pub fn is_declared(self) -> bool {
        matches!(self, Self::Declared | Self::Deprecated)
    }
}

named! {
    /// What the request presented, against the `security` that is declared.
    Security {
        /// None is wanted, or it may be left out.
        Open => "open",
        /// What is wanted was presented.
        Shown => "shown",
        /// A credential was presented, but none of those that are declared.
        Other => "other",
        /// One is wanted, and none was presented.
        Missing => "missing",
    }
}

/// The comparison of one exchange with the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// What is said of the operation.
    pub standing: Standing,
    /// The declared path, with the base path of the server: `/v1/users/{id}`.
    pub path: Option<Arc<str>>,
    /// What was presented against what is wanted.
    pub security: Security,
    /// What is wanted, in words: `bearer or api_key X-Key`.
    pub wanted: Option<Arc<str>>,
    /// Parameters of which nothing is said.
    pub undocumented: Vec<(ParameterPlace, Arc<str>)>,
}

saved!(Comparison { standing, path, security, wanted, undocumented });

impl Comparison {
    /// Of an operation of which nothing is said.
    pub fn without(standing: Standing) -> Self {
        Self { standing, path: None, security: Security::Open, wanted: None, undocumented: Vec::new() }
    }

    /// Whether anything differs from the description, or should be used no more.
    pub fn drifts(&self) -> bool {
        self.standing.is_undeclared()
            || self.standing == Standing::Deprecated
            || matches!(self.security, Security::Missing | Security::Other)
            || !self.undocumented.is_empty()
    }
}
