//! What is kept of transactions that may become evidence: how it began and where it stands.
//! It is given transactions as they come, and gives evidence when something is told.
//! It promises a bound on what is kept, and that a text which is the same is not copied anew.

use crate::alert::Evidence;
use crate::detector::{Doubts, EVIDENCE_MAX};
use crate::few::Few;
use crate::saved::{Damaged, Saved, saved};
use crate::shown::Shown;
use crate::time::EventTime;
use crate::transaction::{Completeness, Transaction, TransactionId};
use std::sync::Arc;

/// What is kept of a transaction that may become evidence.
#[derive(Clone, Debug)]
pub struct Sample {
    transaction: TransactionId,
    time: EventTime,
    /// Method and path, where the request was seen.
    request: Option<(Arc<str>, Arc<str>)>,
    status: Option<u16>,
    pub(crate) completeness: Completeness,
    /// Whether an outcome was read from the status alone.
    pub(crate) inferred: bool,
}

saved!(Sample { transaction, time, request, status, completeness, inferred } as |it: &Self| {
    let named = |name, is_so| if is_so { Shown::word(name) } else { Shown::Nothing };
    let completeness = named(it.completeness.name(), it.completeness != Completeness::Whole);
    let inferred = named("by_status_only", it.inferred);
    let parts = [it.time.shown(), it.request.shown(), it.status.shown(), completeness, inferred];
    Shown::parts(parts.map(|part| ("", part)))
});

impl Sample {
    /// The transaction's facts that evidence shows.
    pub fn of(tx: &Transaction) -> Self {
        Self {
            transaction: tx.id,
            time: tx.end,
            request: tx.request.as_ref().map(|request| (request.method.clone(), request.path.clone())),
            status: tx.status(),
            completeness: tx.completeness,
            inferred: tx.mfa.is_some_and(|mfa| mfa.by_status_only),
        }
    }

    /// As `*self = Self::of(tx)`, but what is the same text is left where it is.
    pub fn renew(&mut self, tx: &Transaction) {
        let request = match (self.request.take(), &tx.request) {
            (Some((method, path)), Some(request)) => {
                let same =
                    |old: Arc<str>, new: &Arc<str>| if Arc::ptr_eq(&old, new) { old } else { new.clone() };
                Some((same(method, &request.method), same(path, &request.path)))
            }
            (_, request) => request.as_ref().map(|request| (request.method.clone(), request.path.clone())),
        };
        *self = Self {
            transaction: tx.id,
            time: tx.end,
            request,
            status: tx.status(),
            completeness: tx.completeness,
            inferred: tx.mfa.is_some_and(|mfa| mfa.by_status_only),
        };
    }

    /// Evidence with a word on what it shows.
    pub fn evidence(&self, note: impl Into<String>) -> Evidence {
        let (method, path) = self.request.clone().unwrap_or_else(|| ("".into(), "".into()));
        Evidence {
            transaction: self.transaction,
            time: self.time,
            method,
            path,
            status: self.status,
            note: note.into(),
        }
    }
}

/// The first sample and the latest four: how it began and where it stands.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    kept: Few<(Sample, &'static str)>,
    /// How many of those behind the first are newer than those behind them: the next one takes the place there.
    turned: u8,
}

impl Saved for Samples {
    fn save(&self, out: &mut Vec<u8>) {
        self.kept.len().save(out);
        self.iter().for_each(|sample| sample.save(out));
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let kept: Few<_> = Saved::load(from)?;
        if kept.len() > EVIDENCE_MAX { Err(Damaged) } else { Ok(Self { kept, turned: 0 }) }
    }

    fn shown(&self) -> Shown {
        Shown::list(self.iter().map(Saved::shown))
    }
}

impl Samples {
    /// Adds a sample with what it shows.
    pub fn push(&mut self, tx: &Transaction, note: &'static str) {
        if self.kept.len() < EVIDENCE_MAX {
            self.kept.push((Sample::of(tx), note));
            return;
        }
        let place = 1 + usize::from(self.turned);
        if let Some((sample, shows)) = self.kept.get_mut(place) {
            sample.renew(tx);
            *shows = note;
        }
        self.turned = (place % (EVIDENCE_MAX - 1)) as u8;
    }

    /// Forgets every sample.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Oldest first.
    fn iter(&self) -> impl ExactSizeIterator<Item = &(Sample, &'static str)> {
        let behind = self.kept.len().saturating_sub(1).max(1);
        let place = move |age: usize| {
            age.checked_sub(1).map_or(0, |age| 1 + (age + usize::from(self.turned)) % behind)
        };
        (0..self.kept.len()).map(move |age| &self.kept[place(age)])
    }

    /// The samples as evidence.
    pub fn evidence(&self) -> Vec<Evidence> {
        self.iter().map(|(sample, note)| sample.evidence(*note)).collect()
    }

    /// The doubts that hang on the samples.
    pub fn doubts(&self) -> Doubts {
        Doubts::of(self.iter().map(|(sample, _)| sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::transactions;

    #[test]
    fn the_first_and_the_latest_four_are_kept_in_order() {
        let seen = transactions("10:00:00 203.0.113.1 -> use GET /v1/{1..12} 200 user=ann every 1s").unwrap();
        let mut samples = Samples::default();
        for (count, tx) in seen.iter().enumerate() {
            samples.push(tx, "given");
            let kept = samples.evidence();
            let newest = kept.iter().map(|evidence| evidence.transaction).collect::<Vec<_>>();
            let first = (count + 1).saturating_sub(EVIDENCE_MAX - 1).max(1);
            let expected: Vec<_> =
                seen[..1].iter().chain(&seen[first..=count.max(first - 1)]).map(|tx| tx.id).collect();
            assert_eq!(newest, expected);
            assert_eq!(&*kept[kept.len() - 1].path, format!("/v1/{}", count + 1));
            let (mut bytes, mut again) = (Vec::new(), Vec::new());
            samples.save(&mut bytes);
            Samples::load(&mut bytes.as_slice()).unwrap().save(&mut again);
            assert_eq!(bytes, again);
        }
    }
}
