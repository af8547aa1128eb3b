//! The sections `[network]`, `[geoip]`, `[identity]` and `[privacy]` as they are written.
//! Names given here are added to the built-in ones, which know the common products.
//! They are raw values; `Settings::build` says what they mean, or what is wrong with them.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[network]`: whose word about the client's address is taken, and what is inside.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Addresses or prefixes whose `X-Forwarded-For`, `Forwarded` and `X-Real-IP` are believed.
    pub trusted_proxies: Vec<String>,
    /// Addresses or prefixes that are not "outside".
    pub internal: Vec<String>,
}

impl Default for Network {
    fn default() -> Self {
        let private = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ];
        let private: Vec<String> = private.map(str::to_owned).to_vec();
        Self { trusted_proxies: private.clone(), internal: private }
    }
}

/// `[geoip]`: databases in place of the built-in table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Geoip {
    /// MaxMind DB files: country or city, and ASN.
    pub databases: Vec<PathBuf>,
}

/// `[identity]`: names that this deployment's APIs use beside the known ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// The JWT claim that names the account; empty: `email`, `preferred_username`, `sub`.
    pub principal_claim: String,
    /// Fields that carry the account name at login.
    pub login_fields: Vec<String>,
    /// Fields that carry a one-time code.
    pub code_fields: Vec<String>,
    /// Headers that carry a static key.
    pub key_headers: Vec<String>,
    /// Headers that carry a session.
    pub session_headers: Vec<String>,
    /// Headers that carry a second factor's code or token.
    pub mfa_headers: Vec<String>,
    /// Cookies that carry a session.
    pub session_cookies: Vec<String>,
    /// Cookies that carry nothing of interest, whatever they are called.
    pub ignored_cookies: Vec<String>,
    /// Parameters and fields that carry a static key.
    pub key_fields: Vec<String>,
    /// What routes are for, where their path does not say it.
    pub routes: Vec<RouteLabel>,
}

/// One `[[identity.routes]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RouteLabel {
    /// The path; `*` stands for one segment, `**` at the end for any rest.
    pub path: String,
    /// `login`, `mfa`, `token`, `logout`, `signup`, `key_issue`, `enrolment`, `session`, `sensitive` or `none`.
    pub label: String,
}

/// `[privacy]`: how names and secrets are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// The file of the fingerprint key; empty: in the state folder.
    pub key_file: PathBuf,
    /// The file of the key before it, after a rotation; empty: there was none.
    pub previous_key_file: PathBuf,
    /// How account names are written.
    pub principals: Principals,
}

/// How account names are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Principals {
    /// As they are.
    #[default]
    Plain,
    /// As a keyed hash, `h:` and 16 hex digits.
    Hashed,
    /// As a keyed word, `p-` and ten letters; of an e-mail address the domain stays.
    Pseudonymised,
}
