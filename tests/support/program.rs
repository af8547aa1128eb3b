//! Which program is tested: that of this build, or the one that is delivered.
//! `make harden` names the latter in `HEELGUARD_PROGRAM`; a test that measures asks here instead of taking its own build.

use std::path::PathBuf;

pub fn program() -> PathBuf {
    std::env::var_os("HEELGUARD_PROGRAM")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_heelguard")), PathBuf::from)
}
