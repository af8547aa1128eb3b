//! What an operator may set about decryption.
//! It is given the keys of `[tls]`, and says what of them cannot be.
//! It promises limits for all that is kept: secrets, and records that wait for one.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// `[tls]`: what makes TLS readable.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A file of TLS secrets in NSS key-log form; it may grow, be cut, or be replaced while it is read. Empty is none.
    pub keylog: PathBuf,
    /// Connections whose secrets are kept. Beyond it, the oldest are forgotten.
    pub secrets_max: usize,
    /// How long a sealed record waits for its secret, in packet time.
    pub secret_wait_ms: u64,
    /// Bytes of sealed records that wait in one connection.
    pub held_bytes_per_connection_max: usize,
    /// Bytes of sealed records that wait in all connections; beyond it, those that wait longest are given up.
    pub held_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keylog: PathBuf::new(),
            secrets_max: 100_000,
            secret_wait_ms: 5_000,
            held_bytes_per_connection_max: 256 << 10,
            held_bytes_max: 32 << 20,
        }
    }
}

impl Config {
    /// The part that one of so many shards has of the limits on what waits.
    #[must_use]
    pub fn of_one(&self, shards: usize) -> Self {
        Self { held_bytes_max: (self.held_bytes_max / shards.max(1)).max(1), ..self.clone() }
    }

    /// What cannot be, naming the key and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        let limits = [
            ("secrets_max", self.secrets_max),
            ("held_bytes_per_connection_max", self.held_bytes_per_connection_max),
            ("held_bytes_max", self.held_bytes_max),
        ];
        match limits.iter().find(|(_, limit)| *limit == 0) {
            Some((key, _)) => Err(format!("tls.{key}: 0 leaves nothing to work with; wanted 1 or more")),
            None => Ok(()),
        }
    }

    pub(super) fn secret_wait(&self) -> Duration {
        Duration::from_millis(self.secret_wait_ms)
    }
}
