//! The spool under tests: on real files, in memory, and on a disk that loses power.

mod bounds;
mod chance;
mod damage;
mod fault;
mod model;
mod plain;
mod real;
mod sim;
