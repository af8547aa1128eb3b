//! How long something is silent at most, day by day, in seconds in which the sensor could have heard it.
//! It is given each time that it is heard, and those seconds so far.
//! It promises that a time nobody watched is no silence, and two weeks of memory.

use crate::saved::saved;
use crate::time::EventTime;
use std::collections::VecDeque;

/// Days whose longest silence is remembered: two weekends.
const DAYS_MAX: usize = 14;
const DAY_S: u64 = 86_400;

/// The present silence, and those of the last days.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Watched seconds, ever, when it was last looked at.
    watched: u64,
    /// Of them, those since it was last heard.
    silent: u64,
    heard: u64,
    /// Each day on which it was heard, and the longest silence that ended in it.
    days: VecDeque<(u64, u64)>,
}

saved!(Silence { watched, silent, heard, days });

impl Silence {
    /// It is heard: the silence ends.
    pub(super) fn end(&mut self, at: EventTime) {
        let day = at.as_secs() / DAY_S;
        // Before the first time there was no silence, there was nothing to be heard.
        let silent = if self.heard == 0 { 0 } else { self.silent };
        self.heard = self.heard.saturating_add(1);
        self.silent = 0;
        match self.days.back_mut() {
            Some((known, longest)) if *known == day => *longest = silent.max(*longest),
            _ => self.days.push_back((day, silent)),
        }
        if self.days.len() > DAYS_MAX {
            self.days.pop_front();
        }
    }

    /// Takes in how many seconds were watched so far; gives those since this was last asked and those since it was last heard.
    pub(super) fn go_on(&mut self, watched: u64) -> (u64, u64) {
        let fresh = watched.saturating_sub(self.watched);
        self.watched = watched;
        self.silent = self.silent.saturating_add(fresh);
        (fresh, self.silent)
    }

    /// The longest silence of the days that are remembered, once enough is known.
    pub(super) fn usual(&self, days: u32, times: u64) -> Option<u64> {
        let known = self.days.back()?.0.saturating_sub(self.days.front()?.0);
        let is_known = known >= u64::from(days) && self.heard >= times;
        is_known.then(|| self.days.iter().map(|(_, longest)| *longest).max()).flatten()
    }
}
