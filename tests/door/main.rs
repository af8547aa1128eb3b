//! The door of a running sensor, from outside: what a visitor may ask, what a neighbour on its machine may read, and what
//! anything that it lets out tells.
//! The sensor is the built program on a capture.
//! They promise that every answer is graded, whatever was asked.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it is a test"
)]

#[path = "../support/mod.rs"]
mod support;

mod matrix;
mod neighbours;
mod oddities;
mod running;
mod sweep;
mod visit;
mod words;
