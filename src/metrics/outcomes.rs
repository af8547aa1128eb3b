//! What decided second-factor steps, by the row of the table that did.
//! It is given names of rows with their hits, from shards in any order.
//! It promises the order of the table.

/// A counter for each row of the table that decides what a second-factor step came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounters(Vec<(&'static str, u64)>);

impl OutcomeCounters {
    /// Adds hits of rows by name; a name that is new comes behind those that are known.
    pub fn add(&mut self, rows: impl IntoIterator<Item = (&'static str, u64)>) {
        for (name, hits) in rows {
            match self.0.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += hits,
                None => self.0.push((name, hits)),
            }
        }
    }

    /// Every row with its hits.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().copied()
    }

    /// Rows that decided something, with their hits, in the order of the table.
    pub fn rows(&self) -> Vec<(&'static str, u64)> {
        self.0.iter().copied().filter(|&(_, hits)| hits > 0).collect()
    }
}
