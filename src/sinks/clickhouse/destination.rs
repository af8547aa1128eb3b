//! Batches as inserts: one a table, again under the same name until the server has it.
//! It is given batches by a worker and keeps what it knows of the one at hand.
//! It promises that a row the server will not take holds up no other: the batch is halved until the row stands alone.

use super::config::Config;
use super::ddl::{self, Column};
use super::rows::{self, Table};
use super::server::{Fault, Server, WORK_TIMEOUT};
use super::tables;
use crate::sinks::destination::{Delivered, Destination, Limits, Refused, Trouble};
use crate::sinks::record::Labels;
use crate::sinks::spool::{Batch, Lane};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// A batch of transactions is about 1.5 KiB a row; it is held whole while it is sent.
const BATCH_BYTES_MAX: usize = 96 << 20;

/// When halving takes longer, the rest comes with the next try.
const DELIVER_TIME: Duration = Duration::from_secs(25);

/// Rollups are made again as often when that fails; the server's own repetition has most likely filled them already.
const REBUILDS_MAX: u8 = 3;

/// Reads secrets and certificates; the network is first touched by `prepare`.
pub fn open(
    config: &Config,
    name: &str,
    labels: &Labels,
    lane: Lane,
) -> Result<Box<dyn Destination>, String> {
    config.check(name)?;
    let section = format!("sinks.{name}");
    let server = Server::open(config, &section)?;
    let columns = Table::of(lane).iter().map(|table| (*table, ddl::columns(table.name()))).collect();
    Ok(Box::new(ClickHouse {
        server,
        config: config.clone(),
        section,
        labels: labels.clone(),
        lane,
        columns,
        attempt: None,
        settled: false,
        offers: 0,
    }))
}

/// One lane's way into the database.
struct ClickHouse {
    server: Server,
    config: Config,
    section: String,
    labels: Labels,
    lane: Lane,
    columns: Vec<(Table, Vec<Column>)>,
    attempt: Option<Attempt>,
    /// Whether a batch of this run has arrived: of the first one an earlier run may have sent a part.
    settled: bool,
    /// How often the batch at hand was offered and none of its rows was taken.
    offers: u32,
}

/// A batch of which no row is taken says more about the server than about the rows: a view that fails, a proxy, a
/// constraint. It is offered so often, with the usual waits between (some minutes in all), before its rows go.
const OFFERS_OF_A_BATCH: u32 = 10;

/// What is known of the batch at hand.
struct Attempt {
    batch: String,
    /// What is still to be sent: places in the batch, by table.
    pending: Vec<(Table, Range<usize>)>,
    refused: BTreeMap<usize, String>,
    /// Whether the server took anything of it.
    taken: bool,
    /// Whether an insert may have reached a table and not its rollups.
    shaken: bool,
    rebuilds_left: u8,
}

impl Destination for ClickHouse {
    fn limits(&self) -> Limits {
        let wait_s =
            if self.lane == Lane::Alerts { self.config.alerts_wait_s } else { self.config.batch_wait_s };
        Limits {
            records_max: self.config.batch_rows,
            bytes_max: BATCH_BYTES_MAX,
            linger: Duration::from_secs(wait_s),
            fixed: true,
        }
    }

    fn prepare(&mut self) -> Result<(), Trouble> {
        tables::prepare(&self.server, &self.config, &self.section, Table::of(self.lane))
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, Trouble> {
        let name = batch.name();
        let mut attempt = match self.attempt.take() {
            Some(attempt) if attempt.batch == name => attempt,
            _ => Attempt::new(name, batch, !self.settled),
        };
        match self.send_all(batch, &mut attempt) {
            Ok(()) if !attempt.taken && !attempt.refused.is_empty() && self.offers < OFFERS_OF_A_BATCH => {
                self.offers += 1;
                let reason = attempt.refused.first_key_value().map_or("", |(_, reason)| reason.as_str());
                let (section, rows) = (&self.section, attempt.refused.len());
                Err(Trouble::new(format!(
                    "{section}.url: none of {rows} rows was taken: {reason}; look at views and constraints, and at \
                     what is between"
                )))
            }
            Ok(()) => {
                self.settled = true;
                self.offers = 0;
                let refused = attempt.refused.into_iter().map(|(index, reason)| Refused { index, reason });
                Ok(Delivered { refused: refused.collect() })
            }
            Err(trouble) => {
                attempt.shaken = true;
                self.attempt = Some(attempt);
                Err(trouble)
            }
        }
    }
}

impl Attempt {
    fn new(name: String, batch: &Batch, shaken: bool) -> Self {
        let pending = Table::of(batch.lane()).iter().map(|table| (*table, 0..batch.len())).collect();
        Self {
            batch: name,
            pending,
            refused: BTreeMap::new(),
            taken: false,
            shaken,
            rebuilds_left: REBUILDS_MAX,
        }
    }
}

impl ClickHouse {
    fn send_all(&self, batch: &Batch, attempt: &mut Attempt) -> Result<(), Trouble> {
        let begin = Instant::now();
        while let Some((table, places)) = attempt.pending.last().cloned() {
            match self.send(batch, table, places.clone(), &mut attempt.refused) {
                Ok(taken) => {
                    attempt.pending.pop();
                    attempt.taken |= taken;
                }
                Err(fault) if fault.is_about_rows() => {
                    // A column that was changed by hand would make every row look bad.
                    tables::check_columns(&self.server, &self.config, &self.section, &[table])?;
                    attempt.pending.pop();
                    attempt.shaken = true;
                    halve(attempt, table, &places, &fault);
                }
                Err(fault) => return Err(self.server.trouble(&fault)),
            }
            if begin.elapsed() > DELIVER_TIME && !attempt.pending.is_empty() {
                let refused = attempt.refused.len();
                let section = &self.section;
                return Err(Trouble::new(format!(
                    "{section}: looking for rows that the server does not take, {refused} so far; goes on"
                )));
            }
        }
        if attempt.shaken { self.rebuild(batch, attempt) } else { Ok(()) }
    }

    /// Sends some records of a batch to one table. Those that are no records are noted, the rest goes in; says whether
    /// there was a rest.
    fn send(
        &self,
        batch: &Batch,
        table: Table,
        places: Range<usize>,
        refused: &mut BTreeMap<usize, String>,
    ) -> Result<bool, Fault> {
        let Some((_, columns)) = self.columns.iter().find(|(known, _)| *known == table) else {
            return Ok(false);
        };
        let find = |place| Some((place, batch.get(place).filter(|record| table.takes(record.kind))?));
        let records: Vec<_> = places.clone().filter_map(find).collect();
        let block = rows::block(columns, &records, &self.labels, refused);
        if block.is_empty() {
            return Ok(false);
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        // The same rows always have the same token, also after a restart and among halves.
        let token = format!("{}-{}-{}-{}", batch.name(), table.name(), places.start, places.end);
        let target = tables::site(&self.config).table(table.name());
        self.server.insert(&target, &names.join(", "), block.into_bytes(), &token).map(|()| true)
    }

    /// Makes the rollups of a batch's rows again from the tables. What is in them already does not change.
    fn rebuild(&self, batch: &Batch, attempt: &mut Attempt) -> Result<(), Trouble> {
        let raised = || batch.records().map(|record| record.raised_ms);
        let (Some(first), Some(last)) = (raised().min(), raised().max()) else { return Ok(()) };
        let rows = format!(
            "raised BETWEEN fromUnixTimestamp64Milli({first}) AND fromUnixTimestamp64Milli({last}) \
             AND sensor = {{sensor:String}}"
        );
        let site = tables::site(&self.config);
        for statement in Table::of(self.lane).iter().flat_map(|table| site.rebuilds(table.name(), &rows)) {
            let Err(fault) = self.server.run(&statement, &[("sensor", &self.labels.sensor)], WORK_TIMEOUT)
            else {
                continue;
            };
            if attempt.rebuilds_left == 0 {
                tracing::warn!(error = fault.text(), "rollups may lack rows of a batch that was sent twice");
                return Ok(());
            }
            attempt.rebuilds_left -= 1;
            return Err(self.server.trouble(&fault));
        }
        Ok(())
    }
}

/// One half after the other, the first one first; a row that stands alone is refused.
fn halve(attempt: &mut Attempt, table: Table, places: &Range<usize>, fault: &Fault) {
    if places.len() <= 1 {
        attempt.refused.insert(places.start, fault.text().to_owned());
        return;
    }
    let middle = places.start + places.len() / 2;
    attempt.pending.push((table, middle..places.end));
    attempt.pending.push((table, places.start..middle));
}
