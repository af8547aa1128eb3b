//! HTTP/1 from bytes: one story for each way traffic goes wrong, with its nearest innocent beside it.

mod bodies;
mod gaps;
mod harness;
mod messages;
mod properties;
mod smuggling;
