//! Records as rows: which table a kind goes to, and what its cells are.
//! It is given records in their native JSON and gives a block of the table's columns.
//! It promises that a record either becomes a whole row or none, with the reason.

mod alert;
mod block;
mod connection;
mod health;
mod inventory;
mod transaction;
mod values;

use super::ddl::Column;
use crate::fault::contain;
use crate::sinks::form::FormError;
use crate::sinks::record::Labels;
use crate::sinks::spool::{Kind, Lane, Record};
use block::{Block, Row};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A table that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Alerts,
    Transactions,
    TlsConnections,
    Inventory,
    SensorHealth,
}

impl Table {
    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Transactions => "transactions",
            Self::TlsConnections => "tls_connections",
            Self::Inventory => "inventory",
            Self::SensorHealth => "sensor_health",
        }
    }

    /// The tables that a lane's records go to.
    pub(super) const fn of(lane: Lane) -> &'static [Self] {
        match lane {
            Lane::Alerts => &[Self::Alerts],
            Lane::Transactions => &[Self::Transactions, Self::TlsConnections],
            Lane::Reports => &[Self::Inventory, Self::SensorHealth],
            Lane::Sightings => &[],
        }
    }

    /// Whether it takes this kind.
    pub(super) fn takes(self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Alerts, Kind::Alert)
                | (Self::Transactions, Kind::Transaction)
                | (Self::TlsConnections, Kind::Connection)
                | (Self::Inventory, Kind::Inventory)
                | (Self::SensorHealth, Kind::Health)
        )
    }
}

/// What a row says about the record itself.
#[derive(Clone, Copy)]
struct Origin<'a> {
    raised_ms: i64,
    id: u128,
    tenant: &'a str,
    sensor: &'a str,
}

impl Origin<'_> {
    fn write(&self, row: &mut Row<'_>) {
        row.fixed(self.raised_ms.to_le_bytes());
        row.text(self.tenant);
        row.text(self.sensor);
    }
}

/// The block of a table's records, each with its place in their batch; those that become no row are noted with the
/// reason. A record at which this program itself fails would fail each time: it is one of them.
pub(super) fn block(
    columns: &[Column],
    records: &[(usize, Record<'_>)],
    labels: &Labels,
    refused: &mut BTreeMap<usize, String>,
) -> Block {
    type Placed<'a> = (usize, Record<'a>);
    let row = |block: &mut Block, (place, record): &Placed<'_>| {
        add(block, record, labels).map_err(|reason| (*place, reason)).err()
    };
    let mut block = Block::new(columns);
    let filled = contain(|| records.iter().filter_map(|record| row(&mut block, record)).collect::<Vec<_>>());
    let fault = match filled {
        Ok(none) => {
            refused.extend(none);
            return block;
        }
        Err(fault) => fault,
    };
    // Half a row spoils its block. A block for each alone shows which it is.
    let fails = |record: &&Placed<'_>| contain(|| row(&mut Block::new(columns), record)).is_err();
    let (faulty, whole): (Vec<&_>, Vec<&_>) = records.iter().partition(fails);
    if faulty.is_empty() {
        fault.pass_on();
    }
    refused.extend(faulty.iter().map(|(place, _)| (*place, FormError::Fault.to_string())));
    let mut block = Block::new(columns);
    refused.extend(whole.into_iter().filter_map(|record| row(&mut block, record)));
    block
}

/// Adds a record's row to the block of its table; the error says what in the record does not fit.
fn add(block: &mut Block, record: &Record<'_>, labels: &Labels) -> Result<(), String> {
    let raised_ms = i64::try_from(record.raised_ms).unwrap_or(i64::MAX);
    let origin = Origin { raised_ms, id: record.id, tenant: &labels.tenant, sensor: &labels.sensor };
    match record.kind {
        Kind::Alert => read::<alert::Alert<'_>>(record)?.write(&origin, &mut block.row()),
        Kind::Transaction => read::<transaction::Transaction<'_>>(record)?.write(&origin, &mut block.row()),
        Kind::Connection => read::<connection::Connection<'_>>(record)?.write(&origin, &mut block.row()),
        Kind::Inventory => read::<inventory::Thing<'_>>(record)?.write(&origin, &mut block.row()),
        Kind::Health => read::<health::Health>(record)?.write(&origin, &mut block.row()),
        Kind::Sightings => return Err(format!("no table takes {}", record.kind.schema())),
    }
    #[cfg(test)]
    crate::fault::poison::fail_at(record.body);
    Ok(())
}

fn read<'a, T: Deserialize<'a>>(record: &Record<'a>) -> Result<T, String> {
    serde_json::from_slice(record.body)
        .map_err(|error| format!("not a {} record: {error}", record.kind.schema()))
}

#[cfg(test)]
mod tests;
