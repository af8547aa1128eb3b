//! Why a broker's certificate is not taken: librdkafka says that it is not, and no more.
//! It is given a broker that librdkafka has just turned away, and shakes hands with it once more.
//! It promises to be asked only then, to end in seconds, and to say nothing rather than guess.

use super::super::tls::TlsFiles;
use super::config::Config;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConnection};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

/// How long a broker that has just spoken to us is waited for.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// What is wrong with the certificate of `peer` (`host:port`), and what to do.
pub(super) fn certificate_fault(config: &Config, section: &str, peer: &str) -> Option<String> {
    let error = handshake(config, section, peer)?;
    let rustls::Error::InvalidCertificate(fault) = error else { return None };
    Some(match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; renew it there".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; look at the clock here and there".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("its certificate is for another name; correct {section}.brokers or the certificate")
        }
        CertificateError::UnknownIssuer => {
            format!("its certificate is from an authority that is not known; look at {section}.ca_file")
        }
        other => format!("its certificate is not valid: {other}"),
    })
}

/// How the handshake fails, if it does.
fn handshake(config: &Config, section: &str, peer: &str) -> Option<rustls::Error> {
    let Config { ca_file, cert_file, key_file, .. } = config;
    let files = TlsFiles { section, ca_file, cert_file, key_file };
    let (host, _) = peer.rsplit_once(':')?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok()?;
    let mut connection = ClientConnection::new(Arc::new(files.client_config().ok()?), name).ok()?;
    let mut stream = TcpStream::connect_timeout(&peer.to_socket_addrs().ok()?.next()?, ANSWER_TIME).ok()?;
    stream.set_read_timeout(Some(ANSWER_TIME)).ok()?;
    stream.set_write_timeout(Some(ANSWER_TIME)).ok()?;
    let error = connection.complete_io(&mut stream).err()?;
    error.into_inner()?.downcast().ok().map(|error| *error)
}
