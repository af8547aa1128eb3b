//! The fuzz targets with a stable compiler, in `make test`: each answers its corpus, the inputs that were faults once,
//! and mutations of both. `make fuzz` runs the same functions under libFuzzer, which finds new inputs.
//! They promise that no input panics, breaks a promise of its parser, or takes a second of a processor.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "it is a test"
)]
#![allow(dead_code, unreachable_pub, reason = "targets use their own part of what tests share")]

mod corpus;
mod mutation;
mod replay;
mod support;
mod targets;
