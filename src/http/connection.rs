//! One HTTP/1 connection: both directions' messages, paired into exchanges.
//! It is given bytes and gaps by direction and puts finished exchanges into the shard's list.
//! It promises FIFO pairing as RFC 9112 section 9.3 has it, and to say `gap` where lost bytes make it a guess.
//!
//! What a strict server answers with 400 and a close (a malformed or ambiguous request) puts the rest of that
//! flight on hold: it is parsed only if a second answer proves that the server took it for a request, and it is
//! flagged then. The same hold waits for the answer to CONNECT and Upgrade.

use super::framing::{Expect, Facts, Length};
use super::halves::{Answer, Cut, Pending};
use super::head::Form;
use super::pairing::Waiting;
use super::reader::{Gap, Parsed, Reader, Step};
use super::services::ServiceKind;
use super::{HttpShared, Side, body, opening};
use crate::decode::Endpoint;
use crate::flow::{CloseReason, Direction, FlowInfo};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use std::net::IpAddr;

/// The flow a call is about, and where its findings go.
pub(super) struct Context<'a> {
    pub(super) flow: &'a mut FlowInfo,
    pub(super) shared: &'a mut HttpShared,
    /// The source that a PROXY preamble named.
    pub(super) proxied_for: Option<IpAddr>,
}

/// What becomes of a connection after some bytes.
#[derive(Debug)]
pub(super) enum Fate<'a> {
    /// More HTTP.
    GoesOn,
    /// A CONNECT tunnel: what the client sent ahead, since when, and the server's first bytes.
    Tunnel { ahead: Vec<u8>, since: EventTime, rest: &'a [u8] },
    /// HTTP/2 after 101: the request that asked for it, what the client sent ahead, since when, and the server's
    /// first bytes.
    Http2 { request: Box<Pending>, ahead: Vec<u8>, since: EventTime, rest: &'a [u8] },
    /// Another protocol, after 101.
    Opaque,
}

/// Why the request direction waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// CONNECT or Upgrade: the answer says which protocol follows.
    Switch,
    /// A strict server refuses the request: what follows is a request only if it is answered.
    Refused,
}

/// The state of a connection.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub(super) struct Connection {
    pub(super) client: Direction,
    pub(super) requests: Reader,
    pub(super) responses: Reader,
    pub(super) waiting: Waiting,
    /// Boxed, as the requests that wait are: an open connection is idle most of the time.
    pub(super) answer: Option<Box<Answer>>,
    pub(super) hold: Option<Hold>,
    /// An answer ended, nobody waits for another, and no byte of a request came since.
    pub(super) answered: bool,
    /// A request was read.
    pub(super) requests_met: bool,
    /// The client's direction was lost inside a body, and no request was read since.
    pub(super) lost_in_body: bool,
    /// The server's direction carried bytes.
    pub(super) server_heard: bool,
    pub(super) interim: u32,
}

impl Connection {
    /// A connection whose client sends in direction `client`; `joined` when its beginning was not seen.
    pub(super) fn new(client: Direction, joined: bool, ordinal: u32) -> Self {
        let reader = if joined { Reader::joining } else { Reader::new };
        Self {
            client,
            requests: reader(Side::Request),
            responses: reader(Side::Response),
            waiting: Waiting::new(ordinal),
            answer: None,
            hold: None,
            answered: false,
            requests_met: false,
            lost_in_body: false,
            server_heard: false,
            interim: 0,
        }
    }

    /// The client's direction.
    pub(super) fn client(&self) -> Direction {
        self.client
    }

    /// Bytes of messages that are not whole, or wait.
    pub(super) fn kept_bytes(&self) -> usize {
        let answer = self.answer.as_ref().map_or(0, |answer| size_of::<Answer>() + answer.bytes());
        self.requests.kept_bytes() + self.responses.kept_bytes() + self.waiting.kept_bytes() + answer
    }

    /// The next exchange's ordinal.
    pub(super) fn ordinal(&self) -> u32 {
        self.waiting.ordinal()
    }

    /// Whether nothing was understood so far.
    pub(super) fn is_barren(&self) -> bool {
        self.requests.needs_offer()
            && self.responses.needs_offer()
            && self.ordinal() == 0
            && self.answer.is_none()
    }

    /// The next bytes in one direction.
    pub(super) fn data<'a>(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        at: EventTime,
        bytes: &'a [u8],
    ) -> Fate<'a> {
        if direction == self.client {
            if self.requests.needs_offer() && self.request_may_start() && opening::promising(bytes) {
                self.requests.offer();
            }
            self.answered = false;
            self.request_bytes(cx, at, bytes);
            return Fate::GoesOn;
        }
        self.server_heard = true;
        if self.responses.needs_offer() {
            if !opening::promising(bytes) {
                self.miss_answer();
            } else if self.response_may_start() {
                self.responses.offer();
            }
        }
        self.response_bytes(cx, at, bytes)
    }

    /// Bytes that will not come.
    pub(super) fn gap(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        at: EventTime,
        missing: u64,
    ) -> Fate<'static> {
        if direction == self.client {
            self.request_gap(cx, at, missing);
            return Fate::GoesOn;
        }
        self.response_gap(cx, at, missing)
    }

    /// One direction ended.
    pub(super) fn half_closed(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime) {
        if direction == self.client {
            if self.requests.has_partial_head() {
                flag_flow(cx, Anomaly::Http1Malformed);
            }
            self.waiting.cut_receiving(Cut::No);
            self.waiting.finish_early(cx, self.client, at);
            if self.hold.is_none() {
                self.requests.deafen();
            }
            return;
        }
        if self.responses.has_partial_head() {
            flag_flow(cx, Anomaly::Http1Malformed);
        }
        self.end_answer(cx, at, Cut::No, true);
        self.responses.deafen();
        self.waiting.give_up_received(cx, self.client, at);
    }

    /// The flow is over: everything that waits leaves.
    pub(super) fn closed(mut self, cx: &mut Context<'_>, at: EventTime, reason: CloseReason) {
        if let Some(hold) = self.hold.filter(|_| !self.server_heard) {
            // Of one direction alone nobody can tell what the answers were; what looks like HTTP is shown.
            self.release(cx, at, hold);
        }
        let cut = match reason {
            CloseReason::Fin | CloseReason::Reset => Cut::No,
            CloseReason::Reused | CloseReason::Idle | CloseReason::Evicted | CloseReason::CaptureEnd => {
                Cut::End
            }
        };
        if self.requests.has_partial_head() && cut == Cut::No {
            flag_flow(cx, Anomaly::Http1Malformed);
        }
        self.waiting.cut_receiving(cut);
        self.end_answer(cx, at, cut, reason == CloseReason::Fin);
        self.waiting.give_up_all(cx, self.client, at);
        if !self.requests_met {
            cx.shared.services.count(self.server(cx), None, ServiceKind::Http1);
        }
    }

    pub(super) fn server(&self, cx: &Context<'_>) -> Endpoint {
        if self.client == Direction::FromInitiator { cx.flow.responder } else { cx.flow.initiator }
    }

    /// After lost bytes: whether the client may be starting a request here. It may when every known request was
    /// answered since its last byte. Where the server's direction cannot tell, a body that lost its end is the
    /// reason not to: what looks like a request may be part of it.
    fn request_may_start(&self) -> bool {
        let server_tells = self.server_heard && !self.responses.is_lost();
        !self.requests_met || self.answered || (!server_tells && !self.lost_in_body)
    }

    fn request_bytes(&mut self, cx: &mut Context<'_>, at: EventTime, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(step) = self.requests.step(&mut rest, at, &cx.shared.config) {
            match step {
                Step::Head(parsed) => self.request_head(cx, at, parsed),
                Step::Body(bytes) => self.waiting.absorb(bytes),
                Step::End { odd } => self.request_end(cx, at, odd),
                Step::Broken(anomaly) => self.request_broken(cx, at, anomaly),
            }
        }
    }

    fn request_head(&mut self, cx: &mut Context<'_>, at: EventTime, parsed: Parsed) {
        let Parsed { message, minor, form, resynced, .. } = parsed;
        let facts = Facts::of(&message);
        let framing = facts.request_framing(minor);
        let expect = match message.method() {
            b"CONNECT" => Expect::Tunnel,
            b"HEAD" => Expect::NoBody,
            _ if facts.upgrade => Expect::Upgrade,
            _ => Expect::Ordinary,
        };
        let prefix_max =
            body::request_prefix(facts.content_type, cx.shared.config.request_body_prefix_bytes_max);
        if !self.requests_met {
            let server = self.server(cx);
            cx.shared.services.count(server, facts.host, ServiceKind::Http1);
        }
        let mut pending = Box::new(Pending::new(message, minor, expect, prefix_max));
        pending.refused = form == Form::Refused || framing.conflict;
        if form != Form::Strict {
            pending.anomalies.merge(cx.shared.note(Anomaly::Http1Malformed));
        }
        if framing.conflict {
            pending.anomalies.merge(cx.shared.note(Anomaly::Http1FramingConflict));
        }
        if resynced {
            pending.anomalies.merge(cx.shared.note(Anomaly::Http1Resync));
        }
        self.requests_met = true;
        self.lost_in_body = false;
        let length = match framing.length {
            _ if expect == Expect::Tunnel => Length::Sized(0),
            // There is no telling where its body ends; what follows is on hold from here.
            Length::Undecided => {
                pending.whole = false;
                Length::Sized(0)
            }
            length => length,
        };
        self.requests.frame(length);
        if self.responses.is_lost() {
            self.waiting.give_up_for(&mut pending, cx, self.client, at);
        }
        self.waiting.push(pending, self.answer.is_none(), cx);
    }

    fn request_end(&mut self, cx: &mut Context<'_>, at: EventTime, odd: bool) {
        if odd {
            let flags = cx.shared.note(Anomaly::Http1FramingConflict);
            self.waiting.refuse_newest(flags);
        }
        let Some((expect, refused)) = self.waiting.received(cx, self.client, at) else { return };
        self.hold = match expect {
            Expect::Tunnel | Expect::Upgrade => Some(Hold::Switch),
            _ if refused => Some(Hold::Refused),
            _ => None,
        };
        if self.hold.is_some() {
            self.requests.hold();
        }
        self.waiting.finish_early(cx, self.client, at);
        if self.responses.is_deaf() {
            self.waiting.give_up_received(cx, self.client, at);
        }
        if self.hold == Some(Hold::Switch) && self.waiting.is_empty() {
            // The answer came early, and it was not a switch.
            self.hold = None;
            self.requests.restart();
        }
    }

    /// The client's bytes make no sense (any more).
    fn request_broken(&mut self, cx: &mut Context<'_>, at: EventTime, anomaly: Anomaly) {
        self.hold = None;
        if self.waiting.is_receiving() {
            let flags = cx.shared.note(anomaly);
            self.waiting.refuse_newest(flags);
            self.waiting.cut_receiving(Cut::No);
            self.request_end(cx, at, false);
            return;
        }
        flag_flow(cx, anomaly);
        self.waiting.doubt_order();
    }

    fn request_gap(&mut self, cx: &mut Context<'_>, at: EventTime, missing: u64) {
        match self.requests.gap(missing) {
            Gap::Bridged => {
                self.waiting.bridge(missing);
                self.request_bytes(cx, at, &[]);
            }
            lost @ (Gap::LostInBody | Gap::LostPastBody) => {
                self.lost_in_body = lost == Gap::LostInBody;
                self.waiting.cut_receiving(Cut::Gap);
                self.waiting.doubt_order();
                self.waiting.finish_early(cx, self.client, at);
            }
            Gap::LostBetween => {
                self.hold = None;
                self.waiting.doubt_order();
            }
            Gap::Ignored => {}
        }
    }

    /// Reads what was held as if it came now; it has to prove that it is a request.
    pub(super) fn release(&mut self, cx: &mut Context<'_>, at: EventTime, why: Hold) {
        self.hold = None;
        let (held, since) = self.requests.release();
        self.requests.offer();
        let when = if held.is_empty() { at } else { since };
        let before = self.waiting.len();
        self.request_bytes(cx, when, &held);
        if why == Hold::Refused {
            let flags = cx.shared.note(Anomaly::Http1FramingConflict);
            self.waiting.flag_from(before, flags);
        }
    }

    /// Ends a hold whose request was answered without a switch and behind which nothing was sent ahead.
    pub(super) fn settle_hold(&mut self) {
        if self.hold.is_some() && self.answered && !self.requests.holds_bytes() {
            self.hold = None;
            self.requests.restart();
        }
    }
}

/// Counts an anomaly that belongs to no message; the next exchange of the flow carries it.
pub(super) fn flag_flow(cx: &mut Context<'_>, anomaly: Anomaly) {
    let flags = cx.shared.note(anomaly);
    cx.flow.anomalies.merge(flags);
}
