//! The sinks against the real services they are written for, started for the tests and ended with them.
//! Without the services these tests say loudly what was not run, and fail where `HEELGUARD_SERVICES=required`.
//! What only needs a stand-in is tested beside the code.

#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "it is a test"
)]

#[path = "../support/certificate.rs"]
mod certificate;
#[path = "../support/conversation.rs"]
mod conversation;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/services.rs"]
mod services;

mod clickhouse;
mod faults;
mod kafka;
mod locked;
mod smoke;
mod webhook;
