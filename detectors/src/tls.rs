//! TLS as a sensor sees it from outside: what the hellos say, and whose certificates were shown.
//! The sensor fills it in, of connections that were read and of those that were not; rules and records read it.
//! It promises names that may be written, and of a client's certificate its fingerprint.

mod suites;

use crate::anomaly::AnomalySet;
use crate::identity::{Fingerprint, named};
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Client, Completeness, Flow, TransactionId};
use std::fmt;
use std::sync::Arc;

/// What the handshake of a connection says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The version spoken; the highest one offered where no answer was seen.
    pub version: Option<TlsVersion>,
    /// The cipher suite used.
    pub cipher: Option<CipherSuite>,
    /// The server's name as the client says it, escaped.
    pub sni: Option<Arc<str>>,
    /// The protocol spoken inside, where that could be seen.
    pub alpn: Option<Arc<str>>,
    /// The client by what it offers.
    pub ja4: Option<Ja4>,
    /// The same without what depends on an earlier session.
    pub ja4_stable: Option<Ja4>,
    /// The client's certificate.
    pub client_certificate: Option<Arc<Certificate>>,
}

saved!(Tls { version, cipher, sni, alpn, ja4, ja4_stable, client_certificate });

/// A version by its two bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsVersion(pub u16);

saved!(TlsVersion { 0 });

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0002 => f.write_str("SSL 2"),
            0x0300 => f.write_str("SSL 3"),
            number @ 0x0301..=0x0304 => write!(f, "TLS 1.{}", number - 0x0301),
            // Drafts of TLS 1.3 up to its end.
            number @ 0x7F00..=0x7F1C => write!(f, "TLS 1.3 draft {}", number & 0xFF),
            number => write!(f, "0x{number:04x}"),
        }
    }
}

/// A cipher suite by its two bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CipherSuite(pub u16);

saved!(CipherSuite { 0 });

impl CipherSuite {
    /// Whether the server's lasting key opens what was recorded; an unknown suite is given the benefit of the doubt.
    pub fn lacks_forward_secrecy(self) -> bool {
        let exchange = suites::name(self.0).and_then(|name| name.strip_prefix("TLS_")?.split_once("_WITH_"));
        let lasting = ["NULL", "RSA", "PSK", "KRB5", "DH_RSA", "DH_DSS", "ECDH_RSA", "ECDH_ECDSA"];
        exchange.is_some_and(|(exchange, _)| lasting.iter().any(|name| exchange.starts_with(name)))
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match suites::name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}

/// A JA4: 36 letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ja4(pub [u8; 36]);

saved!(Ja4 { 0 });

impl Ja4 {
    /// Its text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is given out to, where that may be written.
    pub subject: Option<Arc<str>>,
    /// Hosts, addresses, mailboxes and URIs that it is good for, the first of them.
    pub names: Vec<Arc<str>>,
    /// Who gave it out.
    pub issuer: Option<Arc<str>>,
    /// Since when and until when it is valid, in seconds since 1970.
    pub validity: Option<(i64, i64)>,
    /// Issuer and subject are one and the same name.
    pub is_self_signed: bool,
    /// SHA-256 of its public key with the algorithm.
    pub key_sha256: Option<[u8; 32]>,
    /// SHA-256 of the whole of it, where it is a server's.
    pub sha256: Option<[u8; 32]>,
    /// The fingerprint of the credential that it is, where it is a client's.
    pub fingerprint: Option<Fingerprint>,
}

saved!(Certificate { subject, names, issuer, validity, is_self_signed, key_sha256, sha256, fingerprint });

named! {
    /// What TLS came over.
    Transport {
        /// TCP.
        Tcp => "tcp",
        /// QUIC, over UDP.
        Quic => "quic",
    }
}

/// A connection of which nothing inside could be read.
#[derive(Clone, Debug)]
pub struct TlsConnection {
    /// Deterministic id, never that of a transaction.
    pub id: TransactionId,
    /// Its first byte.
    pub time: EventTime,
    /// When it was over, or given up.
    pub end: EventTime,
    /// The connection.
    pub flow: Flow,
    /// What it came over.
    pub transport: Transport,
    /// Where the client is.
    pub client: Client,
    /// What the handshake says.
    pub tls: Tls,
    /// The protocols that the client would speak inside.
    pub offered: Vec<Arc<str>>,
    /// The server's name may be that of a front: the one that is meant may be encrypted.
    pub hides_name: bool,
    /// Whether an earlier session goes on, where that could be told.
    pub is_resumed: Option<bool>,
    /// The server's certificate.
    pub server_certificate: Option<Arc<Certificate>>,
    /// The server asked for a certificate.
    pub asks_certificate: bool,
    /// Bytes of the client and of the server.
    pub bytes: [u64; 2],
    /// Both hellos (`whole`), one of them, or one with holes (`gap`).
    pub completeness: Completeness,
    /// What was odd.
    pub anomalies: AnomalySet,
}

saved!(TlsConnection {
    id,
    time,
    end,
    flow,
    transport,
    client,
    tls,
    offered,
    hides_name,
    is_resumed,
    server_certificate,
    asks_certificate,
    bytes,
    completeness,
    anomalies
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names_and_unknown_ones_stay_numbers() {
        let versions =
            [0x0002, 0x0300, 0x0301, 0x0303, 0x0304, 0x7F1C, 0x0305].map(|v| TlsVersion(v).to_string());
        assert_eq!(
            versions,
            ["SSL 2", "SSL 3", "TLS 1.0", "TLS 1.2", "TLS 1.3", "TLS 1.3 draft 28", "0x0305"]
        );
        assert_eq!(CipherSuite(0x1301).to_string(), "TLS_AES_128_GCM_SHA256");
        assert_eq!(CipherSuite(0xC02F).to_string(), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        assert_eq!(CipherSuite(0x00FE).to_string(), "0x00fe");
    }

    #[test]
    fn an_ephemeral_exchange_keeps_what_was_recorded() {
        let lacking = [0x0005, 0x002F, 0x009C, 0x0030, 0xC004, 0xC00E, 0x008C, 0x001F, 0x0003];
        let keeping = [0x1301, 0xC02F, 0x009E, 0xC013, 0x0033, 0x0034, 0xCCA8, 0x00AA, 0x00FE];
        assert!(lacking.iter().all(|&suite| CipherSuite(suite).lacks_forward_secrecy()));
        assert!(!keeping.iter().any(|&suite| CipherSuite(suite).lacks_forward_secrecy()));
    }
}
