//! The proof of scale-out: sensors and workers as processes around a real Kafka say what one process says.
//! They are given captures that are split by connection, and workers that are killed while they work.
//! They promise to compare alerts by id, and to leave no process behind. Needs Kafka (`make services`).
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "it is a test"
)]

mod alerts;
mod cluster;
mod feed;
mod keys;
mod killed;
mod process;
mod same;
mod sensors;
#[path = "../support/services.rs"]
mod services;
mod split;
mod spread;
mod stories;
#[path = "../support/mod.rs"]
mod support;
