//! A batch under way: what is sent, what was answered, and what became of each record so far.
//! It is given a producer and the records that still wait.
//! It promises that what has arrived is not sent again when its batch comes again.

use super::context::Answer;
use super::producer::Producer;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::time::Instant;

/// What became of the records of the newest batch.
#[derive(Debug, Default)]
pub(super) struct Progress {
    batch: String,
    fates: Vec<Fate>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Not acknowledged.
    Waiting,
    /// Refused, perhaps for what it was packed together with.
    Doubtful(Code),
    /// Acknowledged by all replicas.
    Arrived,
    /// Refused by itself.
    Refused(String),
}

impl Progress {
    /// Goes on with a batch, or begins it if it is not the one of last time.
    pub(super) fn resume(&mut self, batch: String, records: usize) {
        if self.batch != batch || self.fates.len() != records {
            *self = Self { batch, fates: vec![Fate::Waiting; records] };
        }
    }

    /// The records that `which` is true for.
    pub(super) fn those(&self, which: impl Fn(&Fate) -> bool) -> Vec<usize> {
        (0..self.fates.len()).filter(|index| self.fates.get(*index).is_some_and(&which)).collect()
    }

    pub(super) fn set(&mut self, index: usize, fate: Fate) {
        if let Some(place) = self.fates.get_mut(index) {
            *place = fate;
        }
    }

    /// The records that were refused, with the reasons.
    pub(super) fn refused(&self) -> impl Iterator<Item = (usize, &str)> {
        self.fates.iter().enumerate().filter_map(|(index, fate)| match fate {
            Fate::Refused(reason) => Some((index, reason.as_str())),
            Fate::Waiting | Fate::Doubtful(_) | Fate::Arrived => None,
        })
    }
}

/// Sends records one after the other and waits for their answers. What has none by `deadline` is not in the list.
pub(super) fn send_all(
    producer: &Producer,
    records: &[usize],
    deadline: Instant,
    send: impl Fn(usize) -> Result<(), Code>,
) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(records.len());
    let mut under_way = 0;
    for index in records.iter().copied() {
        loop {
            match send(index) {
                Ok(()) => {
                    under_way += 1;
                    break;
                }
                // There is room again when something under way is answered.
                Err(Code::QueueFull) if under_way > 0 => {
                    let Some(answer) = producer.answer(deadline) else { return answers };
                    answers.push(answer);
                    under_way -= 1;
                }
                Err(code) => {
                    answers.push(Answer { index, outcome: Err(code) });
                    break;
                }
            }
        }
    }
    while under_way > 0 {
        let Some(answer) = producer.answer(deadline) else { break };
        answers.push(answer);
        under_way -= 1;
    }
    answers
}

/// Whether a broker's answer is about the record, or one it was packed with, and will always be the same. One about
/// the time never is: that is the time of sending, so it is about this machine's clock.
pub(super) const fn is_about_the_record(code: Code) -> bool {
    is_too_large(code)
        || matches!(code, Code::InvalidRecord | Code::UnsupportedForMessageFormat | Code::ValueSerialization)
}

/// Whether less would have been taken.
pub(super) const fn is_too_large(code: Code) -> bool {
    matches!(code, Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize)
}
