//! `heelguard fingerprint`: how an operator finds the key that an alert names.
//! It is given one secret a line on stdin and prints its fingerprint and class.
//! It promises that a secret is never echoed, whatever it is.

use super::{ConfigArgs, Failure, print, warn};
use crate::config::Keys;
use clap::Args;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, Read as _};

/// A longer line is no secret.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Find a secret that an alert names.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  printf 'the-key-you-suspect\\n' | heelguard fingerprint\n  heelguard fingerprint < keys.txt | grep 5b0e4f"
)]
pub(super) struct Fingerprint {
    #[command(flatten)]
    config: ConfigArgs,
}

impl Fingerprint {
    pub(super) fn run(self) -> Result<(), Failure> {
        let keys = Keys::load(&self.config.load()?).map_err(Failure::running)?;
        if let Some(warning) = &keys.warning {
            warn(warning);
        }
        let mut stdin = io::stdin().lock();
        let mut line = Vec::new();
        let mut number = 0_u64;
        loop {
            line.clear();
            number += 1;
            let read = stdin
                .by_ref()
                .take(LINE_BYTES_MAX + 1)
                .read_until(b'\n', &mut line)
                .map_err(|error| Failure::running(format!("cannot read standard input: {error}")))?;
            if read == 0 {
                return Ok(());
            }
            if read as u64 > LINE_BYTES_MAX {
                return Err(Failure::running(format!("line {number} is longer than {LINE_BYTES_MAX} bytes")));
            }
            let secret = line.strip_suffix(b"\n").unwrap_or(&line);
            let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
            if secret.is_empty() {
                continue;
            }
            let (fingerprint, class) = keys.keyring.fingerprint(secret);
            let mut answer = String::new();
            // Writing to a String cannot fail.
            let _ = writeln!(answer, "{fingerprint}\t{class}");
            print(&answer)?;
        }
    }
}
