//! Whether the tables are there and as we write them, and what to do when they are not.
//! It is asked before the first batch and after trouble.
//! It promises never to write into tables of a newer program, and names the table and column that differ.

use super::config::{Config, Migrate};
use super::ddl::{self, MIGRATIONS, Migration, Site};
use super::rows::Table;
use super::server::{Fault, STATEMENT_TIMEOUT, Server};
use crate::sinks::destination::Trouble;
use clickhouse::Row;
use serde::Deserialize;
use std::collections::HashMap;

/// UNKNOWN_TABLE.
const NO_TABLE: u32 = 60;
/// UNKNOWN_DATABASE.
const NO_DATABASE: u32 = 81;

#[derive(Deserialize, Row)]
struct Applied {
    version: u32,
    checksum: String,
}

#[derive(Deserialize, Row)]
struct Found {
    table: String,
    name: String,
    type_name: String,
}

/// Brings the tables up to date, or says why they cannot be written.
pub(super) fn prepare(
    server: &Server,
    config: &Config,
    section: &str,
    tables: &[Table],
) -> Result<(), Trouble> {
    if config.migrate != Migrate::Off {
        migrate(server, config, section)?;
    }
    check_columns(server, config, section, tables)
}

/// Compares the columns that are written with those that are there.
pub(super) fn check_columns(
    server: &Server,
    config: &Config,
    section: &str,
    tables: &[Table],
) -> Result<(), Trouble> {
    let names: Vec<String> = tables.iter().map(|table| format!("'{}'", table.name())).collect();
    let sql = format!(
        "SELECT table, name, type AS type_name FROM system.columns WHERE database = '{}' AND table IN ({})",
        config.database,
        names.join(", ")
    );
    let found: Vec<Found> = server.ask(&sql).map_err(|fault| server.trouble(&fault))?;
    let mut types = HashMap::new();
    for Found { table, name, type_name } in &found {
        types.insert((table.as_str(), name.as_str()), type_name.as_str());
    }
    for table in tables.iter().map(|table| table.name()) {
        if !found.iter().any(|column| column.table == table) {
            let why = format!("the table {}.{table} is missing", config.database);
            return Err(Trouble::new(format!("{section}: {why}; {}", advice(config.migrate))));
        }
        for wanted in ddl::columns(table) {
            let place = format!("{}.{table}.{}", config.database, wanted.name);
            let why = match types.get(&(table, wanted.name)) {
                None => format!("the column {place} is missing, of type {}", wanted.type_name),
                Some(type_name) if !same_type(type_name, wanted.type_name) => {
                    format!("the column {place} is of type {type_name} and should be {}", wanted.type_name)
                }
                Some(_) => continue,
            };
            return Err(Trouble::new(format!("{section}: {why}; change it back with ALTER TABLE")));
        }
    }
    Ok(())
}

fn migrate(server: &Server, config: &Config, section: &str) -> Result<(), Trouble> {
    let site = site(config);
    let trouble = |fault: &Fault| server.trouble(fault);
    let applied = applied(server, &site).map_err(|fault| trouble(&fault))?;
    let ours = MIGRATIONS.last().map_or(0, |migration| migration.version);
    let database = &config.database;
    if let Some(newest) = applied.iter().map(|step| step.version).max().filter(|newest| *newest > ours) {
        return Err(Trouble::new(format!(
            "{section}.database: the tables in `{database}` are of version {newest}, this program writes version \
             {ours}; run the newer heelguard, or set another database"
        )));
    }
    let mut missing = Vec::new();
    for migration in MIGRATIONS {
        match applied.iter().find(|step| step.version == migration.version) {
            None => missing.push(migration),
            Some(step) if step.checksum != migration.checksum() => {
                return Err(Trouble::new(format!(
                    "{section}.database: version {} of the tables in `{database}` was made from another text; set \
                     another database, or migrate = \"off\" if you keep the tables yourself",
                    migration.version
                )));
            }
            Some(_) => {}
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    if config.migrate == Migrate::Check {
        let names: Vec<String> =
            missing.iter().map(|step| format!("{} ({})", step.version, step.name)).collect();
        return Err(Trouble::new(format!(
            "{section}.migrate: `{database}` lacks version {}; {}",
            names.join(", "),
            advice(config.migrate)
        )));
    }
    apply(server, &site, &missing).map_err(|fault| trouble(&fault))?;
    tracing::info!(database, version = ours, "tables made");
    Ok(())
}

/// The steps that were taken, by number.
fn applied(server: &Server, site: &Site<'_>) -> Result<Vec<Applied>, Fault> {
    let table = site.table("schema_migrations");
    let steps = server.ask(&format!("SELECT version, checksum FROM {table} FINAL ORDER BY version"));
    steps.or_else(|fault| match fault.code() {
        Some(NO_TABLE | NO_DATABASE) => Ok(Vec::new()),
        _ => Err(fault),
    })
}

/// Every statement may be run again, so a step that was cut short, or is taken by two sensors at once, ends well.
fn apply(server: &Server, site: &Site<'_>, missing: &[&Migration]) -> Result<(), Fault> {
    let known: Vec<u8> =
        server.ask(&format!("SELECT 1 FROM system.databases WHERE name = '{}'", site.database))?;
    if known.is_empty() {
        server.run(&site.make_database(), &[], STATEMENT_TIMEOUT)?;
    }
    for migration in missing {
        for statement in site.statements(migration) {
            server.run(&statement, &[], STATEMENT_TIMEOUT)?;
        }
        server.run(&site.note(migration), &[], STATEMENT_TIMEOUT)?;
    }
    Ok(())
}

/// Where the tables are.
pub(super) fn site(config: &Config) -> Site<'_> {
    Site { database: &config.database, cluster: &config.cluster, keep_days: &config.keep_days }
}

fn advice(migrate: Migrate) -> &'static str {
    match migrate {
        Migrate::Auto => "make it again with the statement that `heelguard schema clickhouse` prints",
        Migrate::Check | Migrate::Off => {
            "run what `heelguard schema clickhouse` prints through clickhouse-client, or set migrate = \"auto\""
        }
    }
}

/// Servers differ in how they break long types into lines.
fn same_type(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<String>();
    words(one) == words(other)
}
