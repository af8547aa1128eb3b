//! What is written down of a handshake: of connections that were read, and of those that were not.
//! It is given names as they crossed the wire and masks in them what says that it is a key or token.
//! It promises that a client's certificate has one fingerprint, whether a proxy or the handshake showed it.

use super::Extractor;
use super::provisional::id_of_connection;
use super::record::HOST_BYTES_MAX;
use crate::identity::client_ip::Forwarding;
use crate::identity::credential::{OwnCertificate, Presented, hex};
use crate::identity::device::Hash;
use crate::identity::secret::Secret;
use crate::identity::text::{self, MASK};
use crate::tls::{self, Facts, Seen};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::tls::{Certificate, CipherSuite, Ja4, Tls, TlsConnection, TlsVersion, Transport};
use heelguard_detectors::transaction::{Device, Flow};
use std::net::SocketAddr;
use std::sync::Arc;

/// Protocols have short names.
const PROTOCOL_BYTES_MAX: usize = 32;

impl Extractor {
    /// Tells of a connection of which nothing inside was read.
    pub fn connection(&mut self, seen: &Seen) -> TlsConnection {
        let nothing = Presented::default();
        let told = Forwarding::default().client(seen.client.ip, seen.proxied_for, &self.settings.trusted);
        let mut anomalies = seen.anomalies;
        if told.false_preamble {
            anomalies.insert(Anomaly::HttpProxyPreamble);
            self.counters.count(Anomaly::HttpProxyPreamble);
        }
        self.hidden_names.clear();
        TlsConnection {
            id: id_of_connection(seen),
            time: seen.time,
            end: seen.end,
            flow: Flow {
                src: SocketAddr::new(seen.client.ip, seen.client.port),
                dst: SocketAddr::new(seen.server.ip, seen.server.port),
                vlan: seen.vlans.as_slice().to_vec(),
                tunnel: seen.tunnel.name(),
                vni: seen.tunnel.number(),
                tls: true,
            },
            transport: match seen.transport {
                tls::Transport::Tcp => Transport::Tcp,
                tls::Transport::Quic => Transport::Quic,
            },
            client: self.client(&told),
            tls: self.tls(&seen.facts, &nothing),
            offered: seen.facts.offered.iter().map(|name| self.protocol(name, &nothing)).collect(),
            hides_name: seen.facts.hides_name,
            is_resumed: seen.facts.is_resumed,
            server_certificate: seen.facts.server_certificate.as_deref().map(|certificate| {
                let subject = certificate.subject.as_deref().map(|name| self.host_name(name, &nothing));
                let names = certificate.names.iter().map(|name| self.host_name(name, &nothing)).collect();
                let sha256 = Some(certificate.sha256);
                Arc::new(Certificate { subject, names, sha256, ..self.certificate(certificate, &nothing) })
            }),
            asks_certificate: seen.facts.asks_certificate,
            bytes: seen.bytes,
            completeness: seen.completeness,
            anomalies,
        }
    }

    /// What a handshake says, as it may be written beside what was `presented`.
    pub(super) fn tls(&mut self, facts: &Facts, presented: &Presented<'_>) -> Tls {
        let [ja4, ja4_stable] = facts.ja4.map_or([None; 2], |names| names.map(|name| Some(Ja4(name))));
        Tls {
            version: facts.version.map(TlsVersion),
            cipher: facts.cipher.map(CipherSuite),
            sni: facts.sni.as_deref().map(|name| self.host_name(name, presented)),
            alpn: facts.alpn.as_deref().map(|name| self.protocol(name, presented)),
            ja4,
            ja4_stable,
            client_certificate: facts.client_certificate.as_deref().map(|certificate| {
                let identity = Secret::new(hex(&certificate.sha256));
                let known = self.memory.know(&identity, &self.settings.keyring, None);
                let subject = certificate.subject.as_deref().and_then(text::name);
                let subject = subject.map(|name| self.settings.name(name));
                let fingerprint = Some(known.fingerprint);
                Arc::new(Certificate { subject, fingerprint, ..self.certificate(certificate, presented) })
            }),
        }
    }

    /// What a certificate says in any case.
    fn certificate(&mut self, certificate: &tls::Certificate, presented: &Presented<'_>) -> Certificate {
        Certificate {
            subject: None,
            names: Vec::new(),
            issuer: certificate.issuer.as_deref().map(|name| self.recorded(name, HOST_BYTES_MAX, presented)),
            validity: certificate.validity,
            is_self_signed: certificate.is_self_signed,
            key_sha256: certificate.key_sha256,
            sha256: None,
            fingerprint: None,
        }
    }

    /// A server's name, lower case; one of which a label is or holds a secret is masked.
    fn host_name(&mut self, name: &[u8], presented: &Presented<'_>) -> Arc<str> {
        if self.texts.looks(name).secret_label || presented.is_within_any_case(name) {
            return MASK.into();
        }
        self.recorded(&name.to_ascii_lowercase(), HOST_BYTES_MAX, presented)
    }

    fn protocol(&mut self, name: &[u8], presented: &Presented<'_>) -> Arc<str> {
        self.recorded(name, PROTOCOL_BYTES_MAX, presented)
    }
}

/// The certificate that the client of a connection showed.
pub(super) fn own_certificate(facts: &Facts) -> Option<OwnCertificate> {
    let certificate = facts.client_certificate.as_deref()?;
    let subject = certificate.subject.clone();
    Some(OwnCertificate { sha256: certificate.sha256, subject, is_proved: facts.is_proved })
}

/// A device with its handshake, where that is its own: without the server's name and the protocols inside, for one
/// program offers others to other servers.
pub(super) fn device(device: Option<Device>, facts: Option<&Facts>) -> Option<Device> {
    let Some([_, stable]) = facts.and_then(|facts| facts.ja4.as_ref()) else { return device };
    let mut hash = Hash::default();
    let (what, lists) = stable.split_at_checked(10).unwrap_or_default();
    hash.add_all(what.iter().skip(1).take(2).chain(lists).copied());
    let mut traits = device.map_or([0; 4], |device| device.traits);
    traits[0] = hash.short();
    Some(Device { traits })
}
