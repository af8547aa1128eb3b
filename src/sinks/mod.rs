//! What leaves the sensor: records in their wire forms, and the places they are written to.
//! It is given alerts, transactions and counters, borrowed, and writes them as JSON Lines or for a reader.
//! It promises that each record given is counted as delivered, spooled or lost.

pub mod clickhouse;
pub mod destination;
pub mod escape;
pub mod http;
pub mod inventory;
pub mod jsonl;
pub mod readable;
pub mod record;
pub mod schema;
pub mod secret;
pub mod spool;
pub mod tls;
