//! Exchanges as transactions: who did this, from where, with which credential, and what the server answered.
//! `Extractor` runs in a shard and sees one exchange at a time; `Lineage` sees all of them in order.
//! It promises that no value that crossed the wire as a credential leaves this module.

pub mod clues;
pub mod geo;

pub use clues::Sighting;

mod accounts;
mod handles;
mod legs;
mod lineage;

pub use legs::Legs;
pub use lineage::{Lineage, LineageConfig};
