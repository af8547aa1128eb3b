//! A frame: what one sensor saw in a moment, as bytes on their way to the workers.
//! It is given sightings, connections and seconds in order, with who sends them and how far they reach.
//! It promises that whatever bytes are read give a frame or an error, in room that is in proportion to them, and that
//! no token is in them.
//!
//! ```text
//! version u8 · sender · number u64 · sent u64 · watermark u64 · phase u8 · sightings · connections · seconds
//! ```
//! Numbers are little-endian, lists and texts have their length before them (`detectors::saved`).

use crate::http::Bytes;
use crate::identity::Sighting;
pub use crate::pipeline::{Phase, Second};
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use std::cmp::Ordering;
use std::sync::Arc;

/// To be counted up with every change of what a frame holds, the order of a vocabulary's names included.
const VERSION: u8 = 1;

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Whose traffic it is.
    pub tenant: Arc<str>,
    /// The sensor's own name.
    pub sensor: Arc<str>,
    /// The pair of sensors it belongs to, which see the same traffic; empty where it sees its own.
    pub pair: Arc<str>,
    /// Under which key and names it sees (`LineageConfig::key`): what sensors of other ones see cannot be joined.
    pub key: [u8; 8],
    /// A random number of this run of the sensor.
    pub run: u64,
}

saved!(Sender { tenant, sensor, pair, key, run });

impl Saved for Phase {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Goes => 0,
            Self::Stopped => 1,
            Self::Ended => 2,
        });
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        match u8::load(from)? {
            0 => Ok(Self::Goes),
            1 => Ok(Self::Stopped),
            2 => Ok(Self::Ended),
            _ => Err(Damaged),
        }
    }
}

// Written here and not where they are made, for those layers know nothing of what is sent.
saved!(Bytes { delivered, missing, encrypted, quic });

saved!(Second { end, bytes, kernel });

/// What one sensor saw since its frame before.
#[derive(Debug)]
pub struct Frame {
    /// Who sends it.
    pub sender: Sender,
    /// From 0, one more with each frame of a run.
    pub number: u64,
    /// When it was sent by the sensor's own clock, in milliseconds since 1970.
    pub sent_ms: u64,
    /// Nothing that is sent later ended before.
    pub watermark: EventTime,
    /// How it goes on.
    pub phase: Phase,
    /// Exchanges, in order of end and id. Their tokens were judged (`Bench`), and are not in here.
    pub sightings: Vec<Box<Sighting>>,
    /// Connections that were not read, in the same order.
    pub connections: Vec<Box<TlsConnection>>,
    /// Seconds in which anything was seen or lost, in order.
    pub seconds: Vec<Second>,
}

saved!(Frame { sender, number, sent_ms, watermark, phase, sightings, connections, seconds });

/// Why a frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A later version wrote it.
    #[error("the frame is of version {0}; this program knows versions up to {VERSION}")]
    Newer(u8),
    /// It is cut short, changed, or something else.
    #[error("the frame is damaged")]
    Damaged,
}

impl From<Damaged> for Unreadable {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl Frame {
    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.save(out);
    }

    /// Reads it back, and nothing else: bytes that are left are damage.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (&version, mut from) = bytes.split_first().ok_or(Unreadable::Damaged)?;
        match version.cmp(&VERSION) {
            Ordering::Equal => {}
            Ordering::Greater => return Err(Unreadable::Newer(version)),
            Ordering::Less => return Err(Unreadable::Damaged),
        }
        let frame = Self::load(&mut from)?;
        if from.is_empty() { Ok(frame) } else { Err(Unreadable::Damaged) }
    }
}

#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;
