//! HPACK (RFC 7541) seen from outside: header blocks as fields.
//! It is given one direction's blocks in their order, or told that some were lost, and puts fields into a `Fields`.
//! It promises the fields a peer reads; after a loss what is not known is left out and counted, never guessed.

mod decoder;
mod huffman;
mod integer;
mod static_table;
mod table;

pub(super) use decoder::Decoder;
pub(in crate::http) use decoder::Scratch;
use table::DEFAULT_CAPACITY;

#[cfg(test)]
mod tests;
