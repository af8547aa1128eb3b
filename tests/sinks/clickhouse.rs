//! The ClickHouse destination against the engine itself: what arrives is read back by SQL of the test's own.

mod database;
mod doubles;
mod faults;
mod history;
mod refused;
mod report;
mod values;
mod ways_in;
