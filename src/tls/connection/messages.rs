//! What handshake messages say of a connection.
//! It is given whole messages, or the beginning of long ones, from the clear or from opened records.
//! It promises that the first hello of each side is the one that counts.

use super::{Connection, Malformed, TLS_1_3};
use crate::flow::Direction;
use crate::tls::handshake::{Message, kind};
use crate::tls::hello::{self, ClientHello, ServerHello, extension};
use crate::tls::{Facts, TlsShared, Transport, ja4};
use heelguard_detectors::anomaly::Anomaly;
use std::sync::Arc;

/// Protocols of a client's offer that are kept, and bytes of each.
const OFFERED_MAX: usize = 8;
const PROTOCOL_BYTES_MAX: usize = 32;

/// What a message means for the records behind it.
pub(super) enum Turn {
    /// Nothing.
    None,
    /// A client begins, or begins anew.
    Offered { random: [u8; 32], early_data: bool },
    /// The server wants another hello.
    Retried,
    /// The server has taken one.
    Negotiated { version: u16, cipher: u16, server_random: [u8; 32], encrypt_then_mac: bool },
}

impl Facts {
    /// What a client's hello says.
    pub(in crate::tls) fn offered_by(hello: &ClientHello<'_>, transport: Transport) -> Self {
        let cut = |name: &[u8]| name.get(..PROTOCOL_BYTES_MAX).unwrap_or(name).into();
        Self {
            version: Some(hello.version()),
            sni: hello.server_name().map(|server| server.name.into()),
            hides_name: hello.hides_name(),
            offered: hello.alpn().take(OFFERED_MAX).map(cut).collect(),
            ja4: hello.is_sound.then(|| ja4::of(hello, transport)),
            ..Self::default()
        }
    }
}

impl Connection {
    /// Takes a message.
    pub(super) fn message(
        &mut self,
        direction: Direction,
        message: &Message,
        shared: &mut TlsShared,
    ) -> Result<Turn, Malformed> {
        let is_of_client = self.client.is_none_or(|client| client == direction);
        let is_of_server = self.client.is_none_or(|client| client != direction);
        match message.kind {
            kind::CLIENT_HELLO if is_of_client => self.client_hello(direction, message, shared),
            kind::SERVER_HELLO if is_of_server => self.server_hello(direction, message, shared),
            kind::CLIENT_HELLO | kind::SERVER_HELLO => Err(Malformed),
            kind::ENCRYPTED_EXTENSIONS => {
                if let Some(protocol) = hello::encrypted_alpn(&message.body) {
                    self.facts_mut().alpn = Some(protocol.into());
                }
                Ok(Turn::None)
            }
            kind::CERTIFICATE => {
                self.certificate(is_of_client, &message.body, shared);
                Ok(Turn::None)
            }
            kind::CERTIFICATE_REQUEST => {
                self.facts_mut().asks_certificate = true;
                Ok(Turn::None)
            }
            kind::CERTIFICATE_VERIFY if is_of_client => {
                self.facts_mut().is_proved = self.facts.client_certificate.is_some();
                Ok(Turn::None)
            }
            // Nobody begins with anything else, but a server that asks for a hello.
            _ if !self.has_offer
                && !self.has_answer
                && !self.is_joined
                && !self.has_holes
                && message.kind != 0 =>
            {
                Err(Malformed)
            }
            _ => Ok(Turn::None),
        }
    }

    fn client_hello(
        &mut self,
        direction: Direction,
        message: &Message,
        shared: &mut TlsShared,
    ) -> Result<Turn, Malformed> {
        let offer = ClientHello::read(&message.body, message.is_whole).ok_or(Malformed)?;
        self.client = Some(direction);
        if !self.has_offer {
            self.has_offer = true;
            shared.counters.tls.client_hellos += 1;
            self.session_id = offer.session_id.into();
            if offer.server_name().is_some_and(|server| server.is_odd) {
                self.note(Anomaly::TlsOddName, shared);
            }
            if message.is_whole && !offer.is_sound {
                self.note(Anomaly::TlsMalformed, shared);
            }
            self.facts = Arc::new(Facts::offered_by(&offer, self.transport));
            // Nothing was missed if it was there from its first byte on.
            self.is_joined = false;
        }
        let early_data = offer.extension(extension::EARLY_DATA).is_some();
        Ok(Turn::Offered { random: *offer.random, early_data })
    }

    fn server_hello(
        &mut self,
        direction: Direction,
        message: &Message,
        shared: &mut TlsShared,
    ) -> Result<Turn, Malformed> {
        let answer = ServerHello::read(&message.body, message.is_whole).ok_or(Malformed)?;
        self.client = Some(direction.opposite());
        let version = answer.version();
        self.facts_mut().version = Some(version);
        if answer.is_retry() {
            return Ok(Turn::Retried);
        }
        if !self.has_answer {
            self.has_answer = true;
            shared.counters.tls.server_hellos += 1;
            if message.is_whole && !answer.is_sound {
                self.note(Anomaly::TlsMalformed, shared);
            }
            // In TLS 1.3 its echo means nothing (RFC 8446 section 4.1.3).
            let echoes =
                version != TLS_1_3 && !answer.session_id.is_empty() && *answer.session_id == *self.session_id;
            if !echoes {
                self.session_id = Box::default();
            }
            let has_offer = self.has_offer;
            let facts = self.facts_mut();
            facts.cipher = Some(answer.cipher);
            facts.alpn = answer.alpn().map(Into::into);
            // Before TLS 1.3 the next messages tell.
            facts.is_resumed =
                (has_offer && version == TLS_1_3).then(|| answer.has(extension::PRE_SHARED_KEY));
            if version == TLS_1_3 && self.opening.is_none() {
                // The rest is sealed.
                shared.alike.share(&mut self.facts);
            }
        }
        Ok(Turn::Negotiated {
            version,
            cipher: answer.cipher,
            server_random: *answer.random,
            encrypt_then_mac: answer.has(extension::ENCRYPT_THEN_MAC),
        })
    }

    fn certificate(&mut self, is_of_client: bool, message: &[u8], shared: &mut TlsShared) {
        let Some(certificate) = shared.certificates.sender(message, self.facts.version) else { return };
        shared.counters.tls.certificates += 1;
        let facts = self.facts_mut();
        let place = if is_of_client { &mut facts.client_certificate } else { &mut facts.server_certificate };
        *place = Some(certificate);
    }

    fn facts_mut(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.facts)
    }

    pub(super) fn note(&mut self, anomaly: Anomaly, shared: &mut TlsShared) {
        shared.counters.anomalies.count(anomaly);
        self.anomalies.insert(anomaly);
    }
}
