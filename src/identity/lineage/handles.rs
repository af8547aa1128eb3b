//! What was handed out or met, by fingerprint: sessions, tokens, tickets, codes and keys; and the lines they form.
//! A line is all handles of one login. It is given handles in event order and gives them back when they are presented.
//! It promises a bounded table (see `order` for what goes first), and that a line lives as long as a handle of it.

use super::accounts::AccountId;
use super::order::{Order, Tenure};
use super::slab::Slab;
use super::spend::Use;
use crate::identity::clues::HandleKind;
use ahash::RandomState;
use heelguard_detectors::identity::{Factor, Fingerprint, ProofLevel};
use heelguard_detectors::session::EndCause;
use heelguard_detectors::time::EventTime;
use std::collections::HashMap;

/// What made something end, and when.
pub(super) type End = (EndCause, EventTime);

/// A handle.
pub(super) struct Held {
    pub(super) fingerprint: Fingerprint,
    pub(super) line: LineId,
    pub(super) kind: HandleKind,
    pub(super) proved: Proved,
    /// What ended this handle alone.
    pub(super) ended: Option<End>,
    /// For things for one use: their first.
    pub(super) spent: Option<Box<Use>>,
    /// The same value was handed to two callers: it says nothing about who presents it.
    pub(super) shared: bool,
}

/// What a handle stands for beyond its line: tokens of one login can carry different proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proved {
    pub(super) level: ProofLevel,
    pub(super) factor: Option<Factor>,
    pub(super) mfa_at: Option<EventTime>,
}

impl Proved {
    /// Nothing is known.
    pub(super) const UNKNOWN: Self = Self { level: ProofLevel::Unknown, factor: None, mfa_at: None };
}

/// A line: valid while a handle or a `Lines::hold` keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineId(pub(super) u32);

/// All handles of one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its first handle.
    pub(super) id: Fingerprint,
    pub(super) account: Option<AccountId>,
    pub(super) word: Word,
    /// A static key outlives logouts and passwords.
    pub(super) is_key: bool,
    pub(super) since: EventTime,
    /// When the login was that it goes on from: ends of before do not concern it.
    pub(super) begun: EventTime,
    pub(super) issued_in_sight: bool,
    /// It went from one account to another while it was in use, as planted sessions do.
    pub(super) moved: bool,
    pub(super) mfa_since: Option<EventTime>,
    pub(super) renewals: u32,
    pub(super) ended: Option<End>,
}

impl Line {
    /// A line that was met: nobody's yet.
    pub(super) fn new(id: Fingerprint, since: EventTime) -> Self {
        Self {
            id,
            account: None,
            word: Word::Given,
            is_key: false,
            since,
            begun: since,
            issued_in_sight: false,
            moved: false,
            mfa_since: None,
            renewals: 0,
            ended: None,
        }
    }
}

/// Whose word it is that a line is its account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It was handed to the account in sight.
    Given,
    /// An answer to it named the account.
    Answered,
    /// The token says so itself, and was accepted.
    Claimed,
}

/// All handles, bounded, and their lines.
pub(super) struct Handles {
    places: HashMap<Fingerprint, u32, RandomState>,
    pub(super) held: Slab<Held>,
    pub(super) order: Order,
    /// Lines, each with the number of its handles and holds.
    lines: Slab<(u32, Line)>,
    pub(super) evicted: u64,
}

impl Handles {
    pub(super) fn new(handles_max: usize) -> Self {
        Self {
            places: HashMap::default(),
            held: Slab::new(),
            order: Order::new(handles_max),
            lines: Slab::new(),
            evicted: 0,
        }
    }

    /// The handle, marked as used.
    pub(super) fn find(&mut self, fingerprint: Fingerprint, now: EventTime) -> Option<&mut Held> {
        let place = *self.places.get(&fingerprint)?;
        self.order.touch(place, now);
        self.held.get_mut(place)
    }

    /// The handle as it is.
    pub(super) fn get(&self, fingerprint: Fingerprint) -> Option<&Held> {
        self.held.get(*self.places.get(&fingerprint)?)
    }

    pub(super) fn get_mut(&mut self, fingerprint: Fingerprint) -> Option<&mut Held> {
        self.held.get_mut(*self.places.get(&fingerprint)?)
    }

    pub(super) fn line(&self, id: LineId) -> Option<&Line> {
        self.lines.get(id.0).map(|(_, line)| line)
    }

    pub(super) fn line_mut(&mut self, id: LineId) -> Option<&mut Line> {
        self.lines.get_mut(id.0).map(|(_, line)| line)
    }

    /// Memory taken.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let index = self.places.capacity() * (size_of::<(Fingerprint, u32)>() + 1);
        index + self.held.bytes() + self.order.bytes() + self.lines.bytes()
    }

    /// Begins a line, held once: give it handles, then let it go.
    pub(super) fn begin(&mut self, line: Line) -> LineId {
        LineId(self.lines.add((1, line)))
    }

    /// Keeps a line while it is worked with, whatever is evicted meanwhile.
    pub(super) fn hold(&mut self, id: LineId) {
        if let Some((users, _)) = self.lines.get_mut(id.0) {
            *users += 1;
        }
    }

    /// Ends a `begin` or `hold`; a line that nobody uses any more is gone.
    pub(super) fn let_go(&mut self, id: LineId) {
        if let Some((users, _)) = self.lines.get_mut(id.0) {
            *users = users.saturating_sub(1);
            if *users == 0 {
                self.lines.take(id.0);
            }
        }
    }

    /// Puts a handle into a line, new or taken from the line it was in.
    pub(super) fn bind(
        &mut self,
        fingerprint: Fingerprint,
        kind: HandleKind,
        line: LineId,
        proved: Proved,
        now: EventTime,
    ) {
        self.hold(line);
        if let Some(held) = self.find(fingerprint, now) {
            let left = std::mem::replace(&mut held.line, line);
            (held.kind, held.proved) = (kind, proved);
            if left != line {
                (held.ended, held.spent) = (None, None);
            }
            self.let_go(left);
            return;
        }
        let held = Held { fingerprint, line, kind, proved, ended: None, spent: None, shared: false };
        self.enter(held, Tenure { first: now, known: false });
    }

    /// Counts a handle from this time on, if that is earlier.
    pub(super) fn count_from(&mut self, fingerprint: Fingerprint, first: EventTime) {
        if let Some(&place) = self.places.get(&fingerprint) {
            self.order.count_from(place, first);
        }
    }

    /// Puts a handle of a checkpoint into its place; they come in the order of eviction.
    pub(super) fn put_back(&mut self, held: Held, tenure: Tenure) {
        if !self.places.contains_key(&held.fingerprint) {
            self.hold(held.line);
            self.enter(held, tenure);
        }
    }

    /// Takes a handle that is new, and whose line is held for it.
    fn enter(&mut self, held: Held, tenure: Tenure) {
        if let Some(victim) = self.order.victim(tenure.known) {
            self.order.leave(victim);
            if let Some(gone) = self.held.take(victim) {
                self.places.remove(&gone.fingerprint);
                self.let_go(gone.line);
            }
            self.evicted += 1;
        }
        let fingerprint = held.fingerprint;
        let place = self.held.add(held);
        self.places.insert(fingerprint, place);
        self.order.enter(place, tenure);
    }
}
