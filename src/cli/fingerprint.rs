//! `heelguard fingerprint`: how an operator finds the key that an alert names.
//! It is given one secret a line on stdin and prints its fingerprint and class.
//! It promises that a secret is never echoed, whatever it is, and to say so where no record can have its fingerprint.

use super::{ConfigArgs, Failure, print, warn};
use crate::config::{Keys, Raw};
use clap::Args;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, Read as _};
use std::path::Path;
use zeroize::{Zeroize as _, Zeroizing};

/// A longer line is no secret.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Keys and tokens are shorter.
const LINE_BYTES_USUAL: usize = 4 * 1024;

/// Find a secret that an alert names.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  printf 'the-key-you-suspect\\n' | heelguard fingerprint\n  heelguard fingerprint < keys.txt | grep 5b0e4f\n  sudo heelguard fingerprint --set privacy.key_file=/var/lib/heelguard/fingerprint.key"
)]
pub(super) struct Fingerprint {
    #[command(flatten)]
    config: ConfigArgs,

    /// Print the fingerprint under the key before this one too, as a third column
    #[arg(long)]
    previous: bool,
}

/// What is said of a key that was made just now.
fn no_record_has(path: &Path) -> String {
    format!(
        "{} was not there and is a new key: no record has a fingerprint under it; name the sensor's key with \
         `--set privacy.key_file={}/fingerprint.key`, or its --config",
        path.display(),
        Raw::SERVICE_HOME
    )
}

impl Fingerprint {
    pub(super) fn run(self) -> Result<(), Failure> {
        let raw = self.config.load()?;
        let missing = raw.key_path().filter(|path| !path.exists());
        let keys = Keys::load(&raw).map_err(Failure::running)?;
        if let Some(path) = missing.filter(|path| path.exists()) {
            warn(&no_record_has(&path));
        }
        for warning in &keys.warnings {
            warn(warning);
        }
        if self.previous && keys.keyring.ids().nth(1).is_none() {
            return Err(Failure::usage(
                "--previous: there is no key before this one; name its file with privacy.previous_key_file",
            ));
        }
        let mut stdin = io::stdin().lock();
        // Room for any usual line, so that no growing buffer leaves a copy behind; wiped at the end.
        let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_USUAL));
        let mut number = 0_u64;
        loop {
            line.zeroize();
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
            let _ = write!(answer, "{fingerprint}\t{class}");
            if self.previous {
                for older in keys.keyring.generations(secret).skip(1) {
                    let _ = write!(answer, "\t{older}");
                }
            }
            answer.push('\n');
            print(&answer)?;
        }
    }
}
