//! Fuzz targets of the sensor, for libFuzzer: one program each, all of `bins/one.rs`.
//! The same targets are replayed by `tests/fuzz/main.rs` with a stable compiler.

#![allow(dead_code, unused_imports, reason = "targets use their own part of what tests share")]

mod support;
pub mod targets;
