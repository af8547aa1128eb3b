//! Who the far sides must prove to be, and how we prove who we are: to sinks, and to those who ask for the page.
//! It is given the files that a section's settings name, and gives what rustls and the HTTP client need.
//! It promises that certificates are always checked, and that a file that does not fit is named with its setting.

use crate::files;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;

/// Authorities of a whole system are a quarter of that.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// The files of one section; an empty path means: not set.
#[derive(Clone, Copy, Debug)]
pub struct TlsFiles<'a> {
    /// The section, `sinks.kafka`, for messages.
    pub section: &'a str,
    /// Authorities to trust (PEM), in place of the system's.
    pub ca_file: &'a Path,
    /// Our certificate with its chain (PEM), for far sides that ask who we are.
    pub cert_file: &'a Path,
    /// The key to it (PEM).
    pub key_file: &'a Path,
}

impl TlsFiles<'_> {
    /// Whether the settings fit together; reads no file.
    pub fn check(&self) -> Result<(), String> {
        let section = self.section;
        match (is_set(self.cert_file), is_set(self.key_file)) {
            (true, false) => {
                Err(format!("{section}.cert_file is set without {section}.key_file; set both or none"))
            }
            (false, true) => {
                Err(format!("{section}.key_file is set without {section}.cert_file; set both or none"))
            }
            _ => Ok(()),
        }
    }

    /// Whether we have a certificate to show.
    pub fn is_named(&self) -> bool {
        is_set(self.cert_file)
    }

    /// Reads our certificate and its key, for those who ask us.
    pub fn server_config(&self) -> Result<ServerConfig, String> {
        self.check()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("{}: TLS: {error}", self.section))?;
        let (chain, key) = self.own()?;
        builder.with_no_client_auth().with_single_cert(chain, key).map_err(|error| self.no_pair(&error))
    }

    /// Reads the files.
    pub fn client_config(&self) -> Result<ClientConfig, String> {
        self.check()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("{}: TLS: {error}", self.section))?
            .with_root_certificates(self.roots()?);
        if !is_set(self.cert_file) {
            return Ok(builder.with_no_client_auth());
        }
        let (chain, key) = self.own()?;
        builder.with_client_auth_cert(chain, key).map_err(|error| self.no_pair(&error))
    }

    /// Our certificate with its chain, and its key.
    fn own(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let chain = self.certificates("cert_file", self.cert_file)?;
        let key = files::read_secret(self.key_file, FILE_BYTES_MAX)
            .map_err(|error| self.misfit("key_file", self.key_file, &error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|error| self.misfit("key_file", self.key_file, &pem_text(&error, "private key")))?;
        Ok((chain, key))
    }

    fn no_pair(&self, error: &rustls::Error) -> String {
        self.misfit("key_file", self.key_file, &format!("does not go with cert_file: {error}"))
    }

    /// The named authorities alone, or the system's. None at all is no fault here: plain HTTP needs none.
    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        if !is_set(self.ca_file) {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        }
        for certificate in self.certificates("ca_file", self.ca_file)? {
            roots
                .add(certificate)
                .map_err(|error| self.misfit("ca_file", self.ca_file, &error.to_string()))?;
        }
        Ok(roots)
    }

    fn certificates(&self, key: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
        let misfit = |error: pem::Error| self.misfit(key, file, &pem_text(&error, "certificate"));
        let text =
            files::read(file, FILE_BYTES_MAX).map_err(|error| self.misfit(key, file, &error.to_string()))?;
        let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>().map_err(misfit)?;
        if found.is_empty() {
            return Err(self.misfit(key, file, "holds no certificate in PEM form"));
        }
        Ok(found)
    }

    fn misfit(&self, key: &str, file: &Path, why: &str) -> String {
        format!("{}.{key} {}: {why}", self.section, file.display())
    }
}

fn is_set(file: &Path) -> bool {
    !file.as_os_str().is_empty()
}

fn pem_text(error: &pem::Error, wanted: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("holds no {wanted} in PEM form"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSET: &str = "";

    fn read(ca: &str, cert: &str, key: &str) -> Result<(), String> {
        let [ca_file, cert_file, key_file] = [ca, cert, key].map(Path::new);
        let files = TlsFiles { section: "sinks.pager", ca_file, cert_file, key_file };
        files.client_config().map(|_| ())
    }

    #[test]
    fn without_files_the_systems_authorities_are_trusted() {
        assert_eq!(read(UNSET, UNSET, UNSET), Ok(()));
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        let alone = read(UNSET, "our.pem", UNSET).unwrap_err();
        assert_eq!(alone, "sinks.pager.cert_file is set without sinks.pager.key_file; set both or none");
        let alone = read(UNSET, UNSET, "our.key").unwrap_err();
        assert_eq!(alone, "sinks.pager.key_file is set without sinks.pager.cert_file; set both or none");
    }

    #[test]
    fn a_file_that_does_not_fit_is_named_with_its_setting() {
        let missing = read("/nowhere/ca.pem", UNSET, UNSET).unwrap_err();
        assert!(missing.starts_with("sinks.pager.ca_file /nowhere/ca.pem: No such file"), "{missing}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "no certificate at all\n").unwrap();
        let empty = read(file.to_str().unwrap(), UNSET, UNSET).unwrap_err();
        assert!(empty.ends_with("ca.pem: holds no certificate in PEM form"), "{empty}");
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        let broken = read(file.to_str().unwrap(), UNSET, UNSET).unwrap_err();
        assert!(broken.starts_with("sinks.pager.ca_file /") && broken.contains("certificate"), "{broken}");
    }
}
