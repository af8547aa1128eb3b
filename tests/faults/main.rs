//! Faults of the machine, of files and of clocks: what the sensor says of them, and what goes on in spite of them.
//! The built program is given broken configurations, spools and states, and clocks that jump.
//! They promise an answer within seconds, never a panic, and the same bytes whatever a clock says.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops where it fails, and shows figures"
)]

mod broken;
mod clock;
mod clocks;
mod configurations;
mod named;
mod same;
mod spools;
#[path = "../support/mod.rs"]
mod support;
#[path = "../kill/traffic.rs"]
#[expect(dead_code, reason = "it is fed whole here")]
mod traffic;

use support::conversation;
