//! TLS records made clear by secrets that somebody who took part in the connection wrote down.
//! It is given secrets (a key log, secrets blocks of captures), what was negotiated, and the records in order.
//! It promises that no byte leaves that its tag or code does not vouch for, that secrets are wiped and cannot be
//! shown, and that nothing waits: records whose secret has not come are held within bounds and then given up.
//!
//! How it is used, for each connection whose ClientHello was seen:
//!
//! ```text
//! decryptor = Decryptor::new(client_random, early_data_offered)
//! for each record after that ClientHello, of both sides, sealed or not, in order of arrival:
//!     if a retry is asked for (HelloRetryRequest): decryptor.retried()
//!     at each ServerHello, sealed ones (renegotiation) included: decryptor.negotiated(&negotiated, shared)
//!     clear = decryptor.record(record, shared)
//!     while let Some(it) = clear { …; clear = decryptor.more(shared) }
//!     if let Some(why) = decryptor.given_up() { encrypted from now on }
//! records lost for certain: decryptor.lost(side, records)
//! the end, or a quiet moment: while let Some(it) = decryptor.more(shared) { … }
//! ```

mod cbc;
mod config;
mod decryptor;
mod derive;
mod follow;
mod held;
mod keylog;
mod lines;
mod messages;
mod opener;
mod secret;
mod shared;
mod step;
mod store;
mod suite;
mod tls12;
mod tls13;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it fails")]
mod tests;

pub use config::Config;
pub use decryptor::Decryptor;
pub use follow::{Follower, KeyLogError};
pub use lines::Lines;
pub use shared::DecryptShared;
pub use store::KeyStore;

use heelguard_detectors::time::EventTime;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who sent the ClientHello.
    Client,
    /// Who answered it.
    Server,
}

impl Side {
    /// 0 for the client, 1 for the server.
    pub fn index(self) -> usize {
        usize::from(self == Self::Server)
    }
}

/// What the hellos agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// 0x0303 or 0x0304 (of the `supported_versions` extension, where the ServerHello has one).
    pub version: u16,
    /// The suite's number in the registry.
    pub cipher: u16,
    /// Of the ClientHello. A renegotiation has another one than the connection began with.
    pub client_random: [u8; 32],
    /// Of the ServerHello.
    pub server_random: [u8; 32],
    /// The ServerHello has `encrypt_then_mac` (RFC 7366).
    pub encrypt_then_mac: bool,
}

/// One whole record as it was on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Who sent it.
    pub side: Side,
    /// When its last byte came.
    pub at: EventTime,
    /// The content type of its header.
    pub kind: u8,
    /// The version of its header.
    pub version: u16,
    /// What follows its header of five bytes.
    pub body: &'a [u8],
}

/// What was in a record.
#[derive(Clone, Copy, Debug)]
pub struct Clear<'a> {
    /// Who sent it.
    pub side: Side,
    /// When its last byte came; earlier than now if it had to wait for its secret.
    pub at: EventTime,
    /// The true content type: 20 change of cipher, 21 alert, 22 handshake, 23 application data.
    pub kind: u8,
    /// Whether it was sealed on the wire.
    pub sealed: bool,
    /// The content.
    pub bytes: &'a [u8],
}

/// Why the rest of a connection stays sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// No secret is known, or none came in time.
    NoSecret,
    /// Another version or suite than those that can be read.
    Unsupported,
    /// A record does not open under the secret that is known: a wrong secret, or bytes that were changed or lost.
    NotOpened,
}
