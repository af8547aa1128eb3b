//! How a command fails: the exit code and what is said.
//! It is given errors of the layers below and keeps the distinctions a caller makes: usage, rights or running.
//! It promises one message on stderr, escaped, that begins with the program's name.

use crate::config::ConfigError;
use crate::sinks::escape::for_terminal;
use std::fmt::{self, Display};
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Why a command did not end well.
#[derive(Debug)]
pub enum Failure {
    /// Wrong usage or configuration: code 2.
    Usage(String),
    /// Failed while running: code 1.
    Running(String),
    /// The system does not let it begin, or not as it was told to: code 77, `EX_NOPERM` of sysexits.
    Rights(String),
    /// `--fail-on` was asked for and happened: code 4. Said by the alerts themselves.
    AlertRaised,
}

impl Failure {
    pub(super) fn usage(message: impl Display) -> Self {
        Self::Usage(message.to_string())
    }

    pub(super) fn running(message: impl Display) -> Self {
        Self::Running(message.to_string())
    }

    /// Says what is to be said and gives the code.
    pub fn report(self) -> ExitCode {
        let (message, code) = match self {
            Self::Usage(message) => (message, 2),
            Self::Running(message) => (message, 1),
            Self::Rights(message) => (message, 77),
            Self::AlertRaised => return ExitCode::from(4),
        };
        let mut stderr = io::stderr().lock();
        for (number, line) in message.lines().enumerate() {
            let start = if number == 0 { "heelguard: " } else { "" };
            let _ = writeln!(stderr, "{start}{}", for_terminal(&without_numbers(line)));
        }
        ExitCode::from(code)
    }
}

/// A message without the numbers that Rust puts behind the system's words: `(os error 2)` tells nobody more.
pub(super) fn without_numbers(message: &str) -> String {
    let mut rest = message;
    let mut told = String::with_capacity(message.len());
    while let Some((before, after)) = rest.split_once(" (os error ") {
        told.push_str(before);
        match after.split_once(')') {
            Some((number, behind)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest = behind,
            _ => {
                told.push_str(" (os error ");
                rest = after;
            }
        }
    }
    told.push_str(rest);
    told
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Running(message) | Self::Rights(message) => f.write_str(message),
            Self::AlertRaised => f.write_str("an alert was raised"),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}

#[cfg(test)]
mod tests {
    use super::without_numbers;

    #[test]
    fn a_system_error_is_told_in_words() {
        assert_eq!(without_numbers("a: No such file (os error 2)"), "a: No such file");
        assert_eq!(without_numbers("a (os error 2); b (os error 13)!"), "a; b!");
        for whole in ["", "nothing", "a (os error", "a (os error x) b", "(os error 2)"] {
            assert_eq!(without_numbers(whole), whole);
        }
    }
}
