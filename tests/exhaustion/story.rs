//! A story: voices that each have something to say at times of their own, told in the order of time.
//! It is given voices and writes one capture.
//! It promises that every voice is heard to its end, and the same bytes each time.

use crate::packet::Wire;
use std::io::{self, BufWriter, PipeWriter};

/// 2026-11-21, 10:00.
pub const BEGIN_US: u64 = 1_795_255_200_000_000;
pub const SECOND_US: u64 = 1_000_000;
/// When floods begin: by then what was there from the beginning is known for ten minutes.
pub const FLOOD_US: u64 = 660 * SECOND_US;
/// How long the longest flood goes on.
pub const FLOOD_SPAN_US: u64 = 600 * SECOND_US;
const CHUNK_BYTES: usize = 1 << 18;

/// Where packets go.
pub type Out = Wire<BufWriter<PipeWriter>>;

/// Somebody who sends packets.
pub trait Voice: Send {
    /// When, after the beginning, it goes on; `None` when it has said everything.
    fn due_us(&self) -> Option<u64>;

    /// Says what is due.
    fn speak(&mut self, wire: &mut Out) -> io::Result<()>;
}

/// Things that a voice says at even distances.
#[derive(Clone, Copy)]
pub struct Beat {
    begin_us: u64,
    span_us: u64,
    count: u64,
    pub done: u64,
}

impl Beat {
    pub fn new(begin_us: u64, span_us: u64, count: u64) -> Self {
        Self { begin_us, span_us, count, done: 0 }
    }

    pub fn due_us(&self) -> Option<u64> {
        let share = u128::from(self.span_us) * u128::from(self.done) / u128::from(self.count.max(1));
        (self.done < self.count).then(|| self.begin_us + u64::try_from(share).unwrap())
    }

    /// The number of what is said now.
    pub fn next(&mut self) -> u64 {
        self.done += 1;
        self.done - 1
    }
}

/// Tells it into the pipe; gives the packets written.
pub fn tell(voices: &mut [Box<dyn Voice>], pipe: PipeWriter) -> io::Result<u64> {
    let mut wire = Wire::new(BufWriter::with_capacity(CHUNK_BYTES, pipe))?;
    while let Some((at_us, next)) =
        voices.iter().enumerate().filter_map(|(place, voice)| Some((voice.due_us()?, place))).min()
    {
        wire.now_us = wire.now_us.max(BEGIN_US + at_us);
        voices[next].speak(&mut wire)?;
    }
    wire.flush()?;
    Ok(wire.packets)
}
