//! JSON Web Tokens: what they say about themselves, and what can be found out about them.
//! A shard reads header and claims (`read`); on the ordered stage the `TokenDesk` checks signatures against keys
//! that were configured or seen, tries well-known secrets, and compares tokens with each other.
//! It promises to read at most 8 KiB of header and 32 KiB of payload, never to unpack a JWE, to spend no more
//! than its budgets in packet time, and that token, key and secret end here.

mod alg;
mod budget;
mod claims;
mod config;
mod desk;
mod document;
mod domain;
mod facts;
mod header;
mod history;
mod identities;
mod keys;
mod keysets;
mod known;
mod pem;
mod publication;
mod reference;
mod sealed;
mod shelf;
mod twins;

#[cfg(test)]
mod tests;

pub use config::{Config, IssuerKeys};
pub use publication::Publication;
pub use reference::TokenReference;

pub(crate) use claims::{Claims, base64_any, read};
pub(crate) use desk::TokenDesk;
pub(crate) use document::{Document, Published, may_publish};
pub(crate) use facts::facts;
pub(crate) use sealed::{IssuedToken, SealedToken};
