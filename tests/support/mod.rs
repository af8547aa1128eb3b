//! What the integration tests share: crafted packets and captures.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

pub mod craft;
pub mod story;
