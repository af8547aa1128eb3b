//! What a sensor saw as frames, on its way to the workers that judge it.
//! It is given what the pipeline hands out and puts bytes into the delivery, numbered from 0.
//! It promises frames of bounded size, few that say only how far time is, and that a piece of what was handed out never
//! claims to reach as far as the whole.

use crate::cli::{Failure, inform};
use crate::config::Raw;
use crate::pipeline::{Forward, Phase};
use crate::scale::frame::{Frame, Sender};
use crate::sinks::clock::now_ms;
use heelguard_detectors::time::EventTime;
use std::time::{Duration, Instant};

/// Bytes after which a frame is cut in pieces; brokers take twice that.
const FRAME_BYTES_MAX: usize = 512 << 10;
/// Sightings, and connections, of one frame.
const FRAME_ITEMS_MAX: usize = 2_000;
/// Where nothing was seen, that time goes on is told so often.
const QUIET_EVERY: Duration = Duration::from_millis(250);

/// Makes frames of what was handed out.
pub(in crate::cli) struct Shipping {
    sender: Sender,
    number: u64,
    /// How far the last frame reaches.
    told: EventTime,
    /// When it was sent.
    sent: Option<Instant>,
    bytes: Vec<u8>,
}

impl Shipping {
    /// For a sensor that forwards, as the configuration says; `key` is that of `LineageConfig`. Arranges that the sink
    /// it names sends the frames. `None`: this sensor judges for itself.
    pub(in crate::cli) fn arrange(raw: &mut Raw, key: [u8; 8]) -> Result<Option<Self>, Failure> {
        if !raw.scale.forward {
            return Ok(None);
        }
        raw.sinks.send_sightings(&raw.scale.sink, &raw.scale.sightings_topic);
        let run = getrandom::u64()
            .map_err(|error| Failure::running(format!("the system gives no random bytes: {error}")))?;
        let topic = &raw.scale.sightings_topic;
        inform(&format!(
            "scale.forward: what is seen goes to workers by topic {topic}, and they judge it: no alerts, transactions or \
             inventory here"
        ));
        let sender = Sender {
            tenant: raw.sensor.tenant.as_str().into(),
            sensor: raw.sensor.name.as_str().into(),
            pair: raw.scale.pair.as_str().into(),
            key,
            run,
        };
        Ok(Some(Self::new(sender)))
    }

    fn new(sender: Sender) -> Self {
        Self { sender, number: 0, told: EventTime::ZERO, sent: None, bytes: Vec::new() }
    }

    /// Gives each frame to `put` with its id, and says how many there were.
    pub(super) fn ship(&mut self, released: Forward, mut put: impl FnMut(u128, &[u8])) -> u64 {
        if self.says_little(&released) {
            return 0;
        }
        let Forward { sightings, connections, seconds, watermark, phase } = released;
        let frame = Frame {
            sender: self.sender.clone(),
            number: 0,
            sent_ms: now_ms(),
            watermark,
            phase,
            sightings,
            connections,
            seconds,
        };
        let before = self.number;
        self.send(frame, &mut put);
        self.sent = Some(Instant::now());
        self.number - before
    }

    /// Whether it says no more than that time goes on, and that was said a moment ago.
    fn says_little(&self, released: &Forward) -> bool {
        let Forward { sightings, connections, seconds, watermark, phase } = released;
        let is_empty = sightings.is_empty() && connections.is_empty() && seconds.is_empty();
        let is_new = *watermark > self.told && self.sent.is_none_or(|sent| sent.elapsed() >= QUIET_EVERY);
        is_empty && *phase == Phase::Goes && !is_new
    }

    /// Sends a frame, in pieces where it is too large.
    fn send(&mut self, mut frame: Frame, put: &mut impl FnMut(u128, &[u8])) {
        loop {
            let items = frame.sightings.len().max(frame.connections.len());
            let keep = if items > FRAME_ITEMS_MAX {
                FRAME_ITEMS_MAX
            } else {
                frame.number = self.number;
                self.bytes.clear();
                frame.write(&mut self.bytes);
                if self.bytes.len() <= FRAME_BYTES_MAX || items < 2 {
                    put((u128::from(frame.sender.run) << 64) | u128::from(frame.number), &self.bytes);
                    self.number += 1;
                    self.told = frame.watermark;
                    return;
                }
                let fit = items.saturating_mul(FRAME_BYTES_MAX) / self.bytes.len();
                fit.clamp(1, items.div_ceil(2))
            };
            let rest = self.cut(&mut frame, keep);
            self.send(frame, put);
            frame = rest;
        }
    }

    /// Takes all but the first items of a frame out of it. More that ended since the frame before is to come then.
    fn cut(&self, frame: &mut Frame, keep: usize) -> Frame {
        let rest = Frame {
            sender: frame.sender.clone(),
            number: 0,
            sent_ms: frame.sent_ms,
            watermark: frame.watermark,
            phase: frame.phase,
            sightings: frame.sightings.split_off(keep.min(frame.sightings.len())),
            connections: frame.connections.split_off(keep.min(frame.connections.len())),
            seconds: std::mem::take(&mut frame.seconds),
        };
        (frame.watermark, frame.phase) = (self.told, Phase::Goes);
        rest
    }
}

#[cfg(test)]
mod tests;
