//! One reader's recent reads in the four counts of the rule.
//! It is given successful reads in order and says which count is over its limit, if any.
//! It promises bounded memory: windows keep what their limits need, records are summed by the second.

use super::Thresholds;
use super::habit::Habit;
use crate::detector::Sample;
use crate::few::Few;
use crate::saved::{Damaged, Saved, saved};
use crate::shown::Shown;
use crate::time::EventTime;
use crate::transaction::Transaction;
use crate::window::{Limit, Window};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
/// Records in a minute from which on a reader's habits are worth learning.
const HABIT_FROM: u64 = 100;

/// Which count is over its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Requests a second, held.
    Requests,
    /// Records in a minute.
    Records,
    /// Pages in a second on one route.
    Pages,
    /// Calls in a minute at the largest page size.
    LargestPages,
}

impl Saved for Form {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        Self::ALL.get(usize::from(u8::load(from)?)).copied().ok_or(Damaged)
    }

    fn shown(&self) -> Shown {
        Shown::word(self.name())
    }
}

impl Form {
    const ALL: [Self; 4] = [Self::Requests, Self::Records, Self::Pages, Self::LargestPages];

    /// The name in the alert's facts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "request_rate",
            Self::Records => "record_rate",
            Self::Pages => "page_rate",
            Self::LargestPages => "largest_pages",
        }
    }

    /// The window this count is taken in.
    pub(super) fn window(self, limits: &Thresholds) -> Duration {
        match self {
            Self::Requests => requests_limit(limits).within,
            Self::Records | Self::LargestPages => MINUTE,
            Self::Pages => SECOND,
        }
    }
}

/// One read, as far as counting goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) at: EventTime,
    pub(super) records: u32,
    pub(super) is_page: bool,
    pub(super) is_largest: bool,
}

/// One reader's recent reads.
#[derive(Debug, Default)]
pub(super) struct Reader {
    requests: Window<()>,
    pages: Window<()>,
    /// The route the pages are read on.
    page_route: Option<Arc<str>>,
    largest: Window<()>,
    records: PerMinute,
    habit: Option<Box<Habit>>,
    /// The read that began the present run of requests.
    opening: Option<Sample>,
    /// The count that is over its limit now; it stays the one told while it is.
    form: Option<Form>,
    fresh_records: u64,
}

saved!(Reader { requests, pages, page_route, largest, records, habit, opening, form, fresh_records });

impl Reader {
    /// Counts a read and says which count is over its limit.
    pub(super) fn note(&mut self, read: Read, tx: &Transaction, limits: &Thresholds) -> Option<Form> {
        let requests = requests_limit(limits);
        if self.requests.last().is_none_or(|last| read.at.since(last) > requests.within) {
            self.opening = Some(Sample::of(tx));
        }
        let mut over = [false; Form::ALL.len()];
        over[Form::Requests as usize] = self.requests.push(read.at, (), requests);
        if read.records > 0 {
            self.records.add(read.at, u64::from(read.records));
            self.fresh_records = self.fresh_records.saturating_add(u64::from(read.records));
            over[Form::Records as usize] = self.records.sum > self.threshold(Form::Records, limits);
        }
        if read.is_page {
            self.follow_route(tx);
            over[Form::Pages as usize] = self.pages.push(read.at, (), pages_limit(limits));
        }
        if read.is_largest {
            over[Form::LargestPages as usize] = self.largest.push(read.at, (), largest_limit(limits));
        }
        let is_over = |form: &Form| over[*form as usize];
        self.form = self.form.filter(is_over).or_else(|| Form::ALL.into_iter().find(is_over));
        self.learn(read);
        self.form
    }

    /// Events in the count's window.
    pub(super) fn count(&self, form: Form) -> u64 {
        match form {
            Form::Requests => self.requests.count(),
            Form::Records => self.records.sum,
            Form::Pages => self.pages.count(),
            Form::LargestPages => self.largest.count(),
        }
    }

    /// The count's limit for this reader.
    pub(super) fn threshold(&self, form: Form, limits: &Thresholds) -> u64 {
        match form {
            Form::Requests => requests_limit(limits).count,
            Form::Pages => pages_limit(limits).count,
            Form::LargestPages => largest_limit(limits).count,
            Form::Records => {
                let usual = self.usual_records_per_min().unwrap_or(0);
                let own = usual.saturating_mul(u64::from(limits.own_habit_times));
                own.max(u64::from(limits.records_per_min))
            }
        }
    }

    /// The oldest event in the count's window.
    pub(super) fn first(&self, form: Form) -> Option<EventTime> {
        match form {
            Form::Requests => self.requests.first(),
            Form::Records => self.records.seconds.first().map(|(first, _)| *first),
            Form::Pages => self.pages.first(),
            Form::LargestPages => self.largest.first(),
        }
    }

    /// Events since this was last asked, in the count's own unit.
    pub(super) fn take_fresh(&mut self, form: Form) -> u64 {
        let records = std::mem::take(&mut self.fresh_records);
        let [requests, pages, largest] =
            [&mut self.requests, &mut self.pages, &mut self.largest].map(Window::take_fresh);
        match form {
            Form::Requests => requests,
            Form::Records => records,
            Form::Pages => pages,
            Form::LargestPages => largest,
        }
    }

    /// What this reader takes in a busy minute, once that is known.
    pub(super) fn usual_records_per_min(&self) -> Option<u64> {
        self.habit.as_ref().and_then(|habit| habit.busy_minute())
    }

    /// Whether this reader took as much at this time of an earlier day; rates of requests are nobody's habit.
    pub(super) fn is_as_on_earlier_days(&self, form: Form, at: EventTime) -> bool {
        matches!(form, Form::Records | Form::LargestPages)
            && self.habit.as_ref().is_some_and(|habit| habit.has_appointment(at, self.records.sum))
    }

    /// The read that began the present run.
    pub(super) fn opening(&self) -> Option<&Sample> {
        self.opening.as_ref()
    }

    /// Pages count on one route: another route begins anew.
    fn follow_route(&mut self, tx: &Transaction) {
        let Some(request) = &tx.request else { return };
        if self.page_route.as_ref() != Some(&request.route) {
            self.page_route = Some(request.route.clone());
            self.pages.clear();
        }
    }

    fn learn(&mut self, read: Read) {
        if self.habit.is_none() && self.records.sum >= HABIT_FROM {
            self.habit = Some(Box::default());
        }
        if let Some(habit) = &mut self.habit {
            habit.note(read.at, u64::from(read.records), self.form.is_some());
        }
    }
}

/// Records of the last minute, summed by the second: whole seconds, so it lags by less than one and never overstates.
#[derive(Debug, Default)]
struct PerMinute {
    /// The first read of each second, and the second's records.
    seconds: Few<(EventTime, u64)>,
    sum: u64,
}

saved!(PerMinute { seconds, sum });

impl PerMinute {
    fn add(&mut self, at: EventTime, records: u64) {
        while let Some(&(first, records)) = self.seconds.first()
            && first.as_secs().saturating_add(MINUTE.as_secs()) <= at.as_secs()
        {
            self.sum = self.sum.saturating_sub(records);
            self.seconds.remove(0);
        }
        match self.seconds.last_mut() {
            Some((first, sum)) if first.as_secs() >= at.as_secs() => *sum = sum.saturating_add(records),
            _ => self.seconds.push((at, records)),
        }
        self.sum = self.sum.saturating_add(records);
    }
}

fn requests_limit(limits: &Thresholds) -> Limit {
    Limit::new(limits.requests_per_s.saturating_mul(limits.requests_for_s), limits.requests_for_s)
}

fn pages_limit(limits: &Thresholds) -> Limit {
    Limit { count: u64::from(limits.pages_per_s.max(1)), within: SECOND }
}

fn largest_limit(limits: &Thresholds) -> Limit {
    Limit { count: u64::from(limits.largest_pages_per_min.max(1)), within: MINUTE }
}
