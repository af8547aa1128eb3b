//! What flows hold, and who gives way where that is too much: holes, messages, connections.
//! It is told of a flow whose holes or messages may have changed, and of one that is to come.
//! It promises that the sums are true before the next segment, and within their limits: the hole that has been open
//! longest counts as lost, whoever has kept much for longest is given up, or a flow that was not used lately.

use super::super::conversation::{Context, Fate};
use super::super::slot::{Slot, slot_mut};
use super::super::{CloseReason, StreamHandler};
use super::FlowTable;
use heelguard_detectors::time::EventTime;

/// So many flows are compared when one has to go.
const LOOKED_AT: usize = 8;

impl<H: StreamHandler> FlowTable<H> {
    /// Keeps the table's notes true after a flow's holes or state may have changed, and the memory limit.
    pub(super) fn settle(&mut self, id: u32, at: EventTime, shared: &mut H::Shared) {
        self.note_held(id);
        let is_listed = |slot: &Slot<H>| self.overtime.contains(&(slot.armed, id));
        if slot_mut(&mut self.slots, id)
            .is_some_and(|slot| slot.deadline(&self.config) < slot.armed || is_listed(slot))
        {
            self.arm(id);
        }
        while self.held_bytes + self.half_open.data_bytes() > self.config.buffer_bytes_max
            && let Some(longest_waiting) = self.holders.longest()
        {
            self.release(longest_waiting, at, shared);
        }
        self.note_kept(id, at, shared);
    }

    /// Notes what the flow's handler keeps, and keeps the limits on that.
    pub(super) fn note_kept(&mut self, id: u32, at: EventTime, shared: &mut H::Shared) {
        let Some(Slot { flow, share, .. }) = slot_mut(&mut self.slots, id) else { return };
        if !self.keepers.note(id, share, flow.handler.kept()) {
            return;
        }
        while self.keepers.messages > self.config.message_bytes_max {
            match self.keepers.longest() {
                Some(longest) => self.close(longest, at, CloseReason::Evicted, shared),
                None => self.give_up_unused(at, shared),
            }
        }
        while self.keepers.connections > self.config.connection_bytes_max && self.index.len() > 1 {
            self.give_up_unused(at, shared);
        }
    }

    fn note_held(&mut self, id: u32) {
        let Some(slot) = slot_mut(&mut self.slots, id) else { return };
        let held_bytes = u32::try_from(slot.flow.held_bytes()).unwrap_or(u32::MAX);
        let before = std::mem::replace(&mut slot.held_bytes, held_bytes);
        self.held_bytes = self.held_bytes - before as usize + held_bytes as usize;
        match (before, held_bytes) {
            (0, 1..) => self.holders.enter(id),
            (1.., 0) => self.holders.leave(id),
            _ => {}
        }
    }

    /// Makes a flow give up its holes for the memory limit.
    fn release(&mut self, id: u32, at: EventTime, shared: &mut H::Shared) {
        let Some(slot) = slot_mut(&mut self.slots, id) else { return };
        let mut ctx = Context {
            shared: &mut *shared,
            counters: &mut self.counters,
            config: &self.config,
            key: &self.byte_hash,
        };
        match slot.flow.release_held(at, &mut ctx) {
            Fate::Closed(reason) => self.close(id, at, reason, shared),
            Fate::Open => self.note_held(id),
        }
    }

    /// Gives up one flow if the table is full.
    pub(super) fn make_room(&mut self, at: EventTime, shared: &mut H::Shared) {
        while self.index.len() >= self.config.flows_max.max(1)
            || !self.index.is_empty() && self.keepers.with_one_more() > self.config.connection_bytes_max
        {
            self.give_up_unused(at, shared);
        }
    }

    /// Gives up the flow whose overtime ends first, or of the next few that stand in the table the one unused for longest.
    /// A place is filled again when it is given up, so neighbours are of all ages.
    fn give_up_unused(&mut self, at: EventTime, shared: &mut H::Shared) {
        if let Some(&(_, id)) = self.overtime.first() {
            return self.close(id, at, CloseReason::Evicted, shared);
        }
        let mut oldest: Option<(EventTime, u32)> = None;
        let mut looked = 0;
        while looked < self.index.len().min(LOOKED_AT) {
            self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
            let Some(Some(slot)) = self.slots.get(self.hand) else { continue };
            let found = (slot.flow.last_seen(), u32::try_from(self.hand).unwrap_or(u32::MAX));
            oldest = Some(oldest.map_or(found, |oldest| oldest.min(found)));
            looked += 1;
        }
        if let Some((_, id)) = oldest {
            self.close(id, at, CloseReason::Evicted, shared);
        }
    }
}
