//! TLS in records: the handshake that covered a transaction, and `heelguard.tls/1`, one connection that was not read.
//! It is given the vocabulary's types and borrows from them.
//! It promises nulls for what was not seen, so every record has the same keys.

use super::community_id::Carrier;
use super::request::ClientPart;
use super::transaction::{Anomalies, FlowPart};
use super::{Hex, Shown, Uuid};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::{Certificate, CipherSuite, Ja4, Tls, TlsConnection, TlsVersion, Transport};
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// The handshake that covered a transaction.
#[derive(Serialize)]
pub(super) struct TlsPart<'a> {
    version: Option<Shown<TlsVersion>>,
    cipher: Option<Shown<CipherSuite>>,
    sni: Option<&'a str>,
    alpn: Option<&'a str>,
    ja4: Option<Shown<Ja4>>,
    decrypted: bool,
    client_cert: Option<Hex>,
}

impl<'a> TlsPart<'a> {
    pub(super) fn new(tls: &'a Tls) -> Self {
        let certificate = tls.client_certificate.as_deref();
        Self {
            version: tls.version.map(Shown),
            cipher: tls.cipher.map(Shown),
            sni: tls.sni.as_deref(),
            alpn: tls.alpn.as_deref(),
            ja4: tls.ja4.map(Shown),
            decrypted: true,
            client_cert: certificate.and_then(|certificate| certificate.fingerprint).map(Hex::of),
        }
    }
}

/// A connection that was not read, as it is written.
#[derive(Serialize)]
pub struct TlsRecord<'a> {
    schema: &'static str,
    id: Uuid,
    time: Shown<EventTime>,
    end: Shown<EventTime>,
    flow: FlowPart<'a>,
    transport: &'static str,
    version: Option<Shown<TlsVersion>>,
    cipher: Option<Shown<CipherSuite>>,
    sni: Option<&'a str>,
    ech: bool,
    alpn: Option<&'a str>,
    offered_alpn: &'a [Arc<str>],
    ja4: Option<Shown<Ja4>>,
    ja4_stable: Option<Shown<Ja4>>,
    decrypted: bool,
    resumed: Option<bool>,
    certificate: Option<ServerPart<'a>>,
    client_cert_requested: bool,
    client_cert: Option<ClientCertificatePart<'a>>,
    client: ClientPart<'a>,
    bytes: BytesPart,
    completeness: &'static str,
    anomalies: Anomalies,
}

impl<'a> TlsRecord<'a> {
    /// The name of this form.
    pub const SCHEMA: &'static str = "heelguard.tls/1";

    /// The record of `connection`.
    pub fn new(connection: &'a TlsConnection) -> Self {
        let TlsConnection { tls, bytes: [client, server], .. } = connection;
        let carrier = match connection.transport {
            Transport::Tcp => Carrier::Tcp,
            Transport::Quic => Carrier::Udp,
        };
        Self {
            schema: Self::SCHEMA,
            id: Uuid(connection.id.0),
            time: Shown(connection.time),
            end: Shown(connection.end),
            flow: FlowPart::over(carrier, &connection.flow),
            transport: connection.transport.name(),
            version: tls.version.map(Shown),
            cipher: tls.cipher.map(Shown),
            sni: tls.sni.as_deref(),
            ech: connection.hides_name,
            alpn: tls.alpn.as_deref(),
            offered_alpn: &connection.offered,
            ja4: tls.ja4.map(Shown),
            ja4_stable: tls.ja4_stable.map(Shown),
            decrypted: false,
            resumed: connection.is_resumed,
            certificate: connection.server_certificate.as_deref().map(ServerPart::new),
            client_cert_requested: connection.asks_certificate,
            client_cert: tls.client_certificate.as_deref().map(ClientCertificatePart::new),
            client: ClientPart::new(&connection.client),
            bytes: BytesPart { client: *client, server: *server },
            completeness: connection.completeness.name(),
            anomalies: Anomalies(connection.anomalies),
        }
    }
}

#[derive(Serialize)]
struct BytesPart {
    client: u64,
    server: u64,
}

#[derive(Serialize)]
struct ServerPart<'a> {
    subject: Option<&'a str>,
    names: &'a [Arc<str>],
    issuer: Option<&'a str>,
    not_before: Option<Shown<EventTime>>,
    not_after: Option<Shown<EventTime>>,
    self_signed: bool,
    sha256: Option<Digest<'a>>,
    key_sha256: Option<Digest<'a>>,
}

impl<'a> ServerPart<'a> {
    fn new(certificate: &'a Certificate) -> Self {
        Self {
            subject: certificate.subject.as_deref(),
            names: &certificate.names,
            issuer: certificate.issuer.as_deref(),
            not_before: certificate.validity.and_then(|(since, _)| moment(since)),
            not_after: certificate.validity.and_then(|(_, until)| moment(until)),
            self_signed: certificate.is_self_signed,
            sha256: certificate.sha256.as_ref().map(Digest),
            key_sha256: certificate.key_sha256.as_ref().map(Digest),
        }
    }
}

/// A client's certificate is its credential: by fingerprint, as in transactions. Its public key is none.
#[derive(Serialize)]
struct ClientCertificatePart<'a> {
    subject: Option<&'a str>,
    issuer: Option<&'a str>,
    not_before: Option<Shown<EventTime>>,
    not_after: Option<Shown<EventTime>>,
    self_signed: bool,
    fingerprint: Option<Hex>,
    key_sha256: Option<Digest<'a>>,
}

impl<'a> ClientCertificatePart<'a> {
    fn new(certificate: &'a Certificate) -> Self {
        Self {
            subject: certificate.subject.as_deref(),
            issuer: certificate.issuer.as_deref(),
            not_before: certificate.validity.and_then(|(since, _)| moment(since)),
            not_after: certificate.validity.and_then(|(_, until)| moment(until)),
            self_signed: certificate.is_self_signed,
            fingerprint: certificate.fingerprint.map(Hex::of),
            key_sha256: certificate.key_sha256.as_ref().map(Digest),
        }
    }
}

/// A second since 1970. One that no packet can have is left out: `9999-12-31` says that there is no end.
fn moment(seconds: i64) -> Option<Shown<EventTime>> {
    let seconds =
        u64::try_from(seconds).ok().filter(|seconds| seconds.checked_mul(1_000_000_000).is_some())?;
    Some(Shown(EventTime::from_secs(seconds)))
}

/// 32 bytes as 64 hex digits.
struct Digest<'a>(&'a [u8; 32]);

impl fmt::Display for Digest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Digest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
