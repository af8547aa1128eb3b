//! How much memory all flows take, and who keeps much of messages that are not whole or wait for their answers.
//! It is told what each flow's handler keeps whenever that may have changed, and notes the flow's share in its slot.
//! It promises exact sums of what it was told, and of those who keep much the one that has done so for longest.

use super::Kept;
use super::turns::Turns;

/// From here on a flow keeps much of messages: an ordinary request is shorter.
const MUCH_BYTES: u32 = 4_096;

/// The sums, and who keeps much.
pub(super) struct Keepers {
    /// Bytes of messages.
    pub(super) messages: usize,
    /// Bytes of connections: what a flow always takes, and what its handler keeps as long as it lives.
    pub(super) connections: usize,
    /// What a flow takes before its handler keeps anything.
    flow_bytes: u32,
    /// Those who keep much of messages.
    much: Turns,
}

/// What one flow takes of the sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    messages: u32,
    connection: u32,
}

impl Keepers {
    /// Of flows that take so many bytes themselves.
    pub(super) fn new(flow_bytes: usize) -> Self {
        let flow_bytes = u32::try_from(flow_bytes).unwrap_or(u32::MAX);
        Self { messages: 0, connections: 0, flow_bytes, much: Turns::default() }
    }

    /// The flow with this number keeps so much now; whether a sum has grown.
    pub(super) fn note(&mut self, id: u32, share: &mut Share, kept: Kept) -> bool {
        let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let connection = size(kept.standing).saturating_add(self.flow_bytes);
        let before = std::mem::replace(&mut share.messages, size(kept.messages));
        let stood = std::mem::replace(&mut share.connection, connection);
        if (share.messages, share.connection) == (before, stood) {
            return false;
        }
        self.messages = self.messages - before as usize + share.messages as usize;
        self.connections = self.connections - stood as usize + connection as usize;
        if share.messages >= MUCH_BYTES {
            self.much.enter(id);
        } else if before >= MUCH_BYTES {
            self.much.leave(id);
        }
        share.messages > before || connection > stood
    }

    /// A flow is over.
    pub(super) fn leave(&mut self, id: u32, share: Share) {
        self.messages -= share.messages as usize;
        self.connections -= share.connection as usize;
        if share.messages >= MUCH_BYTES {
            self.much.leave(id);
        }
    }

    /// What connections will take with one more.
    pub(super) fn with_one_more(&self) -> usize {
        self.connections + self.flow_bytes as usize
    }

    /// The flow that has kept much for longest.
    pub(super) fn longest(&self) -> Option<u32> {
        self.much.longest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_exact_and_the_longest_goes_first() {
        let (mut keepers, mut shares) = (Keepers::new(100), [Share::default(); 3]);
        let mut note = |keepers: &mut Keepers, id: u32, messages| {
            let share = &mut shares[id as usize];
            keepers.note(id, share, Kept { messages, standing: 10 });
            *share
        };
        for (id, bytes) in [(0, 2_000), (1, 5_000), (2, 4_096), (1, 9_000), (2, 4_095)] {
            note(&mut keepers, id, bytes);
        }
        let first = note(&mut keepers, 0, 8_000);
        assert_eq!((keepers.messages, keepers.connections, keepers.longest()), (21_095, 330, Some(1)));
        let second = note(&mut keepers, 1, 9_000);
        keepers.leave(1, second);
        assert_eq!((keepers.messages, keepers.connections, keepers.longest()), (12_095, 220, Some(0)));
        assert_ne!(first, note(&mut keepers, 0, 0));
        assert_eq!((keepers.messages, keepers.longest(), keepers.with_one_more()), (4_095, None, 320));
        let third = note(&mut keepers, 2, 4_095);
        keepers.leave(2, third);
        assert_eq!((keepers.messages, keepers.connections), (0, 110));
    }

    #[test]
    fn only_growth_can_reach_a_limit() {
        let (mut keepers, mut share) = (Keepers::new(100), Share::default());
        let mut note = |messages, standing| keepers.note(0, &mut share, Kept { messages, standing });
        assert!(note(0, 0), "a flow takes room itself");
        assert!(!note(0, 0) && note(1, 0) && !note(1, 0) && note(1, 1) && !note(0, 1) && note(0, 2));
    }
}
