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
const LOOK_EVERY: Duration = Duration::from_secs(60);

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
    pub(super) fn acceptor(&mut self) -> TlsAcceptor {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
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
