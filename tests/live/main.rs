//! The sensor on a live wire: the built program, virtual cables, and stories told through them.
//! Each test has a network of its own, which takes root and `ip`; where there is none it says so loudly.
//! They promise exact counts, and to wait for what must come instead of hoping that it has.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it is a test"
)]

mod account;
mod alerts;
#[path = "../faults/broken.rs"]
#[expect(dead_code, reason = "here it counts that they are refused, not what is said")]
mod broken;
#[path = "../support/conversation.rs"]
mod conversation;
mod directions;
mod ending;
#[path = "../support/figures.rs"]
mod figures;
mod flood;
mod interfaces;
mod manager;
mod network;
mod page;
#[path = "../support/program.rs"]
mod program;
mod reload;
mod rights;
mod sensor;
mod siege;
mod starved;
mod traffic;
mod usage;
#[path = "../support/wire.rs"]
mod wire;
