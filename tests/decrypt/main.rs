//! Decryption against other people's TLS: connections made here by OpenSSL, and captures with their secrets.
//! Each connection's records go through a `Decryptor` as they went over the wire; what comes out is compared with what
//! was said.

#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]
#![allow(clippy::disallowed_types, reason = "a test looks at what a thread did")]

#[path = "../support/mod.rs"]
mod support;

mod captures;
mod files;
mod hello;
mod openssl;
mod reader;
mod suites;
mod turns;
