//! Exchanges as transactions: who did this, from where, with which credential, and what the server answered.
//! `Extractor` runs in a shard and sees one exchange at a time; `Lineage` sees all of them in order.
//! It promises that no value that crossed the wire as a credential leaves this module.

pub mod clues;
pub mod config;
pub mod geo;
pub mod jwt;
pub mod secret;

mod address;
mod agent;
mod answer;
mod bench;
mod client_ip;
mod contents;
mod credential;
mod device;
mod encoded;
mod extract;
mod fields;
mod graphql;
mod grpc;
mod http_date;
mod json;
mod labels;
mod legs;
mod lineage;
mod locator;
mod markers;
mod masks;
mod mfa;
mod names;
mod position;
mod prefixes;
mod presets;
mod protobuf;
mod records;
mod request;
mod route;
mod routes;
mod settings;
mod shape;
mod short;
mod step;
mod tables;
mod text;
pub(crate) mod urlencoded;

pub use bench::Bench;
pub use clues::Sighting;
pub use extract::Extractor;
pub use legs::Legs;
pub use lineage::{Lineage, LineageConfig, RestoreError};
pub use routes::{Routes, RoutesConfig, RoutesError};
pub use settings::Settings;
