//! Captures handed to a sensor as time goes on, not at once.
//! It is given a capture, or pieces of one, and the pipe that the sensor reads.
//! It promises that the sensor looks at a piece when it has it: behind each stand so many packets of nobody's that it
//! surely does.

use crate::split::{HEAD_BYTES, nobodys, packets};
use std::io::{self, Write as _};
use std::process::ChildStdin;
use std::thread::JoinHandle;
use std::time::Duration;

/// So many packets after which the sensor works off what it has read.
const ROUND_PACKETS: usize = 4_096;

/// Hands over a capture piece by piece, and ends it.
pub fn slowly(
    mut input: ChildStdin,
    capture: &[u8],
    pieces: usize,
    over: Duration,
) -> JoinHandle<io::Result<()>> {
    let capture = capture.to_vec();
    std::thread::spawn(move || {
        let (head, packets) = packets(&capture);
        input.write_all(head)?;
        for piece in packets.chunks(packets.len().div_ceil(pieces).max(1)) {
            let bytes: Vec<u8> = piece.iter().flat_map(|packet| packet.0).copied().collect();
            input.write_all(&bytes)?;
            let last = piece.last().expect("a piece has a packet");
            input.write_all(&nobodys(last.time()).repeat(ROUND_PACKETS))?;
            std::thread::sleep(over / u32::try_from(pieces).expect("few"));
        }
        Ok(())
    })
}

/// A wire that a test holds in its hand.
#[derive(Debug)]
pub struct Wire(ChildStdin);

impl Wire {
    /// Begins with this capture, at the end of which it is so late (since 1970).
    pub fn begin(mut input: ChildStdin, capture: &[u8], until: Duration) -> Self {
        input.write_all(capture).expect("the sensor reads");
        let mut wire = Self(input);
        wire.wait(until);
        wire
    }

    /// Another capture of the same form goes over it.
    pub fn send(&mut self, capture: &[u8], until: Duration) {
        self.0.write_all(&capture[HEAD_BYTES..]).expect("the sensor reads");
        self.wait(until);
    }

    /// Nothing but time goes over it.
    pub fn wait(&mut self, until: Duration) {
        let seconds = u32::try_from(until.as_secs()).expect("before 2106").to_le_bytes();
        let time = [seconds, until.subsec_micros().to_le_bytes()].concat();
        self.0.write_all(&nobodys(&time).repeat(ROUND_PACKETS)).expect("the sensor reads");
    }
}
