//! Certificates for tests of TLS, made with the program openssl.
//! It is given a folder and what is tested, and leaves a certificate and its key there, over what was there before.
//! It promises to say loudly what was not run where the program is missing, and to fail where
//! `HEELGUARD_SERVICES=required`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A certificate for 127.0.0.1, signed by itself.
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A new certificate in `folder`; `None` where nobody is there to make one.
pub fn certificate(folder: &Path, test: &str) -> Option<Tls> {
    let tls = Tls { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=A far side of a test"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&tls.key)
        .arg("-out")
        .arg(&tls.certificate)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if made.is_ok_and(|status| status.success()) {
        return Some(tls);
    }
    eprintln!("NOT RUN: {test}; the program openssl is not there to make a certificate");
    assert_ne!(std::env::var("HEELGUARD_SERVICES").as_deref(), Ok("required"));
    None
}
