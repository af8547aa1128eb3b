//! What the integration tests share: crafted packets and captures, and stories told to a flow table.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses its own part of this")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

pub mod craft;
pub mod story;
