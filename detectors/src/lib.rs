//! What is suspicious: pure, deterministic detectors over API transactions.
//! The crate is given transactions in event-time order and a configuration, and gives alerts.
//! It promises the same alerts for the same input: no clock, no I/O, no threads, no iteration over hash maps.

// Expectations are written by `UPDATE_EXPECT=1`, which always puts hashes.
#![cfg_attr(test, allow(clippy::needless_raw_string_hashes))]

pub mod alert;
pub mod anomaly;
pub mod contents;
pub mod detector;
pub mod device;
pub mod distinct;
#[cfg(test)]
mod edges;
mod episode;
pub mod explain;
pub mod exposure;
pub mod facts;
pub mod few;
pub mod graphql;
pub mod hash;
pub mod health;
pub mod identity;
pub mod keyed;
pub mod label;
pub mod lane;
mod marks;
pub mod position;
mod roster;
pub mod rules;
pub mod runtime;
pub mod sample;
pub mod saved;
pub mod session;
pub mod shown;
pub mod slice;
pub mod spec;
pub mod story;
pub mod suppress;
pub mod time;
pub mod tls;
pub mod token;
pub mod transaction;
pub mod window;
