//! The kernel as judge: what a real socket received of hostile packets, and what the sensor says it received.
//! A peer that keeps no rule sends crafted packets through a TUN device, in a network of its own, to a socket of this
//! machine; every packet that passed, the kernel's answers too, is the capture that the sensor reads. It takes root.
//! They promise that the two streams are equal, or that the sensor said they might not be.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "it is a test"
)]

mod chance;
#[allow(dead_code, reason = "other test crates use the rest of it")]
#[path = "../support/craft.rs"]
mod craft;
#[path = "../support/figures.rs"]
#[allow(dead_code, reason = "the number of connections has a setting of its own")]
mod figures;
mod judge;
mod moves;
mod peer;
mod random;
mod sensor;
mod stories;
mod tun;
#[path = "../support/wire.rs"]
mod wire;
