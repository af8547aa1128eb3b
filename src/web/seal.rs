//! TLS for the page: our certificate, read again when its files change, so that a renewal needs no start.
//! It is given the files that `[web]` names and wraps connections.
//! It promises that a certificate that cannot be read, or that does not go with its key, leaves the one before in use.

use crate::sinks::tls::TlsFiles;
use rustls::ServerConfig;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Our side of TLS.
pub(super) struct Seal {
    cert_file: PathBuf,
    key_file: PathBuf,
    config: Arc<ServerConfig>,
    changed: [Option<SystemTime>; 2],
    looked: Instant,
}

impl Seal {
    /// Reads the files; `None` where none are named.
    pub(super) fn read(cert_file: &Path, key_file: &Path) -> Result<Option<Self>, String> {
        let files = files(cert_file, key_file);
        if !files.is_named() {
            return Ok(None);
        }
        Ok(Some(Self {
            changed: [cert_file, key_file].map(changed),
            config: Arc::new(files.server_config()?),
            cert_file: cert_file.to_owned(),
            key_file: key_file.to_owned(),
            looked: Instant::now(),
        }))
    }

    /// What a new connection is wrapped with.
    pub(super) fn acceptor(&mut self, now: Instant) -> TlsAcceptor {
        if now.saturating_duration_since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            self.look();
        }
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    fn look(&mut self) {
        let changed = [self.cert_file.as_path(), &self.key_file].map(changed);
        // Of two files that are replaced one after the other, the second may not be there yet: that is tried again.
        if changed != self.changed
            && let Ok(config) = files(&self.cert_file, &self.key_file).server_config()
        {
            self.changed = changed;
            self.config = Arc::new(config);
        }
    }
}

/// The settings as they are named in messages.
pub(super) fn files<'a>(cert_file: &'a Path, key_file: &'a Path) -> TlsFiles<'a> {
    TlsFiles { section: "web", ca_file: Path::new(""), cert_file, key_file }
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|found| found.modified()).ok()
}

#[cfg(test)]
#[allow(
    unreachable_pub,
    clippy::print_stderr,
    reason = "it is written for test crates, and says what was not run"
)]
#[path = "../../tests/support/certificate.rs"]
mod certificate;

#[cfg(test)]
mod tests {
    use super::certificate::certificate;
    use super::*;

    #[test]
    fn a_renewed_certificate_is_taken_within_a_minute_and_half_of_one_never() {
        let folder = tempfile::tempdir().unwrap();
        let renewed = || certificate(folder.path(), "a certificate that is renewed");
        let Some(tls) = renewed() else { return };
        let mut seal = Seal::read(&tls.certificate, &tls.key).unwrap().unwrap();
        let (began, first) = (seal.looked, Arc::clone(&seal.config));
        let mut at = |second| {
            seal.acceptor(began + Duration::from_secs(second));
            Arc::clone(&seal.config)
        };
        let first_key = std::fs::read(&tls.key).unwrap();
        renewed();
        let second_key = std::fs::read(&tls.key).unwrap();
        std::fs::write(&tls.key, first_key).unwrap();
        assert!(Arc::ptr_eq(&at(59), &first), "it is not time");
        assert!(Arc::ptr_eq(&at(60), &first), "the new certificate does not go with the old key");
        std::fs::write(&tls.key, second_key).unwrap();
        assert!(Arc::ptr_eq(&at(119), &first), "it was looked at a moment ago");
        let second = at(120);
        assert!(!Arc::ptr_eq(&second, &first));
        assert!(Arc::ptr_eq(&at(180), &second), "nothing changed since");
        std::fs::write(&tls.certificate, "no certificate").unwrap();
        assert!(Arc::ptr_eq(&at(240), &second));
    }
}
