//! The sections `[network]`, `[geoip]`, `[identity]` and `[privacy]` as they are written.
//! Names given here are added to the built-in ones, which know the common products.
//! They are raw values; `Settings::build` says what they mean, or what is wrong with them.

use super::jwt;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[network]`: whose word about the client's address is taken, and what is inside.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Addresses or prefixes of proxies: their word about the client is believed, in headers and in PROXY preambles.
    pub trusted_proxies: Vec<String>,
    /// The headers in which they name the client, the one to be believed first in front. A proxy passes on what it
    /// does not know: name a vendor's header (`CF-Connecting-IP`, `True-Client-IP` …) only where the vendor sets it.
    pub client_headers: Vec<String>,
    /// Headers in which they name the account, beside the known ones.
    pub identity_headers: Vec<String>,
    /// Addresses or prefixes that are not "outside".
    pub internal: Vec<String>,
    /// Files with lines `prefix-or-ASnnn class` that come before the built-in classes.
    pub address_classes: Vec<PathBuf>,
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
        Self {
            trusted_proxies: private.clone(),
            client_headers: ["X-Forwarded-For", "Forwarded", "X-Real-IP"].map(str::to_owned).to_vec(),
            identity_headers: Vec::new(),
            internal: private,
            address_classes: Vec::new(),
        }
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Built-in presets, by name; `all` stands for every one.
    pub presets: Vec<String>,
    /// The operator's own preset files, which come before the built-in ones.
    pub preset_files: Vec<PathBuf>,
    /// The JWT claim that names the account; empty: `email`, `preferred_username`, `sub`.
    pub principal_claim: String,
    /// Fields that carry the account name at login.
    pub login_fields: Vec<String>,
    /// Fields that carry the password at login.
    pub password_fields: Vec<String>,
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
    /// A file of fingerprints of keys that are known to be in the wrong hands, one a line; empty: none.
    pub compromised_keys: PathBuf,
    /// What routes are for, where their path does not say it.
    pub routes: Vec<RouteLabel>,
    /// What is known of tokens beforehand.
    pub jwt: jwt::Config,
    /// Static keys that descriptions of APIs declare; a name that means something already keeps its meaning.
    #[serde(skip)]
    pub declared_keys: DeclaredKeys,
}

/// Names of static keys, by their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeclaredKeys {
    /// Headers.
    pub headers: Vec<String>,
    /// Cookies.
    pub cookies: Vec<String>,
    /// Parameters.
    pub fields: Vec<String>,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            presets: vec!["all".to_owned()],
            preset_files: Vec::new(),
            principal_claim: String::new(),
            login_fields: Vec::new(),
            password_fields: Vec::new(),
            code_fields: Vec::new(),
            key_headers: Vec::new(),
            session_headers: Vec::new(),
            mfa_headers: Vec::new(),
            session_cookies: Vec::new(),
            ignored_cookies: Vec::new(),
            key_fields: Vec::new(),
            compromised_keys: PathBuf::new(),
            routes: Vec::new(),
            jwt: jwt::Config::default(),
            declared_keys: DeclaredKeys::default(),
        }
    }
}

/// One `[[identity.routes]]`, or `[[routes]]` of a preset file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RouteLabel {
    /// The path; `*` stands for one segment, `**` at the begin or the end for any number.
    pub path: String,
    /// The method it is for; left out: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What it is for: a name of `Labels::NAMES`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The same, where it is for several things.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The factor where neither answer nor request names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
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
