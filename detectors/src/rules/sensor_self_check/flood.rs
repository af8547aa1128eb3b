//! How many keys each table gave up in the last minute.
//! It is given the tables' totals every ten seconds.
//! It promises one row a table of the program, and none for a table that never gave up a key.

use crate::saved::saved;
use crate::time::EventTime;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The window keys are counted in.
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// The tables and what they gave up.
#[derive(Debug, Default)]
pub(super) struct Flood {
    tables: BTreeMap<Arc<str>, Table>,
}

#[derive(Debug, Default)]
struct Table {
    total: u64,
    /// Keys given up at each look of the last minute.
    recent: VecDeque<(EventTime, u64)>,
}

saved!(Flood { tables });
saved!(Table { total, recent });

/// A table that gives up keys.
#[derive(Clone, Debug)]
pub(super) struct Losing {
    pub(super) table: Arc<str>,
    /// The setting that bounds it.
    pub(super) limit: &'static str,
    pub(super) in_minute: u64,
    /// Those since the last look.
    pub(super) fresh: u64,
}

impl Flood {
    /// Notes the totals; gives the tables that lost keys in the last minute, the fastest first.
    pub(super) fn note(&mut self, now: EventTime, totals: &[(String, &'static str, u64)]) -> Vec<Losing> {
        let mut losing = Vec::new();
        for (name, limit, total) in totals.iter().filter(|(_, _, total)| *total > 0) {
            let table = self.tables.entry(name.as_str().into()).or_default();
            let fresh = total.saturating_sub(table.total);
            table.total = *total;
            table.recent.push_back((now, fresh));
            while table.recent.front().is_some_and(|(then, _)| now.since(*then) >= MINUTE) {
                table.recent.pop_front();
            }
            let in_minute = table.recent.iter().map(|(_, keys)| keys).sum();
            losing.push(Losing { table: name.as_str().into(), limit, in_minute, fresh });
        }
        losing.sort_by(|a, b| b.in_minute.cmp(&a.in_minute).then_with(|| a.table.cmp(&b.table)));
        losing
    }
}
