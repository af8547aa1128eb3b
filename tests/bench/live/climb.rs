//! The highest rate that a listener takes without a drop, and what it uses at that rate and below.
//! It is given a listener and climbs from a low rate, twice as fast each time, and then halves the last step.
//! It promises that a rate counts only when everything sent was received, found and read within half a second.

use super::{Listener, Listening, Outcome, Round, Sender, Told, Wire};
use crate::say;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The first rate, in packets a second.
const LOWEST: f64 = 25_000.0;
/// How often the step between a rate that is taken and one that is not is halved: to 2^(1/16), four percent.
const HALVINGS: u32 = 4;
/// A listener that is at work for longer after the last packet did not keep up.
const LATE_MAX: Duration = Duration::from_millis(500);
/// A listener that uses less than this of a core has nothing left to do.
const REST_PART: f64 = 0.25;
/// How far the rate may be from what was asked of the sender.
const SENDER_PART_MIN: f64 = 0.95;

/// One rate, and how the listener fared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Packets a second that were sent, and those that the listener read.
    pub offered: f64,
    pub delivered: f64,
    pub dropped: u64,
    pub cpu_percent: f64,
    pub resident_mib: f64,
    /// Whether nothing was lost, nothing was missed, and nothing came late.
    pub is_taken: bool,
    /// Whether the sender could not send as fast as it was asked to.
    pub is_sender_slow: bool,
}

/// All that was measured of one listener, in the order of rates.
pub(crate) struct Climb {
    pub listener: Listener,
    pub steps: Vec<Step>,
}

/// What a climb needs.
pub(crate) struct Climber<'a> {
    pub wire: &'a Wire,
    pub round: &'a Round,
    pub folder: &'a Path,
    /// How long each rate is sent, at least.
    pub time: Duration,
}

impl Climb {
    /// The highest rate that was taken.
    pub(crate) fn highest(&self) -> Option<&Step> {
        self.steps.iter().rfind(|step| step.is_taken)
    }

    /// The step nearest to half of the highest rate.
    pub(crate) fn half(&self) -> Option<&Step> {
        let half = self.highest()?.offered / 2.0;
        self.steps.iter().min_by(|a, b| (a.offered - half).abs().total_cmp(&(b.offered - half).abs()))
    }
}

impl Climber<'_> {
    pub(crate) fn climb(&self, sender: &mut Sender<'_>, listener: Listener) -> Result<Climb, String> {
        let mut steps = Vec::new();
        let mut taken = 0.0;
        let mut rate = LOWEST;
        let mut refused = loop {
            let step = self.patient_step(sender, listener, rate)?;
            steps.push(step);
            if !step.is_taken || step.is_sender_slow {
                if step.is_taken {
                    taken = step.offered;
                }
                break rate;
            }
            taken = rate;
            rate *= 2.0;
        };
        let is_sender_slow = steps.last().is_some_and(|step| step.is_taken);
        // Where the sender is the limit, there is nothing to look for between.
        let halvings = if is_sender_slow || taken == 0.0 { 0 } else { HALVINGS };
        for _ in 0..halvings {
            let middle = f64::sqrt(taken * refused);
            let step = self.patient_step(sender, listener, middle)?;
            steps.push(step);
            if step.is_taken {
                taken = middle;
            } else {
                refused = middle;
            }
        }
        if taken > 0.0 {
            steps.push(self.step(sender, listener, taken / 2.0)?);
        }
        steps.sort_by(|a, b| a.offered.total_cmp(&b.offered));
        Ok(Climb { listener, steps })
    }

    /// A rate is tried again when it was not taken: what else the machine did may have been the reason.
    fn patient_step(&self, sender: &mut Sender<'_>, listener: Listener, rate: f64) -> Result<Step, String> {
        let step = self.step(sender, listener, rate)?;
        if step.is_taken {
            return Ok(step);
        }
        let again = self.step(sender, listener, rate)?;
        Ok(if again.is_taken { again } else { step })
    }

    fn step(&self, sender: &mut Sender<'_>, listener: Listener, rate: f64) -> Result<Step, String> {
        let listening = listener.start(self.wire, self.folder)?;
        let before = (self.wire.arrived()?, listening.used()?);
        let told = Told::default();
        let sent = std::thread::scope(|scope| {
            let sending = scope.spawn(|| sender.send(rate, &told));
            let begun = Instant::now();
            while begun.elapsed() < self.time && !sending.is_finished() {
                std::thread::sleep(Duration::from_millis(20));
            }
            told.is_enough.store(true, Ordering::Relaxed);
            sending.join().map_err(|_| "the sender broke down".to_owned())?
        });
        let (rounds, time) = sent?;
        let used = listening.used()?;
        let late = rest(&listening)?;
        let outcome = listening.stop()?;
        let arrived = self.wire.arrived()?.0 - before.0.0;
        let sent = rounds * self.round.packets();
        let seconds = time.as_secs_f64();
        let step = Step {
            offered: sent as f64 / seconds,
            delivered: outcome.read as f64 / seconds,
            dropped: outcome.dropped,
            cpu_percent: used.cpu.saturating_sub(before.1.cpu).as_secs_f64() / seconds * 100.0,
            resident_mib: used.peak_kib as f64 / 1_024.0,
            is_taken: is_whole(&outcome, sent, rounds * self.round.transactions) && late <= LATE_MAX,
            is_sender_slow: (sent as f64 / seconds) < rate * SENDER_PART_MIN,
        };
        say(&format!(
            "{}: {:.0} packets/s offered, {arrived} of {sent} arrived, {} dropped, {:.0} % CPU, {:.0} ms late{}",
            listener.name(),
            step.offered,
            step.dropped,
            step.cpu_percent,
            late.as_secs_f64() * 1e3,
            if step.is_taken { "" } else { ": not taken" },
        ));
        Ok(step)
    }
}

/// Whether everything that was sent was read, and every transaction found by one who looks for them.
fn is_whole(outcome: &Outcome, sent: u64, transactions: u64) -> bool {
    outcome.dropped == 0
        && outcome.read == sent
        && outcome.transactions.is_none_or(|found| found == transactions)
        && outcome.balanced != Some(false)
}

/// How long the listener is still at work.
fn rest(listening: &Listening) -> Result<Duration, String> {
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(20);
    let mut late = Duration::ZERO;
    let mut before = listening.used()?.cpu;
    while late < LONGEST {
        std::thread::sleep(LOOK_EVERY);
        let now = listening.used()?.cpu;
        if now.saturating_sub(before).as_secs_f64() < LOOK_EVERY.as_secs_f64() * REST_PART {
            break;
        }
        late += LOOK_EVERY;
        before = now;
    }
    Ok(late)
}
