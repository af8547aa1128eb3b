//! The sender: rounds of traffic at a rate, for as long as it is wanted.
//! It is given a round, a rate and a word when to stop, and counts what it put on the cable.
//! It promises whole rounds, so that the transactions in them are known exactly, and no bursts to catch up.

use super::cable::{BATCH_MAX, Socket};
use super::cores::Core;
use super::round::Round;
use super::wire::Wire;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Batches in a second, where the rate is not so high that they would be larger than one call takes.
const BATCHES_PER_S: f64 = 2_000.0;
/// A sender that is later than this lets the lost time go.
const LATE_MAX: Duration = Duration::from_millis(25);
/// Waits shorter than this are spent turning: the system's clock cannot wake so soon.
const TURN_MAX: Duration = Duration::from_micros(120);

/// What the sender and those who watch it tell each other.
#[derive(Default)]
pub(crate) struct Told {
    /// Packets sent so far.
    pub sent: AtomicU64,
    /// Set by who wants it to end after the round.
    pub is_enough: AtomicBool,
}

/// A sender at the far end of the cable.
pub(crate) struct Sender<'a> {
    socket: Socket,
    core: Core,
    round: &'a Round,
    /// The number of the next round; it goes on from one listener to the next.
    number: u64,
    frames: Vec<Vec<u8>>,
}

impl<'a> Sender<'a> {
    pub(crate) fn new(wire: &Wire, round: &'a Round) -> Result<Self, String> {
        let socket = Socket::on(Wire::FAR).map_err(|error| format!("{}: {error}", Wire::FAR))?;
        let frames = (0..BATCH_MAX).map(|_| Vec::with_capacity(2_048)).collect();
        Ok(Self { socket, core: wire.senders, round, number: 0, frames })
    }

    /// Sends whole rounds until it is enough, at least one; gives their number and the time they took.
    /// The calling thread is the sender's from then on.
    #[allow(clippy::cast_sign_loss, reason = "a rate is above zero")]
    pub(crate) fn send(&mut self, packets_per_s: f64, told: &Told) -> Result<(u64, Duration), String> {
        let batch = ((packets_per_s / BATCHES_PER_S) as usize).clamp(1, BATCH_MAX);
        self.core.take();
        let begun = Instant::now();
        let mut due = begun;
        let mut rounds = 0;
        loop {
            let mut at = 0;
            while let count @ 1.. = self.fill(at, batch) {
                wait(&mut due);
                self.socket.send(&self.frames[..count]).map_err(|error| format!("sending: {error}"))?;
                due += Duration::from_secs_f64(count as f64 / packets_per_s);
                at += count;
                told.sent.fetch_add(count as u64, Ordering::Relaxed);
            }
            self.number += 1;
            rounds += 1;
            if told.is_enough.load(Ordering::Relaxed) {
                return Ok((rounds, begun.elapsed()));
            }
        }
    }

    /// Writes up to `batch` frames from frame `at` on; gives how many there were.
    fn fill(&mut self, at: usize, batch: usize) -> usize {
        let mut count = 0;
        for slot in self.frames.iter_mut().take(batch) {
            if !self.round.write(at + count, self.number, slot) {
                break;
            }
            count += 1;
        }
        count
    }
}

/// Waits for the moment, which moves when it is long past.
fn wait(due: &mut Instant) {
    loop {
        let now = Instant::now();
        let Some(left) = due.checked_duration_since(now).filter(|left| !left.is_zero()) else {
            if now.saturating_duration_since(*due) > LATE_MAX {
                *due = now;
            }
            return;
        };
        if left > TURN_MAX {
            std::thread::sleep(left.saturating_sub(TURN_MAX / 2));
        } else {
            std::hint::spin_loop();
        }
    }
}
