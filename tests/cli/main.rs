//! The program from outside: exit codes, messages, outputs, as the contract promises them.
//! Each test gets a folder of its own, runs the built program in it and looks at what it left.
//! Captures are conversations written as text.

#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[allow(clippy::print_stderr, reason = "it says what was not run")]
#[path = "../support/certificate.rs"]
mod certificate;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod config;
#[cfg(target_os = "linux")]
mod doctor;
mod inventory;
mod json_schema;
mod keylog;
mod mistakes;
mod records;
mod replay;
mod report;
mod sealed;
mod sinks;
#[cfg(target_os = "linux")]
mod user;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with state of its own, in which the program runs.
struct Bench {
    folder: tempfile::TempDir,
}

/// How one run ended.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The capture of three wrong codes after a right password.
    fn capture(&self, name: &str) -> PathBuf {
        self.write(
            name,
            support::conversation::pcap(include_str!("../cases/mfa-three-wrong-codes/traffic.txt")),
        )
    }

    /// The program, in this folder, without what the tester's own environment says.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
        command.current_dir(self.folder.path());
        command.env("XDG_STATE_HOME", self.path("state")).env_remove("HEELGUARD_LOG").env_remove("NO_COLOR");
        command
    }

    fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Run {
        self.run_with_input(arguments, b"")
    }

    fn run_with_input<A: AsRef<OsStr>>(&self, arguments: &[A], input: &[u8]) -> Run {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input closes it; that is no fault of the test.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// The code is this, and everything was said on stderr.
    #[track_caller]
    fn fails_with(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "stdout {}\nstderr {}", self.out, self.err);
        assert_eq!(self.out, "", "stdout carries records only");
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in: {}", self.err);
        }
    }

    #[track_caller]
    fn succeeds(&self) -> &Self {
        assert_eq!(self.code, Some(0), "stdout {}\nstderr {}", self.out, self.err);
        self
    }
}

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
