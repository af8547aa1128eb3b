//! The room for alerts: how many may be told within a minute, and by whom.
//! It is given each alert that is told, and asked before the next.
//! It promises the limit, and that no flood of alerts, slight or grave, takes all of it.

use super::CAP_WITHIN;
use crate::alert::Severity;
use crate::detector::Rule;
use crate::time::EventTime;
use std::collections::VecDeque;

/// A rule that told this part of the limit within a minute is loud.
const LOUD_SHARE: usize = 20;

/// What was told within a minute.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) per_minute_max: usize,
    /// When, and by which rule.
    told: VecDeque<(EventTime, &'static str)>,
}

impl Room {
    pub(super) fn new(per_minute_max: usize) -> Self {
        Self { per_minute_max: per_minute_max.max(1), told: VecDeque::new() }
    }

    /// One more was told.
    pub(super) fn take(&mut self, rule: &Rule, now: EventTime) {
        self.told.push_back((now, rule.name));
    }

    /// Whether one more may be told. What is slight leaves half of the room, and what is medium a quarter, to what is
    /// grave: a flood of small things hides nothing. Nor does a flood of grave ones: a rule that tells much leaves an
    /// eighth to those that tell little, whose alerts count for graver than they are.
    pub(super) fn is_left(&mut self, rule: &Rule, severity: Severity, now: EventTime) -> bool {
        while self.told.front().is_some_and(|&(told, _)| now.since(told) > CAP_WITHIN) {
            self.told.pop_front();
        }
        let most = self.per_minute_max;
        let own = self.told.iter().filter(|(_, by)| *by == rule.name).count();
        let is_loud = own >= most.div_ceil(LOUD_SHARE);
        let kept_free = match (severity, is_loud) {
            (Severity::Info | Severity::Low, true) => most / 2,
            (Severity::Info | Severity::Low, false) | (Severity::Medium, true) => most / 4,
            (Severity::High | Severity::Critical, true) => most / 8,
            _ => 0,
        };
        self.told.len() < most - kept_free
    }

    /// When what is remembered was told.
    pub(super) fn times(&self) -> VecDeque<EventTime> {
        self.told.iter().map(|&(at, _)| at).collect()
    }

    /// Remembers what was told before a restart. By whom is not kept: for the rest of a minute no rule is loud.
    pub(super) fn remember(&mut self, times: VecDeque<EventTime>) {
        self.told = times.into_iter().map(|at| (at, "")).collect();
    }
}
