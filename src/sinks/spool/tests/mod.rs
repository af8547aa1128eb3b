//! The spool under tests: on real files, in memory, and on a disk that loses power.

mod chance;
pub(super) mod fault;
mod model;
mod plain;
mod sim;
