//! Sightings of all sensors in one order: by end, then id, under a watermark.
//! It is given frames in the order of the topic, and gives out what no sensor can precede any more.
//! It promises to be a function of the frames alone: read again, they give the same order, and what comes too late is
//! given out as late and never lost.

use super::config::Config;
use super::frame::{Frame, Phase, Second, Sender};
use crate::http::Bytes;
use crate::identity::Sighting;
use crate::metrics::ScaleCounters;
use heelguard_detectors::health::Kernel;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use heelguard_detectors::transaction::TransactionId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Frames that one sensor may lose in a row and be believed.
const MISSING_MAX: u64 = 1 << 32;
/// Seconds that wait for slower sensors: a day.
const SECONDS_MAX: usize = 86_400;
/// Runs of sensors remembered; the one not heard of for longest is forgotten first.
const RUNS_MAX: usize = 1_024;

/// A sighting with the sensor that saw it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) sighting: Box<Sighting>,
    pub(super) sensor: Arc<str>,
    /// The pair that the sensor is one of; empty: none.
    pub(super) pair: Arc<str>,
}

saved!(Held { sighting, sensor, pair });

/// Where something stands in the order; what ended at one time and has one id stands as it came.
type Place = (EventTime, TransactionId, u64);

/// What is out of the sensors' hands.
#[derive(Debug, Default)]
pub(super) struct Released {
    /// What ended before the last release, in the order in which it came.
    pub(super) late: Vec<Held>,
    /// By end, then id.
    pub(super) sightings: Vec<Held>,
    /// The same of connections that were not read, with their pair.
    pub(super) connections: Vec<(Box<TlsConnection>, Arc<str>)>,
    /// Seconds that are over, by their end.
    pub(super) seconds: Vec<Second>,
    /// Everything that ended before this is out.
    pub(super) watermark: EventTime,
    /// All that is known of is at its end, which was then.
    pub(super) ended: Option<EventTime>,
}

/// One run of one sensor.
#[derive(Clone, Debug)]
struct Source {
    /// The number of the frame that comes next.
    next: u64,
    /// What it has promised not to go back behind.
    watermark: EventTime,
    /// When it was heard of last, by the newest clock of any frame then.
    heard_ms: u64,
    phase: Phase,
    pair: Arc<str>,
    /// Its sensor began anew since.
    is_past: bool,
}

saved!(Source { next, watermark, heard_ms, phase, pair, is_past });

/// What waits for slower sensors.
#[derive(Debug)]
pub(super) struct Order {
    lateness: Duration,
    idle_ms: u64,
    held_max: usize,
    /// Sensors that are waited for before anything is let go.
    wanted: Vec<Arc<str>>,
    sources: BTreeMap<(Arc<str>, u64), Source>,
    waiting: BTreeMap<Place, Held>,
    late: Vec<Held>,
    connections: BTreeMap<Place, (Box<TlsConnection>, Arc<str>)>,
    /// How much came so far.
    arrived: u64,
    seconds: BTreeMap<EventTime, (Bytes, Kernel)>,
    /// Everything that ended before is out.
    released: EventTime,
    /// When the newest frame came to the topic.
    clock_ms: u64,
    /// The last end that was told.
    ended: Option<EventTime>,
}

impl Order {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            lateness: Duration::from_millis(config.lateness_ms.into()),
            idle_ms: u64::from(config.idle_s) * 1_000,
            held_max: config.held_max.max(1),
            wanted: config.sensors.iter().map(|name| name.as_str().into()).collect(),
            sources: BTreeMap::new(),
            waiting: BTreeMap::new(),
            late: Vec::new(),
            connections: BTreeMap::new(),
            arrived: 0,
            seconds: BTreeMap::new(),
            released: EventTime::ZERO,
            clock_ms: 0,
            ended: None,
        }
    }

    /// Takes a frame that came to the topic then; one that came before is passed over.
    pub(super) fn take(&mut self, frame: Frame, at_ms: u64, counters: &mut ScaleCounters) {
        let Frame { sender, number, watermark, phase, sightings, connections, seconds, .. } = frame;
        self.tick(at_ms);
        self.meet(&sender, number);
        let clock_ms = self.clock_ms;
        let Some(source) = self.sources.get_mut(&(sender.sensor.clone(), sender.run)) else { return };
        source.heard_ms = clock_ms;
        if number < source.next {
            counters.frames_repeated += 1;
            return;
        }
        counters.frames_missing += number - source.next;
        source.next = number.saturating_add(1);
        source.watermark = source.watermark.max(watermark);
        source.phase = phase;
        counters.sightings_in += sightings.len() as u64;
        for sighting in sightings {
            let (end, id) = (sighting.transaction.end, sighting.transaction.id);
            if end >= self.released {
                let held = Held { sighting, sensor: sender.sensor.clone(), pair: sender.pair.clone() };
                self.waiting.insert((end, id, self.arrived), held);
                self.arrived += 1;
            } else if self.was_promised(&sender, end) {
                counters.twins += 1;
            } else {
                self.late.push(Held { sighting, sensor: sender.sensor.clone(), pair: sender.pair.clone() });
            }
        }
        for connection in connections {
            let place = (connection.end, connection.id, self.arrived);
            self.connections.insert(place, (connection, sender.pair.clone()));
            self.arrived += 1;
        }
        for Second { end, bytes, kernel } in seconds {
            let (all_bytes, all_kernel) = self.seconds.entry(end).or_default();
            all_bytes.add(bytes);
            all_kernel.received = all_kernel.received.saturating_add(kernel.received);
            all_kernel.dropped = all_kernel.dropped.saturating_add(kernel.dropped);
        }
        while self.seconds.len() > SECONDS_MAX {
            self.seconds.pop_first();
        }
    }

    /// Whether a frame's number can be meant: sensors count by one, and lose some.
    pub(super) fn believes(&self, sender: &Sender, number: u64) -> bool {
        let source = self.sources.get(&(sender.sensor.clone(), sender.run));
        number.saturating_sub(source.map_or(0, |source| source.next)) < MISSING_MAX
    }

    /// Sightings that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.late.len()
    }

    /// Gives out what no sensor can precede any more, in order, behind what came too late.
    pub(super) fn release(&mut self) -> Released {
        let until = self.until();
        let sightings: Vec<Held> = before(&mut self.waiting, until).into_values().collect();
        let connections = before(&mut self.connections, until).into_values().collect();
        let mut seconds = std::mem::take(&mut self.seconds);
        if until != EventTime::MAX {
            self.seconds = seconds.split_off(&until);
        }
        let second = |(end, (bytes, kernel))| Second { end, bytes, kernel };
        // What was let go without a promise behind it is passed, too: time does not go back.
        let newest = sightings.last().map_or(EventTime::ZERO, |held| held.sighting.transaction.end);
        let watermark = if until == EventTime::MAX { newest } else { until };
        self.released = self.released.max(watermark);
        Released {
            late: std::mem::take(&mut self.late),
            sightings,
            connections,
            seconds: seconds.into_iter().map(second).collect(),
            watermark: self.released,
            ended: self.newly_ended(),
        }
    }

    /// The clock of the topic goes on. While nothing came nobody was silent: there was no way to be heard.
    fn tick(&mut self, at_ms: u64) {
        let passed = at_ms.saturating_sub(self.clock_ms);
        if passed > self.idle_ms {
            for source in self.sources.values_mut() {
                source.heard_ms = source.heard_ms.saturating_add(passed);
            }
        }
        self.clock_ms = self.clock_ms.max(at_ms);
    }

    /// Whether the other of a pair had told everything up to then.
    fn was_promised(&self, sender: &Sender, end: EventTime) -> bool {
        let is_other = |(sensor, _): &(Arc<str>, u64), source: &Source| {
            *sensor != sender.sensor && source.pair == sender.pair && source.watermark > end
        };
        !sender.pair.is_empty() && self.sources.iter().any(|(run, source)| is_other(run, source))
    }

    /// Before when everything may go; `MAX` where nobody can send anything older.
    fn until(&self) -> EventTime {
        let crowded = self.crowded();
        if !self.all_are_known() {
            return crowded;
        }
        let active = self.sources.values().filter(|source| self.is_awaited(source));
        match active.map(|source| source.watermark).min() {
            Some(promised) => promised.before(self.lateness).max(crowded),
            None => EventTime::MAX,
        }
    }

    /// Where more is held than there is room for, the older half goes.
    fn crowded(&self) -> EventTime {
        let half = |places: usize| (places > self.held_max).then_some(places / 2);
        let sighting = half(self.waiting.len()).and_then(|place| self.waiting.keys().nth(place));
        let connection = half(self.connections.len()).and_then(|place| self.connections.keys().nth(place));
        let ends = [sighting, connection].into_iter().flatten().map(|(end, ..)| *end);
        ends.max().unwrap_or(EventTime::ZERO)
    }

    /// Sensors that are waited for at the start and were never heard of.
    pub(super) fn absent(&self) -> impl Iterator<Item = &Arc<str>> {
        self.wanted.iter().filter(|name| !self.sources.keys().any(|(sensor, _)| sensor == *name))
    }

    fn all_are_known(&self) -> bool {
        self.absent().next().is_none()
    }

    fn is_awaited(&self, source: &Source) -> bool {
        source.phase == Phase::Goes && self.clock_ms.saturating_sub(source.heard_ms) <= self.idle_ms
    }

    /// The end of all captures, once, when the last of them is at it. A sensor that was stopped comes back: what is open
    /// stays open for it.
    fn newly_ended(&mut self) -> Option<EventTime> {
        let goes_on =
            |source: &Source| self.is_awaited(source) || source.phase == Phase::Stopped && !source.is_past;
        if !self.all_are_known() || self.sources.values().any(goes_on) {
            return None;
        }
        let ended = self.sources.values().filter(|source| source.phase == Phase::Ended);
        let end = ended.map(|source| source.watermark).max()?;
        (self.ended.replace(end) != Some(end)).then_some(end)
    }

    /// A run that is not known yet ends those that its sensor began before, and takes the place of the one that was silent
    /// for longest where there are too many. What it sent before nobody here can miss: the topic may not reach back so far.
    fn meet(&mut self, sender: &Sender, number: u64) {
        let run = (sender.sensor.clone(), sender.run);
        if self.sources.contains_key(&run) {
            return;
        }
        for ((sensor, _), source) in &mut self.sources {
            if *sensor == sender.sensor && source.phase == Phase::Goes {
                source.phase = Phase::Stopped;
            }
            source.is_past |= *sensor == sender.sensor;
        }
        if self.sources.len() >= RUNS_MAX {
            let silent = self.sources.iter().min_by_key(|(_, source)| source.heard_ms);
            if let Some(oldest) = silent.map(|(key, _)| key.clone()) {
                self.sources.remove(&oldest);
            }
        }
        let source = Source {
            next: number,
            watermark: EventTime::ZERO,
            heard_ms: self.clock_ms,
            phase: Phase::Goes,
            pair: sender.pair.clone(),
            is_past: false,
        };
        self.sources.insert(run, source);
    }

    /// Sensors and what waits, as bytes.
    pub(super) fn save(&self, out: &mut Vec<u8>) {
        self.sources.save(out);
        self.waiting.save(out);
        self.late.save(out);
        self.connections.save(out);
        self.seconds.save(out);
        (self.released, self.clock_ms, self.ended, self.arrived).save(out);
    }

    /// Takes them back.
    pub(super) fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        self.sources = Saved::load(from)?;
        self.waiting = Saved::load(from)?;
        self.late = Saved::load(from)?;
        self.connections = Saved::load(from)?;
        self.seconds = Saved::load(from)?;
        (self.released, self.clock_ms, self.ended, self.arrived) = Saved::load(from)?;
        Ok(())
    }
}

/// What ended before; all of it where time has no end.
fn before<T>(held: &mut BTreeMap<Place, T>, until: EventTime) -> BTreeMap<Place, T> {
    if until == EventTime::MAX {
        return std::mem::take(held);
    }
    let rest = held.split_off(&(until, TransactionId(0), 0));
    std::mem::replace(held, rest)
}

#[cfg(test)]
mod tests;
