//! Floods of everything that the wire can fill, each alone and all at once, with honest clients and slow attackers in them.
//! A story is generated while it is read: packets go through a pipe into the built program, and nothing is stored.
//! They promise what RELIABILITY says of exhaustion: memory below its bar, every honest request told once with its own
//! credential, every slow attacker told, and accounts that add up. The quick form divides figures, limits and the memory
//! beyond an idle sensor's by the same number; the long form is the built-in configuration against the whole figures.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops where it fails, and shows figures"
)]

mod attackers;
mod floods;
mod honest;
mod packet;
mod proof;
mod requests;
mod room;
mod run;
mod story;
#[path = "../support/mod.rs"]
mod support;
#[path = "../bench/live/used.rs"]
#[expect(dead_code, reason = "of memory the peak alone is asked for")]
mod used;
