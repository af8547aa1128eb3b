//! What the spool holds: records in their native form, with the little that sinks need to know without reading it.
//! It is given by whoever raises something, and read by the sinks' workers.
//! It promises that a record's id and key are of fixed size: nothing that crossed the wire shapes a header or a key.

use super::super::record::{AlertRecord, StatsRecord, TlsRecord, TransactionRecord};

/// What kind of record it is. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// One state of one episode.
    Alert = 1,
    /// One exchange, attributed.
    Transaction = 2,
    /// An endpoint, credential, principal or service.
    Inventory = 3,
    /// The sensor's counters.
    Health = 4,
    /// A connection under TLS that was not read.
    Connection = 5,
    /// A frame of sightings for workers, in bytes that are no JSON.
    Sightings = 6,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Alert, Self::Transaction, Self::Connection, Self::Inventory, Self::Health, Self::Sightings];

    /// The kind with this number on disk.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as u8 == number)
    }

    /// The schema its native form names.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Alert => AlertRecord::SCHEMA,
            Self::Transaction => TransactionRecord::SCHEMA,
            Self::Inventory => "heelguard.inventory/1",
            Self::Health => StatsRecord::SCHEMA,
            Self::Connection => TlsRecord::SCHEMA,
            Self::Sightings => "heelguard.sightings/1",
        }
    }

    /// Where it waits.
    pub const fn lane(self) -> Lane {
        match self {
            Self::Alert => Lane::Alerts,
            Self::Transaction | Self::Connection => Lane::Transactions,
            Self::Inventory | Self::Health => Lane::Reports,
            Self::Sightings => Lane::Sightings,
        }
    }
}

/// Records that wait in one queue: none of a lane is ever held up by another lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Never dropped for others.
    Alerts,
    /// The bulk, connections among them; the oldest goes first when there is no room.
    Transactions,
    /// Inventory and health; the newest state of a thing makes the older ones worthless.
    Reports,
    /// What a sensor saw, where others judge it; like transactions, and dropped behind them.
    Sightings,
}

impl Lane {
    /// Every lane.
    pub const ALL: &'static [Self] = &[Self::Alerts, Self::Transactions, Self::Reports, Self::Sightings];

    /// The name in file names, metrics and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Transactions => "transactions",
            Self::Reports => "reports",
            Self::Sightings => "sightings",
        }
    }

    /// Whether it is much, and of little worth a record: it survives a power loss only where that is asked for.
    pub(super) const fn is_bulk(self) -> bool {
        matches!(self, Self::Transactions | Self::Sightings)
    }
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is.
    pub kind: Kind,
    /// When it was raised, by the machine's clock, in milliseconds since 1970: for lag, not for detection.
    pub raised_ms: u64,
    /// The episode, the transaction, the connection, the frame; for reports the thing that is described.
    pub id: u128,
    /// Records of one key stay in order wherever the far side has several partitions.
    pub key: u128,
    /// The native form: one JSON object, no line end; or a frame of sightings.
    pub body: &'a [u8],
}
