//! What is known of tokens before the first packet: secrets that must sign nothing, and public keys of issuers.
//! It is given the configuration and reads the files it names, once.
//! It promises that nothing is opened while packets flow, and that nothing of it can be printed.

use super::config::{Config, IssuerKeys};
use super::document::keys_of_set;
use super::keys::PublicKey;
use super::known::{self, SecretList};
use crate::files;
use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Longest file of a key set.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Secrets and keys, ready for use.
#[derive(Default)]
pub struct TokenReference {
    own_secrets: Option<SecretList>,
    keys: HashMap<Arc<str>, Vec<PublicKey>>,
}

impl TokenReference {
    /// Reads the files that the configuration names; the message says which one is wrong, and how.
    pub fn load(config: &Config) -> Result<Self, String> {
        let mut reference = Self::default();
        if !config.secrets_file.as_os_str().is_empty() {
            reference.own_secrets = Some(SecretList::read(&config.secrets_file)?);
        }
        for IssuerKeys { issuer, file } in &config.keys {
            let keys = read_keys(file).map_err(|why| format!("keys {}: {why}", file.display()))?;
            reference.keys.entry(issuer.as_str().into()).or_default().extend(keys);
        }
        Ok(reference)
    }

    /// The lists of secrets, the built-in one first.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretList> {
        [known::builtin()].into_iter().chain(&self.own_secrets)
    }

    /// The keys configured for an issuer.
    pub(super) fn keys(&self, issuer: &str) -> Option<&[PublicKey]> {
        self.keys.get(issuer).map(Vec::as_slice)
    }
}

impl fmt::Debug for TokenReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenReference")
    }
}

fn read_keys(path: &Path) -> Result<Vec<PublicKey>, String> {
    let mut text = Vec::new();
    let file = files::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("more than {FILE_BYTES_MAX} bytes"));
    }
    let set = serde_json::from_slice(&text).map_err(|error| {
        // The parser's own words may quote the file, and a key set may hold private keys by mistake.
        format!("no JSON at line {}, column {}", error.line(), error.column())
    })?;
    let keys = keys_of_set(&set);
    if keys.is_empty() {
        return Err("no public key that checks signatures; wanted {\"keys\": [...]} (RFC 7517)".to_owned());
    }
    Ok(keys)
}
