//! Exchanges as transactions: who did this, from where, with which credential, and what the server answered.
//! `Extractor` runs in a shard and sees one exchange at a time; `Lineage` sees all of them in order.
//! It promises that no value that crossed the wire as a credential leaves this module.

mod answer;
mod client_ip;
pub mod clues;
pub mod config;
mod credential;
mod device;
mod extract;
mod fields;
pub mod geo;
mod json;
mod jwt;
mod markers;
mod mfa;
mod names;
mod request;
mod route;
pub mod secret;
mod settings;
mod shape;
mod step;
mod tables;
mod text;
mod urlencoded;

pub use clues::Sighting;
pub use extract::Extractor;
pub use settings::Settings;
