//! One target under libFuzzer: the program's name says which.
#![no_main]

use heelguard_fuzz::targets::{TARGETS, Target};
use std::sync::LazyLock;

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let named = TARGETS.iter().find(|target| target.name == env!("CARGO_BIN_NAME"));
    named.expect("every program is named for a target")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
