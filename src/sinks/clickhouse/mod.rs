//! The ClickHouse destination: alerts, transactions, inventory and health as rows.
//! It is given batches and makes inserts of them; tables, rollups and views are made by numbered migrations.
//! It promises every row at least once, one row an alert under `FINAL`, and rollups that no repetition can inflate.
//!
//! A batch is one insert a table, under a token made of the batch's name: sent again, the server knows it. A table and
//! its rollups are not one transaction there, so a repeated batch is offered to the rollups as well, and after any
//! trouble they are made again from the rows; their states are idempotent (`uniq`, `min`, `max`, sets).

mod config;
mod ddl;
mod destination;
pub mod reading;
mod rows;
mod server;
mod tables;

pub use config::{Config, KeepDays, Migrate};
pub use destination::open;

/// All statements that make the tables of `config`: what `heelguard schema clickhouse` prints.
pub fn script(config: &Config) -> String {
    tables::site(config).script()
}
