//! HTTP/1 from bytes: one story for each way traffic goes wrong, with its nearest innocent beside it.

#![allow(clippy::needless_raw_string_hashes)] // as `expect_test` writes them
#![allow(clippy::format_collect, clippy::format_push_string)] // texts of a test, built where they are read

mod bodies;
mod gaps;
mod harness;
mod messages;
mod preambles;
mod properties;
mod smuggling;
