//! TLS: connections whose bytes are sealed, and what can be known of them.
//! It is given a connection's bytes and gaps by direction, and the secrets that somebody who took part wrote down.
//! It promises that what cannot be read is said to be so, and never guessed.
//!
//! ```text
//! bytes → Records (where records begin and end) → Joiner (handshake messages) → hello · certificate → Facts
//!                          └ whole records, where secrets are known → decrypt → clear bytes, for the layer above
//! datagrams → quic (opens the first packets) → the same messages
//! ```

mod alike;
mod certificate;
mod clear;
mod connection;
pub mod decrypt;
mod handshake;
mod hello;
mod ja4;
pub mod quic;
mod records;
mod wire;

pub use certificate::Certificate;
pub use clear::{Clear, Inside};
pub use connection::Connection;
pub use ja4::{Ja4, Transport};

use crate::decode::{Endpoint, Tunnel, Vlans};
use crate::metrics::Counters;
use alike::Alike;
use certificate::Shelf;
use decrypt::DecryptShared;
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Completeness;
use std::net::IpAddr;
use std::sync::Arc;

/// What all connections of a shard share: where they put what they find, and what they remember.
#[derive(Default)]
pub struct TlsShared {
    /// Connections that ended unread, in that order; the shard drains it.
    pub connections: Vec<Seen>,
    /// `tls` and `anomalies` are counted here.
    pub counters: Counters,
    /// What became readable with the last call; the layer above takes it.
    pub clear: Clear,
    /// What decryption needs.
    pub decrypt: DecryptShared,
    certificates: Shelf,
    alike: Alike,
}

impl TlsShared {
    /// With nothing found yet.
    pub fn new(decrypt: DecryptShared) -> Self {
        Self { decrypt, ..Self::default() }
    }
}

impl std::fmt::Debug for TlsShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsShared").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// What the handshake of a connection says. Names are as they stand there: any bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version that is spoken: 0x0303 is TLS 1.2. The highest offered, where no answer was seen.
    pub version: Option<u16>,
    /// The cipher suite that is used.
    pub cipher: Option<u16>,
    /// The name of the server as the client says it (the first one), at most 255 bytes.
    pub sni: Option<Box<[u8]>>,
    /// That name is only the name of a front: the one that is meant may be encrypted (ECH).
    pub hides_name: bool,
    /// The protocols that the client offers to speak inside, at most eight of 32 bytes.
    pub offered: Vec<Box<[u8]>>,
    /// The one that is spoken, where that was seen: TLS 1.3 says it under encryption.
    pub alpn: Option<Box<[u8]>>,
    /// JA4 and its stable variant.
    pub ja4: Option<[Ja4; 2]>,
    /// Whether an earlier session goes on, where both hellos were seen.
    pub is_resumed: Option<bool>,
    /// The server's certificate, where it was seen.
    pub server_certificate: Option<Arc<Certificate>>,
    /// The server asked for a certificate.
    pub asks_certificate: bool,
    /// The client's certificate, where it was seen.
    pub client_certificate: Option<Arc<Certificate>>,
    /// The client proved that it has the certificate's key.
    pub is_proved: bool,
}

/// A connection that was not read.
#[derive(Debug)]
pub struct Seen {
    /// The end that sent the first hello.
    pub client: Endpoint,
    /// The other one.
    pub server: Endpoint,
    /// For whom the client's end opened the connection, by a PROXY preamble; nobody vouches for it.
    pub proxied_for: Option<IpAddr>,
    /// VLAN ids.
    pub vlans: Vlans,
    /// The tunnel it came through.
    pub tunnel: Tunnel,
    /// When the flow began; with `ordinal` it names the connection.
    pub flow_opened_at: EventTime,
    /// Messages in the flow before it.
    pub ordinal: u32,
    /// What it came over.
    pub transport: Transport,
    /// The first byte seen.
    pub time: EventTime,
    /// When it was over.
    pub end: EventTime,
    /// What its handshake says.
    pub facts: Arc<Facts>,
    /// Bytes of the client and of the server, records with their headers.
    pub bytes: [u64; 2],
    /// Which of the hellos were seen, and whether the handshake has holes.
    pub completeness: Completeness,
    /// What was odd.
    pub anomalies: AnomalySet,
}
