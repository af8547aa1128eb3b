//! What one caller asked for on one route: how many objects, how many of them were given, how many in order.
//! It is given each object with its answer, and asks for nothing else.
//! It promises exact counts over the window up to its limit, and never counts what the caller was given before.

use super::Thresholds;
use crate::detector::Samples;
use crate::hash::Mark;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use crate::window::{Tally, Window};
use std::time::Duration;

/// Requests of one caller that are remembered; of more, the oldest go first.
const ASKED_MAX: usize = 1024;
/// Objects remembered as given to one caller; beyond, no more become known.
const KNOWN_MAX: usize = 512;
/// Numbers this close to each other are in order: a list has gaps.
const NEIGHBOURS_WITHIN: u64 = 10;
/// Digits of a number that is counted through; longer ones are hashes.
const DIGITS_MAX: usize = 18;

/// One object that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    /// A hash of the path's variable parts.
    mark: u64,
    /// The numbers at the end of these parts, added up: it goes up by one where one of them does.
    number: Option<u64>,
    given: bool,
}

impl Object {
    /// The object of this path by its route's template; nothing if no variable part can be told.
    pub(super) fn of(path: &str, route: &str, given: bool) -> Option<Self> {
        let (mut mark, mut number, mut variable) = (Mark::default(), None, 0_u32);
        let mut parts = segments(path);
        for template in segments(route) {
            let part = parts.next()?;
            if !template.starts_with(b"{") || part.starts_with(b"{") {
                continue;
            }
            variable = variable.saturating_add(1);
            mark = mark.and(part);
            number = match (number, number_of(part)) {
                (Some(sum), Some(more)) => Some(u64::wrapping_add(sum, more)),
                (sum, more) => sum.or(more),
            };
        }
        (variable > 0).then(|| Self { mark: mark.number(), number, given })
    }

    fn follows(self, before: Asked) -> bool {
        let distance = self.number.zip(before.number()).map(|(now, before)| now.abs_diff(before));
        distance.is_some_and(|distance| (1..=NEIGHBOURS_WITHIN).contains(&distance))
    }
}

fn segments(path: &str) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|byte| *byte == b'/')
}

/// The number a part ends with: of `42`, `INV-0042` and `cust_42`.
fn number_of(part: &[u8]) -> Option<u64> {
    let digits = part.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = part.get(part.len().checked_sub(digits)?..)?;
    let number = |digits: &[u8]| digits.iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'));
    (1..=DIGITS_MAX).contains(&digits.len()).then(|| number(digits))
}

/// What one caller asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    asked: Window<Asked>,
    /// The objects in the window.
    objects: Tally,
    given: u32,
    in_order: u32,
    /// Objects that were given before the window, in order.
    known: Vec<u64>,
    pub(super) samples: Samples,
}

saved!(Reader { asked, objects, given, in_order, known, samples });

/// An object in the window; kept in few bytes, for most of what is remembered is this.
#[derive(Clone, Copy, Debug)]
struct Asked {
    mark: u64,
    number: u64,
    is_numbered: bool,
    given: bool,
    in_order: bool,
}

saved!(Asked { mark, number, is_numbered, given, in_order });

impl Asked {
    fn of(object: Object, in_order: bool) -> Self {
        let Object { mark, number, given } = object;
        Self { mark, number: number.unwrap_or(0), is_numbered: number.is_some(), given, in_order }
    }

    fn number(self) -> Option<u64> {
        self.is_numbered.then_some(self.number)
    }
}

impl Reader {
    /// Notes one request, unless its object is known, and forgets those that left the window.
    pub(super) fn note(&mut self, object: Object, tx: &Transaction, within: Duration) {
        self.forget(tx.end, within);
        if self.known.binary_search(&object.mark).is_ok() {
            return;
        }
        if self.asked.is_empty() {
            self.samples.clear();
        }
        let before = self.asked.iter().next_back().copied();
        let in_order = before.is_some_and(|before| object.follows(before));
        self.asked.insert(tx.end, Asked::of(object, in_order));
        self.objects.add(object.mark);
        self.given = self.given.saturating_add(u32::from(object.given));
        self.in_order = self.in_order.saturating_add(u32::from(in_order));
        self.samples.push(tx, if object.given { "given" } else { "refused" });
        if let Some(gone) = self.asked.pop_beyond(ASKED_MAX) {
            self.drop(gone);
        }
    }

    fn forget(&mut self, now: EventTime, within: Duration) {
        while let Some(gone) = self.asked.pop_outside(now, within) {
            self.drop(gone);
            if gone.given
                && self.known.len() < KNOWN_MAX
                && let Err(place) = self.known.binary_search(&gone.mark)
            {
                self.known.insert(place, gone.mark);
            }
        }
    }

    fn drop(&mut self, gone: Asked) {
        self.objects.remove(gone.mark);
        self.given = self.given.saturating_sub(u32::from(gone.given));
        self.in_order = self.in_order.saturating_sub(u32::from(gone.in_order));
    }

    /// Whether this is how ids are counted through.
    pub(super) fn enumerates(&self, limits: &Thresholds) -> bool {
        let share = |part: u64, percent: u8| part * 100 > self.asked.count() * u64::from(percent);
        self.objects.distinct() > u64::from(limits.objects)
            && (share(self.refused(), limits.refused_pct)
                || share(u64::from(self.in_order), limits.sequential_pct))
    }

    /// Different objects in the window.
    pub(super) fn objects(&self) -> u64 {
        self.objects.distinct()
    }

    /// The share of requests that were given their object, in whole per cent.
    pub(super) fn given_pct(&self) -> u64 {
        self.percent(u64::from(self.given))
    }

    /// The share that was refused or found nothing, in whole per cent.
    pub(super) fn refused_pct(&self) -> u64 {
        self.percent(self.refused())
    }

    /// The share whose number is next to the one before, in whole per cent.
    pub(super) fn sequential_pct(&self) -> u64 {
        self.percent(u64::from(self.in_order))
    }

    fn refused(&self) -> u64 {
        self.asked.count().saturating_sub(u64::from(self.given))
    }

    fn percent(&self, part: u64) -> u64 {
        part * 100 / self.asked.count().max(1)
    }

    /// The lowest and the highest number in the window.
    pub(super) fn numbers(&self) -> Option<(u64, u64)> {
        let numbers = || self.asked.iter().filter_map(|asked| asked.number());
        numbers().min().zip(numbers().max())
    }

    /// The oldest request in the window.
    pub(super) fn first(&self) -> Option<EventTime> {
        self.asked.first()
    }

    /// From the oldest request in the window to the newest.
    pub(super) fn span(&self) -> Duration {
        self.asked.span()
    }

    /// Requests since this was last asked.
    pub(super) fn take_fresh(&mut self) -> u64 {
        self.asked.take_fresh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(path: &str, route: &str) -> Option<(u64, Option<u64>)> {
        Object::of(path, route, true).map(|object| (object.mark, object.number))
    }

    #[test]
    fn an_object_is_what_varies_in_a_path() {
        let number = |path, route| object(path, route).and_then(|(_, number)| number);
        assert_eq!(number("/v1/users/42", "/v1/users/{id}"), Some(42));
        assert_eq!(number("/v1/users/42/orders/INV-0007", "/v1/users/{id}/orders/{id}"), Some(49));
        assert_eq!(number("/v1/users/ann", "/v1/users/{id}"), None);
        assert_eq!(number("/v1/users/99999999999999999999", "/v1/users/{id}"), None);
        assert_eq!(object("/v1/users/42", "/v1/users/42"), None);
        assert_eq!(object("/auth/{secret}", "/auth/{secret}"), None);
        assert_eq!(object("/v1", "/v1/users/{id}"), None);
        assert_ne!(object("/a/1/2", "/a/{id}/{id}"), object("/a/2/1", "/a/{id}/{id}"));
    }
}
