//! A wall clock that is wrong, for the program alone.
//! It is given a folder for its library, and a command to lie to.
//! It promises that the lie is believed: another program was asked.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that lies.
pub struct Clock(PathBuf);

impl Clock {
    pub fn new(folder: &Path) -> Self {
        let library = folder.join("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
        let compiled = Command::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status();
        assert!(compiled.expect("there is a C compiler").success());
        let clock = Self(library);
        let mut date = Command::new("date");
        clock.off(date.arg("+%Y"), 4_000_000_000, false);
        let year: i32 = String::from_utf8(date.output().unwrap().stdout).unwrap().trim().parse().unwrap();
        assert!(year > 2140, "{year}");
        clock
    }

    /// So many seconds off; there and back again where it jumps.
    pub fn off(&self, command: &mut Command, seconds: i64, jumps: bool) {
        command.env("LD_PRELOAD", &self.0).env("HEELGUARD_CLOCK_SHIFT_S", seconds.to_string());
        if jumps {
            command.env("HEELGUARD_CLOCK_JUMPS", "1");
        }
    }
}
