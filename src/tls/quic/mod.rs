//! QUIC, as far as its first packets say: they are sealed under keys that everybody knows who saw the client's first one
//! (RFC 9001 section 5.2), and carry the hellos of TLS.
//! It is given datagrams of paths on which such a packet was seen, and tells each connection once, when it is over.
//! It promises that nothing counts as a connection before its first packet was opened by its tag.
//!
//! ```text
//! datagram → packet (opened) → crypto (frames, in order) → Connection (hellos → tls::Connection) → Seen
//!                                                          └ all of a shard: Quic
//! ```

mod connection;
mod crypto;
mod packet;
mod table;

pub use table::Quic;
