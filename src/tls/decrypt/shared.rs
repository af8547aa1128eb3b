//! What all connections of one shard share for decryption.
//! It is given the limits and the secrets, and holds the buffer in which records are opened, and those that wait.
//! It promises one buffer for all of them, so that a record costs no allocation.

use super::held::Held;
use super::{Config, KeyStore};
use crate::metrics::DecryptCounters;
use std::sync::Arc;

/// Limits, secrets, buffer and counters. Without secrets there is nothing to open: no `Decryptor` is needed.
#[derive(Default)]
pub struct DecryptShared {
    pub(super) config: Config,
    pub(super) keys: Option<Arc<KeyStore>>,
    /// The record that is being opened.
    pub(super) buffer: Vec<u8>,
    /// Records that wait for their secret.
    pub(super) held: Held,
    /// What was opened, and what was not.
    pub counters: DecryptCounters,
}

impl DecryptShared {
    /// With nothing opened yet.
    pub fn new(config: Config, keys: Option<Arc<KeyStore>>) -> Self {
        Self { config, keys, ..Self::default() }
    }

    /// Whether there are secrets, or may be some day.
    pub fn is_active(&self) -> bool {
        self.keys.is_some()
    }
}
