//! The wire forms of alerts, transactions and counters: the one place where a field gets its public name.
//! It is given the vocabulary's types, borrows from them, and serialises without building strings.
//! It promises versioned records: a key is never renamed or removed within `/1`, only added at the end.

mod alert;
pub mod community_id;
mod health;
pub(in crate::sinks) mod moment;
mod request;
mod session;
mod stats;
mod tls;
mod token;
mod transaction;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use alert::AlertRecord;
pub use health::HealthRecord;
pub(super) use request::LabelNames;
pub(crate) use stats::imbalance;
pub use stats::{ServiceRow, StatsRecord};
pub use tls::TlsRecord;
pub use transaction::TransactionRecord;

use heelguard_detectors::identity::Fingerprint;
use serde::{Serialize, Serializer};
use std::fmt::Display;

/// Who writes the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// `[sensor] tenant`.
    pub tenant: String,
    /// `[sensor] name`.
    pub sensor: String,
}

/// A value written as the text it displays: times, addresses.
#[derive(Clone, Copy)]
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// 128 bits as 32 hex digits: fingerprints.
#[derive(Clone, Copy)]
pub(crate) struct Hex(pub(crate) u128);

impl Hex {
    pub(crate) fn of(fingerprint: Fingerprint) -> Self {
        Self(u128::from_be_bytes(fingerprint.0))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [b'0'; 32];
        write_hex(self.0, text.iter_mut());
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// 128 bits as a UUID: ids of transactions and episodes.
#[derive(Clone, Copy)]
pub(super) struct Uuid(pub(super) u128);

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = *b"00000000-0000-0000-0000-000000000000";
        write_hex(self.0, text.iter_mut().filter(|byte| **byte != b'-'));
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Writes 32 hex digits into `places`, the highest first.
fn write_hex<'a>(value: u128, places: impl Iterator<Item = &'a mut u8>) {
    for (nibble, place) in (0..32_u32).rev().zip(places) {
        *place = HEX[(value >> (nibble * 4)) as usize & 0xf];
    }
}
