//! A network that only this test is in, and its cables.
//! It is given names for cables and frames to send, and gives the names of the ends at which a sensor listens.
//! It promises that frames come out in the order in which they went in, each counted.

use crate::wire::{self, BATCH_MAX, Socket, ip};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io::Write as _;

/// The network of the calling thread, and of all threads and programs that it starts from now on.
pub struct Network(());

impl Network {
    /// `None`, said loudly, where none can be made.
    pub fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            say("*** NOT RUN: this test makes a network of its own, which takes root ***");
            return None;
        }
        match wire::leave_network() {
            Ok(()) => Some(Self(())),
            Err(why) => {
                say(&format!("*** NOT RUN: this test makes a network of its own: {why} ***"));
                None
            }
        }
    }

    /// A cable; the sensor listens at `near`.
    #[expect(clippy::unused_self, reason = "there is no cable without a network")]
    pub fn cable(&self, near: &'static str) -> Cable {
        let far = format!("{near}-far");
        wire::stretch(&far, near).unwrap();
        let socket = Socket::on(&far).unwrap();
        Cable { near, far, socket }
    }
}

/// A cable whose far end this test sends from.
pub struct Cable {
    pub near: &'static str,
    far: String,
    socket: Socket,
}

impl Cable {
    /// Puts frames on the cable, in their order.
    pub fn send(&self, frames: &[Vec<u8>]) {
        let _here = Pinned::here();
        frames.chunks(BATCH_MAX).for_each(|frames| self.socket.send(frames).unwrap());
    }

    /// What came out at the near end of all that was sent. The cable itself may lose frames when the machine is busy.
    pub fn arrived(&self) -> u64 {
        wire::arrived(&self.far, self.near).unwrap().0
    }

    /// Pulls the plug at the near end.
    pub fn down(&self) {
        ip(&format!("link set {} down", self.near)).unwrap();
    }

    /// Puts it back.
    pub fn up(&self) {
        ip(&format!("link set {} up", self.near)).unwrap();
    }

    /// Takes the cable away, for good.
    pub fn delete(self) {
        ip(&format!("link del {}", self.far)).unwrap();
    }
}

/// Keeps the calling thread on one core: frames that are sent from two can overtake each other.
struct Pinned(Option<CpuSet>);

impl Pinned {
    fn here() -> Self {
        let Ok(all) = sched_getaffinity(None) else { return Self(None) };
        let Some(one) = (0..CpuSet::MAX_CPU).find(|&core| all.is_set(core)) else { return Self(None) };
        let mut here = CpuSet::new();
        here.set(one);
        Self(sched_setaffinity(None, &here).is_ok().then_some(all))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(all) = &self.0 {
            let _ = sched_setaffinity(None, all);
        }
    }
}

/// Says it past the test harness, which keeps what a passing test prints to itself.
fn say(words: &str) {
    let told = format!("\n{words}\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}
