//! The counters of a run that is not over: every part is asked once, and the sum is told when all have answered.
//! It is given a number that goes up each time somebody wants to know; each part answers a number once.
//! It promises that nobody waits for it, and that parts that were not asked do nothing.

use super::latency::Latencies;
use crate::http::Services;
use crate::metrics::Counters;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which sum is wanted, seen by all threads.
#[derive(Debug, Default)]
pub(super) struct Wanted(AtomicU64);

impl Wanted {
    /// Asks all parts. Gives the number of the question.
    pub(super) fn ask(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The present question, if it is a new one for whoever answered `last`.
    pub(super) fn newer_than(&self, last: &mut u64) -> Option<u64> {
        let now = self.0.load(Ordering::Relaxed);
        (now > *last).then(|| {
            *last = now;
            now
        })
    }
}

/// One part's answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) question: u64,
    pub(super) counters: Counters,
    pub(super) services: Services,
    /// Measured since the part's last answer.
    pub(super) latencies: Latencies,
}

/// Adds answers up.
#[derive(Debug, Default)]
pub(super) struct Sum {
    question: u64,
    answers: usize,
    counters: Counters,
    services: Services,
    latencies: Latencies,
}

impl Sum {
    /// Takes an answer; answers to older questions are passed over.
    pub(super) fn take(&mut self, answer: &Answer) {
        // A measurement is told once, so it counts whichever question it came with.
        self.latencies.add(&answer.latencies);
        if answer.question > self.question {
            let latencies = std::mem::take(&mut self.latencies);
            *self = Self { question: answer.question, latencies, ..Self::default() };
        }
        if answer.question == self.question {
            self.answers += 1;
            self.counters.add(&answer.counters);
            self.services.add(&answer.services);
        }
    }

    /// What was measured since this was last asked.
    pub(super) fn latencies(&mut self) -> Latencies {
        std::mem::take(&mut self.latencies)
    }

    /// The sum, once all parts have answered.
    pub(super) fn complete(&mut self, parts: usize) -> Option<(Counters, Services)> {
        (self.answers == parts).then(|| {
            self.answers = 0;
            (std::mem::take(&mut self.counters), std::mem::take(&mut self.services))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::latency::Stage;
    use super::*;
    use heelguard_detectors::time::EventTime;

    fn answer(question: u64, files: u64) -> Answer {
        let mut counters = Counters::default();
        counters.capture.files = files;
        let mut latencies = Latencies::default();
        latencies.span(Stage::Shard, EventTime::ZERO, EventTime::from_secs(files));
        Answer { question, counters, services: Services::default(), latencies }
    }

    #[test]
    fn a_sum_is_told_once_all_parts_answered_the_same_question() {
        let wanted = Wanted::default();
        let mut last = 0;
        assert_eq!(wanted.newer_than(&mut last), None);
        let first = wanted.ask();
        assert_eq!(wanted.newer_than(&mut last), Some(first));
        assert_eq!(wanted.newer_than(&mut last), None);

        let mut sum = Sum::default();
        sum.take(&answer(1, 1));
        assert!(sum.complete(2).is_none());
        sum.take(&answer(2, 10));
        sum.take(&answer(1, 100));
        assert!(sum.complete(2).is_none());
        sum.take(&answer(2, 20));
        assert_eq!(sum.complete(2).map(|(counters, _)| counters.capture.files), Some(30));
        assert!(sum.complete(2).is_none());
        let slowest = |sum: &mut Sum| sum.latencies().quantile(Stage::Shard, 1.0).map(|took| took.as_secs());
        assert_eq!(slowest(&mut sum), Some(100), "an old answer measured too");
        assert_eq!(slowest(&mut sum), None);
    }
}
