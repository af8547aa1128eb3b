//! What the integration tests share: crafted packets, conversations, and the program run on them.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

pub mod conversation;
pub mod craft;
pub mod replay;
pub mod secrets;
pub mod sensor;
pub mod story;
