//! A flow's place in its table, with what the table notes about it.
//! It is given a flow and answers when that flow has to be looked at again.
//! It promises that an idle flow takes little.

use super::conversation::Conversation;
use super::keepers::Share;
use super::key::FlowKey;
use super::{Config, StreamHandler};
use heelguard_detectors::time::EventTime;

/// A flow and the table's notes about it.
pub(super) struct Slot<H> {
    pub(super) key: FlowKey,
    /// Its entry in `timers`.
    pub(super) armed: EventTime,
    /// The usual time to be idle is over, and the flow is kept all the same.
    pub(super) is_overtime: bool,
    /// A SYN that is not its own came: its endpoints may be in use again.
    pub(super) rival: bool,
    pub(super) held_bytes: u32,
    /// What it takes of the sums of `Keepers`.
    pub(super) share: Share,
    pub(super) flow: Conversation<H>,
}

/// What a table takes for a flow beside its slot: a timer, places in the index and the list.
const NOTES_BYTES: usize = 160;

/// A flow that a look-up found.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) key: FlowKey,
    pub(super) hash: u64,
    pub(super) id: u32,
}

impl<H: StreamHandler> Slot<H> {
    /// What a flow takes before its handler keeps anything.
    pub(super) const BYTES: usize = size_of::<Self>() + NOTES_BYTES;

    /// When it has to be looked at again if no segment comes.
    pub(super) fn deadline(&self, config: &Config) -> EventTime {
        let idle = if self.is_overtime { config.kept_idle_timeout() } else { config.idle_timeout() };
        self.flow.deadline(config, idle)
    }
}

/// The slot with this number.
pub(super) fn slot_mut<H>(slots: &mut [Option<Box<Slot<H>>>], id: u32) -> Option<&mut Slot<H>> {
    slots.get_mut(id as usize)?.as_deref_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_flow_takes_little() {
        // With a handler of five words, as that of HTTP is.
        assert!(size_of::<Slot<[u64; 5]>>() <= 384, "{}", size_of::<Slot<[u64; 5]>>());
    }
}
