//! Requests that wait for their answers, and how the two become an exchange.
//! It is given requests in order and answers in order, and emits `Exchange`s when both have ended.
//! It promises bounded waiting, and that an exchange whose partner is a guess says `gap`.

use super::connection::Context;
use super::emission::Ended;
use super::framing::Expect;
use super::halves::{Answer, Cut, Pending, Target, absorb};
use crate::flow::Direction;
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Protocol;
use std::collections::VecDeque;

/// Requests given up for the pipeline limit, of which the form of the answer is still remembered.
const OVERFLOW_MAX: usize = 65_536;

/// The waiting requests of one connection.
#[derive(Debug)]
pub(super) struct Waiting {
    queue: VecDeque<Box<Pending>>,
    bytes: usize,
    /// What answers the requests given up for the limit will have, in order, behind `queue`.
    overflow: VecDeque<Expect>,
    ordinal: u32,
    order: Order,
}

/// Whether the order of requests is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Known,
    /// Requests may have been lost; `pairs` says that one was answered since.
    Doubtful {
        pairs: bool,
    },
}

impl Waiting {
    /// Nobody waits; the first exchange gets `ordinal`.
    pub(super) fn new(ordinal: u32) -> Self {
        Self { queue: VecDeque::new(), bytes: 0, overflow: VecDeque::new(), ordinal, order: Order::Known }
    }

    /// The next exchange's ordinal.
    pub(super) fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Bytes that are kept of them, with the requests themselves.
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes + self.queue.len() * size_of::<Pending>() + self.overflow.capacity() * size_of::<Expect>()
    }

    /// Whether no answer is due.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.overflow.is_empty()
    }

    /// Whether answers to given-up requests are due.
    pub(super) fn has_overflow(&self) -> bool {
        !self.overflow.is_empty()
    }

    /// Whether the newest request's body is coming in.
    pub(super) fn is_receiving(&self) -> bool {
        self.queue.back().is_some_and(|newest| newest.receiving)
    }

    /// A request's head was read; `idle` says that no answer is coming in.
    pub(super) fn push(&mut self, mut pending: Box<Pending>, idle: bool, cx: &mut Context<'_>) {
        // One clean turn, a request that was sent when all were answered, restores trust in the order.
        if self.order == (Order::Doubtful { pairs: true }) && idle && self.is_empty() {
            self.order = Order::Known;
        }
        pending.doubtful |= self.order != Order::Known;
        pending.ordinal = self.next_ordinal();
        let config = &cx.shared.config;
        let full = self.queue.len() >= config.pipeline_max || self.bytes > config.pipeline_bytes_max;
        if full || self.has_overflow() {
            pending.over_limit = true;
            pending.anomalies.merge(cx.shared.note(Anomaly::Http1PipelineLimit));
        }
        self.bytes += pending.bytes();
        if self.queue.capacity() == 0 {
            // Nearly every client waits for one answer at a time.
            self.queue.reserve_exact(1);
        }
        self.queue.push_back(pending);
    }

    /// Body bytes of the newest request.
    pub(super) fn absorb(&mut self, bytes: &[u8]) {
        if let Some(newest) = self.queue.back_mut() {
            let before = newest.message.body.prefix.len();
            absorb(&mut newest.message, bytes, newest.prefix_max);
            self.bytes += newest.message.body.prefix.len() - before;
        }
    }

    /// Body bytes of the newest request that were not seen.
    pub(super) fn bridge(&mut self, missing: u64) {
        if let Some(newest) = self.queue.back_mut() {
            newest.message.body.bytes = newest.message.body.bytes.saturating_add(missing);
            newest.prefix_max = 0;
            newest.cut = Cut::Gap;
        }
    }

    /// Marks the newest request, which a strict server refuses for it.
    pub(super) fn refuse_newest(&mut self, flags: AnomalySet) {
        if let Some(newest) = self.queue.back_mut() {
            newest.anomalies.merge(flags);
            newest.refused = true;
        }
    }

    /// Marks the waiting requests from the `first` on.
    pub(super) fn flag_from(&mut self, first: usize, flags: AnomalySet) {
        self.queue.iter_mut().skip(first).for_each(|pending| pending.anomalies.merge(flags));
    }

    /// The newest request ended. Gives what answer it expects and whether a strict server refuses it.
    pub(super) fn received(
        &mut self,
        cx: &mut Context<'_>,
        client: Direction,
        at: EventTime,
    ) -> Option<(Expect, bool)> {
        let newest = self.queue.back_mut()?;
        if newest.receiving {
            newest.receiving = false;
            newest.message.last_byte = at;
            newest.message.body.complete = newest.whole && newest.cut == Cut::No;
        }
        let (expect, refused) = (newest.expect, newest.refused);
        if newest.over_limit {
            let pending = self.pop_back()?;
            if self.overflow.len() < OVERFLOW_MAX {
                self.overflow.push_back(expect);
            }
            self.emit(cx, client, at, Some(pending), None);
        }
        Some((expect, refused))
    }

    /// The newest request will get no more bytes.
    pub(super) fn cut_receiving(&mut self, cut: Cut) {
        if let Some(newest) = self.queue.back_mut().filter(|newest| newest.receiving) {
            newest.receiving = false;
            newest.whole = false;
            newest.cut = newest.cut.max(cut);
        }
    }

    /// Requests may have been lost: from now on pairs are guesses.
    pub(super) fn doubt_order(&mut self) {
        self.order = Order::Doubtful { pairs: false };
    }

    /// Answers may have been lost: whose the next one is, is a guess.
    pub(super) fn doubt_all(&mut self) {
        self.queue.iter_mut().for_each(|pending| pending.doubtful = true);
    }

    /// The oldest request's answer may have been lost whole.
    pub(super) fn lose_answer(&mut self) {
        if let Some(oldest) = self.queue.front_mut().filter(|oldest| oldest.early.is_none()) {
            oldest.answer_lost = true;
        }
    }

    /// Whom the answer that begins now is for.
    pub(super) fn next_target(&mut self) -> Target {
        match self.queue.front() {
            Some(oldest) if oldest.early.is_none() => Target::Oldest(oldest.expect),
            Some(_) => Target::Nobody,
            None => self.overflow.pop_front().map_or(Target::Nobody, Target::GivenUp),
        }
    }

    /// Whether the next answer is for a request that may have sent a form: any but GET and HEAD.
    pub(super) fn next_sends(&self) -> bool {
        let oldest = self.queue.front().filter(|oldest| oldest.early.is_none());
        oldest.is_some_and(|oldest| !matches!(oldest.message.method(), b"GET" | b"HEAD"))
    }

    /// An answer ended.
    pub(super) fn answered(
        &mut self,
        mut answer: Box<Answer>,
        cx: &mut Context<'_>,
        client: Direction,
        at: EventTime,
    ) {
        answer.message.body.complete = answer.whole;
        match (answer.target, self.queue.front_mut()) {
            (Target::Oldest(_), Some(oldest)) if oldest.receiving => oldest.early = Some(answer),
            (Target::Oldest(_), Some(_)) => {
                let pending = self.pop_front();
                self.emit(cx, client, at, pending, Some(answer));
            }
            _ => self.emit(cx, client, at, None, Some(answer)),
        }
    }

    /// Takes the request that turned the connection into another protocol's; it is the last one.
    pub(super) fn take_last(&mut self) -> Option<Box<Pending>> {
        let last = self.queue.len() == 1 && self.queue.front().is_some_and(|pending| !pending.receiving);
        if last { self.pop_front() } else { None }
    }

    /// Emits the oldest request if both it and its answer have ended.
    pub(super) fn finish_early(&mut self, cx: &mut Context<'_>, client: Direction, at: EventTime) {
        if self.queue.front().is_some_and(|oldest| !oldest.receiving && oldest.early.is_some()) {
            let pending = self.pop_front();
            self.emit(cx, client, at, pending, None);
        }
    }

    /// A client that sends on while answers are lost has had those answers: the older requests leave.
    pub(super) fn give_up_for(
        &mut self,
        newest: &mut Pending,
        cx: &mut Context<'_>,
        client: Direction,
        at: EventTime,
    ) {
        newest.blind = true;
        while let Some(mut pending) = self.pop_front() {
            // Two sent blind: the answer that comes may be either's.
            newest.doubtful |= pending.blind;
            pending.cut = Cut::Gap;
            self.emit(cx, client, at, Some(pending), None);
        }
    }

    /// Answers go on after a loss: a request whose answer may lie in the loss leaves if another one waits.
    pub(super) fn give_up_lost(&mut self, cx: &mut Context<'_>, client: Direction, at: EventTime) {
        while self.queue.len() > 1 && self.queue.front().is_some_and(|oldest| oldest.answer_lost) {
            let Some(mut pending) = self.pop_front() else { return };
            pending.cut = Cut::Gap;
            self.emit(cx, client, at, Some(pending), None);
        }
    }

    /// No answer will come: every request that has ended leaves.
    pub(super) fn give_up_received(&mut self, cx: &mut Context<'_>, client: Direction, at: EventTime) {
        while self.queue.front().is_some_and(|oldest| !oldest.receiving) {
            let pending = self.pop_front();
            self.emit(cx, client, at, pending, None);
        }
    }

    /// The flow is over: every request leaves.
    pub(super) fn give_up_all(&mut self, cx: &mut Context<'_>, client: Direction, at: EventTime) {
        while let Some(pending) = self.pop_front() {
            self.emit(cx, client, at, Some(pending), None);
        }
    }

    fn next_ordinal(&mut self) -> u32 {
        let ordinal = self.ordinal;
        self.ordinal = ordinal.saturating_add(1);
        ordinal
    }

    fn pop_front(&mut self) -> Option<Box<Pending>> {
        let pending = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(pending.bytes());
        Some(pending)
    }

    fn pop_back(&mut self) -> Option<Box<Pending>> {
        let pending = self.queue.pop_back()?;
        self.bytes = self.bytes.saturating_sub(pending.bytes());
        Some(pending)
    }

    /// Puts an exchange into the shard's list.
    fn emit(
        &mut self,
        cx: &mut Context<'_>,
        client: Direction,
        at: EventTime,
        mut pending: Option<Box<Pending>>,
        mut answer: Option<Box<Answer>>,
    ) {
        if let Some(early) = pending.as_mut().and_then(|pending| pending.early.take()) {
            answer = Some(early);
        }
        let ordinal = pending.as_ref().map_or_else(|| self.next_ordinal(), |pending| pending.ordinal);
        let mut anomalies = AnomalySet::EMPTY;
        let mut cut = Cut::No;
        if let Some(pending) = &pending {
            anomalies.merge(pending.anomalies);
            cut = cut.max(pending.cut);
        }
        if let Some(answer) = &answer {
            anomalies.merge(answer.anomalies);
            cut = cut.max(answer.cut);
        }
        if pending.as_ref().is_some_and(|pending| pending.doubtful) && answer.is_some() {
            cut = Cut::Gap;
        }
        if let (Order::Doubtful { pairs }, Some(_), Some(_)) = (&mut self.order, &pending, &answer) {
            *pairs = true;
        }
        let minor =
            pending.as_ref().map(|pending| pending.minor).or(answer.as_ref().map(|answer| answer.minor));
        let protocol = if minor == Some(0) { Protocol::Http10 } else { Protocol::Http11 };
        let request = pending.map(|pending| pending.message);
        let response = answer.map(|answer| answer.message);
        Ended { ordinal, protocol, request, response, cut, anomalies }.emit(cx, client, at);
    }
}
