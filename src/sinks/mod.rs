//! What leaves the sensor: records in their wire forms, and the places they are written to.
//! It is given alerts, transactions and counters, borrowed; `delivery` writes them into the spool, and a worker a sink
//! and lane hands them on: to Kafka, ClickHouse, a webhook, files of lines. `jsonl` and `readable` write at once, for
//! the command line.
//! It promises that each record given is counted as delivered, spooled or lost.

mod backoff;
pub mod clickhouse;
pub mod clock;
pub mod config;
mod dead_letter;
pub mod delivery;
pub mod destination;
pub mod escape;
pub mod files;
pub mod form;
mod guard;
pub mod http;
pub mod inventory;
pub mod jsonl;
pub mod kafka;
pub mod reach;
pub mod readable;
pub mod record;
pub mod schema;
pub mod scope;
pub mod secret;
pub mod spool;
pub mod status;
pub mod tls;
pub mod webhook;
mod worker;
