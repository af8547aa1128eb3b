//! TLS from outside: what is told of connections that cannot be read, on made, foreign and real captures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops"
)]

mod certificates;
mod corpus;
mod hostile;
mod initial;
#[path = "../cli/json_schema.rs"]
mod json_schema;
mod quic;
mod realauth;
#[path = "../support/mod.rs"]
mod support;
mod wire;
