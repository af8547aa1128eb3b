//! What feeds one far side with one lane: take a batch, hand it over, again until it is there, then say so.
//! It is given a destination and a reader of the spool, and runs on a thread of its own until it is told to stop.
//! It promises that a batch is acknowledged only when the far side has it or will never take it, that trouble is told
//! in one line at a time, and that what nobody takes goes into the dead-letter file.

use super::backoff::Backoff;
use super::clock::now_ms;
use super::dead_letter::DeadLetters;
use super::delivery::Tell;
use super::destination::{Destination, Refused, Trouble};
use super::spool::{Batch, Lane, Reader};
use super::status::Watch;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracing::info;

/// How long a worker waits for records before it looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a worker works with.
pub(super) struct Job {
    /// The section's name.
    pub(super) sink: Arc<str>,
    pub(super) lane: Lane,
    pub(super) destination: Box<dyn Destination>,
    pub(super) reader: Reader,
    pub(super) letters: DeadLetters,
    pub(super) watch: Watch,
    pub(super) tell: Tell,
}

/// A running worker; it stops when the handle's sender is dropped.
pub(super) struct Worker {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts it.
    pub(super) fn start(job: Job) -> std::io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let name = format!("{}-{}", job.sink, job.lane.name());
        let run = move || Run { job, stopped, backoff: Backoff::new(seed()), ready: false }.work();
        let thread = std::thread::Builder::new().name(name).spawn(run)?;
        Ok(Self { stop, thread })
    }

    /// Tells it to stop after the attempt it is at.
    pub(super) fn stop(self) -> JoinHandle<()> {
        drop(self.stop);
        self.thread
    }
}

struct Run {
    job: Job,
    stopped: Receiver<()>,
    backoff: Backoff,
    /// Whether the far side was looked at since the last trouble.
    ready: bool,
}

/// The worker was told to stop.
struct Stopped;

impl Run {
    fn work(mut self) {
        let Err(Stopped) = self.go_on();
    }

    fn go_on(&mut self) -> Result<std::convert::Infallible, Stopped> {
        // A far side that is not there is better told now than with the first alert.
        self.until_well(|_, _| Ok(()), None)?;
        loop {
            let limits = self.job.destination.limits();
            match self.job.reader.next(&limits, LOOK_EVERY) {
                Some(batch) => self.hand_over(&batch)?,
                None => self.look()?,
            }
        }
    }

    fn hand_over(&mut self, batch: &Batch) -> Result<(), Stopped> {
        let watch = self.job.watch.clone();
        let deliver = |destination: &mut dyn Destination, refused: &mut Vec<Refused>| {
            refused.clear();
            watch.delivering(true);
            let delivered = destination.deliver(batch);
            watch.delivering(false);
            delivered.map(|delivered| *refused = delivered.refused)
        };
        let refused = self.until_well(deliver, Some(batch))?;
        self.keep_letters(batch, &refused)?;
        let Job { reader, watch, .. } = &mut self.job;
        reader.ack(batch, refused.len() as u64);
        let now = now_ms();
        let lags = batch.records().map(|record| now.saturating_sub(record.raised_ms));
        watch.delivered(lags, refused.len() as u64);
        Ok(())
    }

    /// Keeps what nobody takes. As long as it cannot be kept, it stays in the spool.
    fn keep_letters(&mut self, batch: &Batch, refused: &[Refused]) -> Result<(), Stopped> {
        let Some(first) = refused.first() else { return Ok(()) };
        let keep = |job: &Job| job.letters.keep(&job.sink, batch, refused);
        while let Err(error) = keep(&self.job) {
            let place = self.job.letters.place().unwrap_or_else(|| Path::new("nowhere")).display();
            let line = format!("sinks.{}: refused records cannot be kept in {place}: {error}", self.job.sink);
            if let Some(line) = self.job.watch.down(&Trouble::new(line)) {
                self.tell(&line);
            }
            let wait = self.backoff.next(None);
            self.rest(wait)?;
        }
        self.backoff.reset();
        let Job { sink, letters, watch, .. } = &self.job;
        let place = letters.place().map_or(String::new(), |file| format!("; kept in {}", file.display()));
        let line = format!("sinks.{sink}: records that will never be taken: {}{place}", first.reason);
        if watch.is_news(&line) {
            self.tell(&line);
        }
        Ok(())
    }

    /// Tries until it goes well; what was refused comes back.
    fn until_well(
        &mut self,
        mut attempt: impl FnMut(&mut dyn Destination, &mut Vec<Refused>) -> Result<(), Trouble>,
        batch: Option<&Batch>,
    ) -> Result<Vec<Refused>, Stopped> {
        let mut refused = Vec::new();
        loop {
            self.look()?;
            let destination = &mut *self.job.destination;
            let prepared = if self.ready { Ok(()) } else { destination.prepare() };
            match prepared.and_then(|()| attempt(destination, &mut refused)) {
                Ok(()) => {
                    self.ready = true;
                    self.backoff.reset();
                    if let Some(line) = self.job.watch.up(&self.job.sink) {
                        self.tell(&line);
                    }
                    return Ok(refused);
                }
                Err(trouble) => {
                    self.ready = false;
                    if let Some(line) = self.job.watch.down(&trouble) {
                        self.tell(&line);
                    }
                    let wait = self.backoff.next(trouble.retry_after);
                    let (sink, lane) = (&*self.job.sink, self.job.lane.name());
                    let batch = batch.map(Batch::name);
                    info!(sink, lane, batch, ?wait, "trying again later");
                    self.rest(wait)?;
                }
            }
        }
    }

    fn tell(&self, line: &str) {
        (self.job.tell)(line);
    }

    /// Waits, or stops.
    fn rest(&self, wait: Duration) -> Result<(), Stopped> {
        match self.stopped.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Stopped),
        }
    }

    fn look(&self) -> Result<(), Stopped> {
        self.rest(Duration::ZERO)
    }
}

/// Waits until the threads have ended, or the time is up; those that have not are left to the end of the process.
pub(super) fn join(threads: Vec<JoinHandle<()>>, until: Instant) -> usize {
    let mut left = threads;
    loop {
        left.retain(|thread| !thread.is_finished());
        if left.is_empty() || Instant::now() >= until {
            return left.len();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Spreads the waits of sensors that lost the same far side.
fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| now_ms())
}

#[cfg(test)]
mod tests;
