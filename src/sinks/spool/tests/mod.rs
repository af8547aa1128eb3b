//! The spool under tests: on real files, in memory, and on a disk that loses power.

pub(super) mod fault;
mod plain;
