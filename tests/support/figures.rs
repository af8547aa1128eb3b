//! What a proof measured, for the table of docs/hardening.md.
//! A test gives the figure's number, what it looked at, what it got and whether that is what was promised.
//! It promises that the line is written where `make harden` gathers them, and shown otherwise; it judges nothing: a test
//! asserts its promise itself.

#![allow(clippy::print_stdout, reason = "a test says what it found")]

use serde_json::json;
use std::io::Write as _;

/// Whether the long form of a proof is wanted: `make harden` asks for it, `make test` for the quick one.
pub fn long() -> bool {
    std::env::var_os("HEELGUARD_HARDEN").is_some_and(|value| value == "long")
}

/// One of two sizes of a proof.
pub fn sized<T>(quick: T, of_long: T) -> T {
    if long() { of_long } else { quick }
}

/// Tells what was measured of a promise: `figure("F5", "peak memory, every flood at once", "612 MiB", reached)`.
pub fn figure(promise: &str, what: &str, measured: &str, reached: bool) {
    println!("{promise} {what}: {measured}{}", if reached { "" } else { " (missed)" });
    let Some(path) = std::env::var_os("HEELGUARD_FIGURES") else { return };
    let line =
        json!({ "promise": promise, "what": what, "measured": measured, "reached": reached, "long": long() });
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(path).expect("the file of figures opens");
    // One write: tests of several processes append to it.
    file.write_all(format!("{line}\n").as_bytes()).expect("the figure is written");
}
