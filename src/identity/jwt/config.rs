//! The section `[identity.jwt]` as it is written.
//! It names files with public keys and secrets; `TokenReference::load` reads them.
//! It promises raw values: nothing is opened here.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[identity.jwt]`: what is known of tokens beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A file of secrets that must sign nothing, one a line, beside the built-in list; empty: none.
    pub secrets_file: PathBuf,
    /// Key sets of issuers.
    pub keys: Vec<IssuerKeys>,
}

/// One `[[identity.jwt.keys]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerKeys {
    /// The `iss` of the tokens, letter by letter; empty for tokens without one.
    pub issuer: String,
    /// A JSON Web Key Set (RFC 7517 5).
    pub file: PathBuf,
}
