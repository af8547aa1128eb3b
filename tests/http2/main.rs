//! HTTP/2 from bytes: one story for each way traffic goes, or goes wrong, with its nearest innocent beside it.

#![allow(clippy::needless_raw_string_hashes)] // as `expect_test` writes them
#![allow(clippy::format_collect, clippy::format_push_string)] // texts of a test, built where they are read
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]

mod calls;
mod floods;
#[path = "../http1/harness.rs"]
mod harness;
mod idle;
mod losses;
mod messages;
mod peer;
mod properties;
mod streams;
#[path = "../support/mod.rs"]
mod support;
