//! One HTTP/2 connection (RFC 9113): frames of both directions as exchanges, one for each stream.
//! It is given bytes and gaps by direction and puts finished exchanges into the shard's list.
//! It promises that nothing is guessed: what a loss or a late start makes unknown is left out, and said so.

mod block;
mod fields;
mod floods;
mod frame;
pub(super) mod fuzzing;
mod heads;
mod hpack;
mod message;
mod seek;
mod settings;
mod stream;

pub(super) use hpack::Scratch;
pub(super) use seek::{Recognised, Sender, is_server_preface, recognise};

use super::Side;
use super::connection::{Context, flag_flow};
use super::framing::Facts;
use super::halves::{Cut, Pending};
use super::services::ServiceKind;
use crate::decode::Endpoint;
use crate::flow::{CloseReason, Direction, Kept};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use block::{Begun, Block, Content, Limits, Open};
use floods::{Event, Floods};
use frame::{Gap, Head, Kind, Reader, Step};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use hpack::Decoder;
use settings::Settings;
use std::borrow::Cow;
use std::time::Duration;
use stream::{Part, Stream, Streams};

/// After a loss, streams on which nothing came for this long have ended within it.
const LOST_END_AFTER: Duration = Duration::from_secs(10);
/// The largest frame that settings can allow.
const FRAME_BYTES_MAX: u32 = (1 << 24) - 1;

/// The state of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    client: Direction,
    requests: Lane,
    responses: Lane,
    streams: Streams,
    /// The next exchange's ordinal.
    ordinal: u32,
    /// The client's newest stream; those that it opens have larger ids (RFC 9113 section 5.1.1).
    newest: u32,
    /// A request was read.
    requests_met: bool,
    /// When to look for streams whose end was lost.
    sweep_at: Option<EventTime>,
}

/// One direction.
#[derive(Debug)]
struct Lane {
    reader: Reader,
    decoder: Decoder,
    /// A header block that goes on; nothing else may come before its end.
    block: Option<Box<Open>>,
    floods: Floods,
    /// How often the place was lost, or the beginning missed.
    losses: u32,
}

impl Lane {
    fn kept(&self) -> Kept {
        let messages = self.reader.kept_bytes() + self.block.as_ref().map_or(0, |block| block.kept_bytes());
        Kept { messages, standing: self.decoder.table_bytes() }
    }

    fn new(reader: Reader) -> Self {
        Self { reader, decoder: Decoder::new(), block: None, floods: Floods::default(), losses: 0 }
    }

    /// A direction whose beginning was not seen.
    fn joining() -> Self {
        let mut lane = Self::new(Reader::joining());
        lane.reader.allow(FRAME_BYTES_MAX);
        lane.decoder.allow_any();
        lane.lose();
        lane
    }

    fn lose(&mut self) {
        self.decoder.lose();
        self.block = None;
        self.losses = self.losses.saturating_add(1);
    }

    /// Settings of the other side may have been missed.
    fn allow_any(&mut self) {
        self.reader.allow(FRAME_BYTES_MAX);
        self.decoder.allow_any();
    }

    fn obey(&mut self, settings: Settings) {
        settings.table_bytes.into_iter().for_each(|bytes| self.decoder.allow(bytes));
        settings.frame_bytes.into_iter().for_each(|bytes| self.reader.allow(bytes.min(FRAME_BYTES_MAX)));
    }
}

impl Connection {
    /// Messages and header blocks that are not whole, or wait; and the tables of both directions.
    pub(super) fn kept(&self) -> Kept {
        let (requests, responses) = (self.requests.kept(), self.responses.kept());
        Kept {
            messages: self.streams.kept_bytes() + requests.messages + responses.messages,
            standing: size_of::<Self>() + requests.standing + responses.standing,
        }
    }

    /// A connection whose client sends in direction `client`; `joined` says of which directions, requests and answers,
    /// the beginning was not seen.
    pub(super) fn new(client: Direction, joined: [bool; 2], ordinal: u32) -> Self {
        let lane = |joined, reader| if joined { Lane::joining() } else { Lane::new(reader) };
        let [requests, responses] = joined;
        let requests = lane(requests, Reader::of_client());
        let responses = lane(responses, Reader::of_server());
        Self {
            client,
            requests,
            responses,
            streams: Streams::default(),
            ordinal,
            newest: 0,
            requests_met: false,
            sweep_at: None,
        }
    }

    /// A connection that a request of HTTP/1 turned into this (RFC 7540 section 3.2): the request is that of stream 1.
    pub(super) fn upgraded(client: Direction, next_ordinal: u32, request: Pending) -> Self {
        let mut connection = Self::new(client, [false; 2], next_ordinal);
        let settings =
            request.message.header("http2-settings").and_then(|coded| URL_SAFE_NO_PAD.decode(coded).ok());
        connection.responses.obey(Settings::read(&settings.unwrap_or_default()));
        let (ordinal, at) = (request.ordinal, request.message.last_byte);
        let half = &mut connection.streams.open(1, || Stream::new(ordinal, at, [0; 2])).request;
        half.part = Some(Box::new(Part::of_http1(request)));
        half.ended = true;
        connection.newest = 1;
        connection.requests_met = true;
        connection
    }

    /// The next bytes in one direction.
    pub(super) fn data(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, bytes: &[u8]) {
        let side = self.side(direction);
        self.sweep(cx, at);
        if !self.lane(side).reader.is_lost() {
            return self.read(cx, side, at, bytes);
        }
        if let Some((found, since)) = self.lane(side).reader.seek(bytes, at) {
            flag_flow(cx, Anomaly::Http2Resync);
            self.read(cx, side, since, &found);
        }
    }

    /// Bytes that will not come.
    pub(super) fn gap(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, missing: u64) {
        let side = self.side(direction);
        match self.lane(side).reader.gap(missing) {
            Gap::Harmless | Gap::Ignored => {}
            Gap::InData(stream, missing) => {
                self.streams.bridge(stream, side, missing);
                self.read(cx, side, at, &[]);
            }
            Gap::InFrame(head) => self.frame_lost(cx, side, &head, at),
            Gap::Lost => self.lose(side, at),
        }
    }

    /// One direction ended.
    pub(super) fn half_closed(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime) {
        if self.side(direction) == Side::Response {
            // No answer will come to those that wait.
            for id in self.streams.which(|stream| stream.request.ended) {
                self.finish(cx, id, at, Cut::No);
            }
        }
    }

    /// The flow is over: everything that waits leaves.
    pub(super) fn closed(mut self, cx: &mut Context<'_>, at: EventTime, reason: CloseReason) {
        let cut = match reason {
            CloseReason::Fin | CloseReason::Reset => Cut::No,
            CloseReason::Reused | CloseReason::Idle | CloseReason::Evicted | CloseReason::CaptureEnd => {
                Cut::End
            }
        };
        for id in self.streams.which(|_| true) {
            self.finish(cx, id, at, cut);
        }
        if !self.requests_met {
            cx.shared.services.count(self.server(cx), None, ServiceKind::Http2);
        }
    }

    fn server(&self, cx: &Context<'_>) -> Endpoint {
        if self.client == Direction::FromInitiator { cx.flow.responder } else { cx.flow.initiator }
    }

    fn side(&self, direction: Direction) -> Side {
        if direction == self.client { Side::Request } else { Side::Response }
    }

    fn lane(&mut self, side: Side) -> &mut Lane {
        match side {
            Side::Request => &mut self.requests,
            Side::Response => &mut self.responses,
        }
    }

    fn other(&mut self, side: Side) -> &mut Lane {
        match side {
            Side::Request => &mut self.responses,
            Side::Response => &mut self.requests,
        }
    }

    fn losses(&self) -> [u32; 2] {
        [self.requests.losses, self.responses.losses]
    }

    fn read(&mut self, cx: &mut Context<'_>, side: Side, at: EventTime, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(step) = self.lane(side).reader.step(&mut rest, at) {
            match step {
                Step::Data(stream, bytes) => {
                    let losses = self.lane(side).losses;
                    self.streams.absorb(stream, side, bytes, at, losses);
                }
                Step::DataEnd(head) => {
                    self.other(side).floods.data();
                    if head.stream == 0 {
                        flag_flow(cx, Anomaly::Http2Malformed);
                    } else if head.ends_stream() {
                        self.end(cx, head.stream, side, at);
                    } else if head.length == 0 {
                        self.flood(cx, side, Event::Empty, at);
                    }
                }
                Step::Frame(head, payload, since) => self.frame(cx, side, &head, payload, [since, at]),
                Step::Broken => {
                    flag_flow(cx, Anomaly::Http2Malformed);
                    self.lose(side, at);
                }
            }
        }
    }

    /// A frame that is no DATA.
    fn frame(
        &mut self,
        cx: &mut Context<'_>,
        side: Side,
        head: &Head,
        payload: Cow<'_, [u8]>,
        [since, at]: [EventTime; 2],
    ) {
        let open = self.lane(side).block.as_ref().map(|open| open.stream());
        if open.is_some_and(|stream| head.kind != Kind::Continuation || head.stream != stream) {
            // Whoever may speak between the frames of a block is refused by every peer.
            flag_flow(cx, Anomaly::Http2Malformed);
            self.abandon_block(cx, side, at);
        }
        if !head.is_lawful() {
            flag_flow(cx, Anomaly::Http2Malformed);
        }
        match head.kind {
            Kind::Headers | Kind::PushPromise => self.begin_block(cx, side, head, payload, [since, at]),
            Kind::Continuation => self.continue_block(cx, side, head, &payload, at),
            Kind::Settings => {
                if !head.is_ack() {
                    self.other(side).obey(Settings::read(&payload));
                }
                self.flood(cx, side, Event::Settings, at);
            }
            Kind::RstStream => self.reset(cx, head.stream, side, at),
            Kind::Ping => self.flood(cx, side, Event::Ping, at),
            Kind::Priority => self.flood(cx, side, Event::Priority, at),
            Kind::WindowUpdate => self.flood(cx, side, Event::WindowUpdate, at),
            Kind::Data | Kind::GoAway | Kind::Other => {}
        }
    }

    fn begin_block(
        &mut self,
        cx: &mut Context<'_>,
        side: Side,
        head: &Head,
        payload: Cow<'_, [u8]>,
        [since, at]: [EventTime; 2],
    ) {
        if head.length == 0 && !head.ends_headers() {
            self.flood(cx, side, Event::Empty, at);
        }
        match block::begin(head, payload, since, limits(cx)) {
            Some(Begun::Ended(block)) => self.block(cx, side, block, at),
            Some(Begun::Open(open)) => self.keep_block(cx, side, Box::new(open), at),
            None => {
                flag_flow(cx, Anomaly::Http2Malformed);
                self.lane(side).decoder.lose();
            }
        }
    }

    fn continue_block(
        &mut self,
        cx: &mut Context<'_>,
        side: Side,
        head: &Head,
        payload: &[u8],
        at: EventTime,
    ) {
        if head.length == 0 && !head.ends_headers() {
            self.flood(cx, side, Event::Empty, at);
        }
        let limits = limits(cx);
        let lane = self.lane(side);
        let Some(mut open) = lane.block.take() else {
            // The rest of a block that began in lost bytes, or of none.
            lane.decoder.lose();
            if lane.losses == 0 {
                flag_flow(cx, Anomaly::Http2Malformed);
            }
            return;
        };
        open.add(head, payload, limits);
        if head.ends_headers() {
            self.end_block(cx, side, *open, at);
        } else {
            self.keep_block(cx, side, open, at);
        }
    }

    /// A block goes on.
    fn keep_block(&mut self, cx: &mut Context<'_>, side: Side, mut open: Box<Open>, at: EventTime) {
        if let Some(beginning) = open.beginning() {
            self.block(cx, side, beginning, at);
        }
        self.lane(side).block = Some(open);
    }

    fn end_block(&mut self, cx: &mut Context<'_>, side: Side, open: Open, at: EventTime) {
        if let Some(block) = open.end() {
            self.block(cx, side, block, at);
        }
    }

    /// The block that is open will not be ended.
    fn abandon_block(&mut self, cx: &mut Context<'_>, side: Side, at: EventTime) {
        if let Some(mut open) = self.lane(side).block.take() {
            open.lose_frame();
            self.end_block(cx, side, *open, at);
        }
    }

    /// A frame whose payload was lost; what follows it is known to follow.
    fn frame_lost(&mut self, cx: &mut Context<'_>, side: Side, head: &Head, at: EventTime) {
        match head.kind {
            Kind::Headers | Kind::PushPromise => {
                let open = Open::cut(head, at);
                if head.ends_headers() {
                    self.end_block(cx, side, open, at);
                } else {
                    self.lane(side).block = Some(Box::new(open));
                }
            }
            Kind::Continuation => match self.lane(side).block.take() {
                Some(mut open) => {
                    open.lose_frame();
                    if head.ends_headers() {
                        self.end_block(cx, side, *open, at);
                    } else {
                        self.lane(side).block = Some(open);
                    }
                }
                None => self.lane(side).decoder.lose(),
            },
            Kind::Settings => self.other(side).allow_any(),
            Kind::RstStream => self.reset(cx, head.stream, side, at),
            _ => {}
        }
    }

    /// The place in a direction is lost: what its blocks inserted, and how its streams ended, is unknown.
    fn lose(&mut self, side: Side, at: EventTime) {
        self.lane(side).lose();
        self.other(side).allow_any();
        self.sweep_at.get_or_insert(at.after(LOST_END_AFTER));
    }

    /// Some time after a loss: streams whose end lies in it leave.
    fn sweep(&mut self, cx: &mut Context<'_>, at: EventTime) {
        if self.sweep_at.is_none_or(|due| due > at) {
            return;
        }
        let [requests, responses] = self.losses();
        let doubtful = self.streams.which(|stream| {
            stream.request.may_have_ended(requests) && stream.response.may_have_ended(responses)
        });
        self.sweep_at = None;
        for id in doubtful {
            let last = self.streams.get_mut(id).map_or(at, |stream| stream.last);
            if last.after(LOST_END_AFTER) <= at {
                self.finish(cx, id, at, Cut::Gap);
            } else {
                self.sweep_at = Some(at.after(LOST_END_AFTER));
            }
        }
    }

    fn flood(&mut self, cx: &mut Context<'_>, side: Side, event: Event, at: EventTime) {
        if let Some(class) = self.lane(side).floods.count(event, at, &cx.shared.config) {
            flag_flow(cx, class);
        }
    }
}

fn limits(cx: &Context<'_>) -> Limits {
    let config = &cx.shared.config;
    Limits { bytes_max: config.http2_block_bytes_max, frames_max: config.http2_block_frames_max }
}
