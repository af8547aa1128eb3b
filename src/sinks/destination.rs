//! What every far side looks like to the worker that feeds it.
//! It is given batches of one lane and hands them over; queue, retry, back-off, dead letters and counters are the worker's.
//! It promises that a batch is answered as a whole: delivered but for records nobody will ever take, or to be tried again.

use super::spool::Batch;
use std::time::Duration;

/// The far side of one sink, for one lane. It lives on a thread of its own and may block.
pub trait Destination: Send {
    /// What a batch may hold.
    fn limits(&self) -> Limits;

    /// Looks whether the far side is there and takes what we have: topics, tables, rights. Asked before the first
    /// batch, and after each trouble before the next try.
    fn prepare(&mut self) -> Result<(), Trouble>;

    /// Looks whether records would be taken now, for an operator who asks; none is handed over afterwards.
    fn look(&mut self) -> Result<(), Trouble> {
        self.prepare()
    }

    /// Hands a batch over. After trouble nothing of the batch is known to have arrived, and the same batch comes
    /// again, byte by byte.
    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, Trouble>;
}

/// What a batch may hold, and how long it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records.
    pub records_max: usize,
    /// Bytes of bodies; a single record may be larger.
    pub bytes_max: usize,
    /// How long the first record waits for others.
    pub linger: Duration,
    /// Whether the end of a batch must be on disk before it is handed over, so that a restart makes the same batch
    /// again: for far sides that know batches by their names.
    pub fixed: bool,
}

/// A batch that arrived, but for what was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records that the far side will never take.
    pub refused: Vec<Refused>,
}

/// A record for the dead-letter file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the batch.
    pub index: usize,
    /// What the far side said.
    pub reason: String,
}

/// Why a batch must wait: one line that names the setting or the peer, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The line.
    pub message: String,
    /// How long the far side asked to be left alone.
    pub retry_after: Option<Duration>,
}

impl Trouble {
    /// Trouble that the usual back-off is right for.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry_after: None }
    }
}
