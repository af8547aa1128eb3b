//! What the integration tests share: crafted packets, conversations, stories told to a flow table, and the sensor
//! run on captures, inside the test's process or as the program.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test stops where it fails")]

pub mod conversation;
pub mod craft;
pub mod figures;
pub mod program;
pub mod realauth;
pub mod replay;
pub mod secrets;
pub mod sensor;
pub mod story;
