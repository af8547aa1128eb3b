//! Header blocks as what they are: a request, an answer, trailers, a promise; and how streams end.
//! It is given whole blocks, ends and resets of a connection and opens, fills and closes its streams.
//! It promises that a block is taken for a head only where it can be one, and a stream is told once.

use super::super::body;
use super::super::halves::Cut;
use super::fields::Fields;
use super::{
    Anomaly, Block, Connection, Content, Context, Event, EventTime, Facts, Part, ServiceKind, Side, Stream,
    flag_flow, message,
};
use heelguard_detectors::anomaly::AnomalySet;

/// A block's fields, unpacked, and what is to be said of them.
struct Unpacked {
    fields: Fields,
    /// All of the block is known.
    whole: bool,
    /// No part of it could be unpacked.
    missing: bool,
    anomalies: AnomalySet,
    first_byte: EventTime,
    at: EventTime,
}

impl Connection {
    /// A block has ended.
    pub(super) fn block(&mut self, cx: &mut Context<'_>, side: Side, block: Block<'_>, at: EventTime) {
        let Block { purpose, since, content } = block;
        let unpacked = self.unpack(cx, side, content, [since, at]);
        if purpose.is_promise {
            self.promise(cx, side, purpose.promised, unpacked);
            return;
        }
        match side {
            Side::Request => self.request_block(cx, purpose.stream, unpacked, purpose.ends_stream),
            Side::Response => self.response_block(cx, purpose.stream, unpacked, purpose.ends_stream),
        }
        if purpose.ends_stream {
            self.end(cx, purpose.stream, side, at);
        }
    }

    fn unpack(
        &mut self,
        cx: &mut Context<'_>,
        side: Side,
        content: Content<'_>,
        [first_byte, at]: [EventTime; 2],
    ) -> Unpacked {
        let list_max = cx.shared.config.http2_list_bytes_max;
        let kept_max = cx.shared.config.http2_table_bytes_max;
        let decoder = &mut self.lane(side).decoder;
        let mut fields = Fields::new(list_max);
        let mut anomalies = AnomalySet::EMPTY;
        let missing = match content {
            Content::Whole(bytes) => {
                decoder.decode(&bytes, kept_max, &mut cx.shared.hpack, &mut fields);
                if fields.unknown > 0 || fields.broken {
                    anomalies.merge(cx.shared.note(Anomaly::Http2HpackDesync));
                }
                if fields.over_limit {
                    anomalies.merge(cx.shared.note(Anomaly::Http2HeaderListLimit));
                }
                false
            }
            Content::Beginning(bytes) => {
                decoder.decode(&bytes, kept_max, &mut cx.shared.hpack, &mut fields);
                decoder.lose();
                fields.over_limit = true;
                anomalies.merge(cx.shared.note(Anomaly::Http2HeaderBlockLimit));
                anomalies.merge(cx.shared.note(Anomaly::Http2HpackDesync));
                false
            }
            Content::Cut => {
                decoder.lose();
                anomalies.merge(cx.shared.note(Anomaly::Http2HpackDesync));
                true
            }
        };
        let whole = !missing && fields.are_whole();
        Unpacked { fields, whole, missing, anomalies, first_byte, at }
    }

    fn request_block(&mut self, cx: &mut Context<'_>, id: u32, unpacked: Unpacked, ends_stream: bool) {
        let met = self.streams.get_mut(id).map(|stream| stream.request.part.is_some() || stream.request.lost);
        if met == Some(true) {
            // Trailers of a request say nothing that counts; only with them it may end.
            if !ends_stream {
                flag_flow(cx, Anomaly::Http2Malformed);
            }
            return;
        }
        if met.is_none() && (id.is_multiple_of(2) || id <= self.newest) {
            // No client opens such a stream, or opens one again.
            if self.requests.losses == 0 {
                flag_flow(cx, Anomaly::Http2Malformed);
            }
            return;
        }
        self.newest = self.newest.max(id);
        let Unpacked { fields, whole, missing, anomalies, first_byte, at } = unpacked;
        if missing {
            self.begin(id, at).request.lost = true;
            cx.flow.anomalies.merge(anomalies);
            return;
        }
        if !fields.may_be_head() {
            if self.requests.losses == 0 {
                flag_flow(cx, Anomaly::Http2Malformed);
            }
            return;
        }
        let losses = self.requests.losses;
        let part = request_part(cx, Unpacked { fields, whole, missing, anomalies, first_byte, at }, losses);
        if !self.requests_met {
            self.requests_met = true;
            let server = self.server(cx);
            cx.shared.services.count(server, part.message.header("host"), ServiceKind::Http2);
        }
        self.open(cx, id, part, ends_stream, at);
    }

    /// A stream begins with its request; one beyond the limit is told at once, without its answer.
    fn open(&mut self, cx: &mut Context<'_>, id: u32, mut part: Part, ended: bool, at: EventTime) {
        let config = &cx.shared.config;
        let full = self.streams.len() >= config.http2_streams_max
            || self.streams.bytes() > config.pipeline_bytes_max;
        if full {
            part.anomalies.merge(cx.shared.note(Anomaly::Http2StreamLimit));
        }
        let bytes = part.message.head.len();
        let stream = self.begin(id, at);
        stream.request.part = Some(Box::new(part));
        stream.request.ended = ended;
        self.streams.count(bytes);
        if full {
            self.finish(cx, id, at, Cut::No);
        }
    }

    fn response_block(&mut self, cx: &mut Context<'_>, id: u32, unpacked: Unpacked, ends_stream: bool) {
        let status = message::status(&unpacked.fields);
        if status.is_some_and(|status| status < 200) && !ends_stream {
            cx.shared.counters.http.interim += 1;
            return;
        }
        if self.streams.get_mut(id).is_none() {
            // A stream that is over, or whose request was not seen.
            let unseen =
                if id.is_multiple_of(2) { self.responses.losses > 0 } else { self.requests.losses > 0 };
            if id == 0 || !(unseen || id % 2 == 1 && id > self.newest) {
                cx.flow.anomalies.merge(unpacked.anomalies);
                return;
            }
        }
        let losses = self.responses.losses;
        let stream = self.begin(id, unpacked.at);
        stream.last = unpacked.at;
        if unpacked.missing {
            stream.response.lost = true;
            cx.flow.anomalies.merge(unpacked.anomalies);
            return;
        }
        let replaces =
            stream.response.part.as_ref().is_none_or(|part| part.message.status() == 0 && status.is_some());
        if !replaces {
            if let Some(part) = &mut stream.response.part {
                part.anomalies.merge(unpacked.anomalies);
                if !unpacked.whole {
                    part.spoil();
                }
                message::add_trailers(&mut part.message, &unpacked.fields);
            }
            return;
        }
        let request = stream.request.part.as_ref().map(|part| &part.message);
        let sends = request.is_some_and(|request| !matches!(request.method(), b"GET" | b"HEAD"));
        let tunnel = request.is_some_and(|request| request.method() == b"CONNECT");
        let lossy = losses > 0 || stream.response.lost;
        let part = response_part(cx, unpacked, [sends, tunnel, lossy], losses);
        let opened = tunnel && status.is_some_and(|status| status < 300);
        let bytes = part.message.head.len();
        let at = part.message.last_byte;
        stream.response.part = Some(Box::new(part));
        self.streams.count(bytes);
        if opened {
            // A tunnel, or a WebSocket: what follows is counted as bytes and is nobody's body.
            self.finish(cx, id, at, Cut::No);
        }
    }

    /// A request that the server makes in the client's place (RFC 9113 section 8.4).
    fn promise(&mut self, cx: &mut Context<'_>, side: Side, id: u32, unpacked: Unpacked) {
        if side == Side::Request || unpacked.missing || id == 0 || id % 2 == 1 {
            // The promised stream's number stands in a frame that was passed over.
            let passed_over = id == 0 && unpacked.fields.over_limit;
            let known_loss = unpacked.missing || passed_over || self.responses.losses > 0;
            if !known_loss {
                flag_flow(cx, Anomaly::Http2Malformed);
            }
            cx.flow.anomalies.merge(unpacked.anomalies);
            return;
        }
        if self.streams.get_mut(id).is_some() || !unpacked.fields.may_be_head() {
            flag_flow(cx, Anomaly::Http2Malformed);
            return;
        }
        let at = unpacked.at;
        let part = request_part(cx, unpacked, self.responses.losses);
        self.open(cx, id, part, true, at);
    }

    /// A side has sent all of its half.
    pub(super) fn end(&mut self, cx: &mut Context<'_>, id: u32, side: Side, at: EventTime) {
        let [requests, _] = self.losses();
        let Some(stream) = self.streams.get_mut(id) else { return };
        stream.last = at;
        let half = stream.half(side);
        half.ended = true;
        if let Some(part) = &mut half.part {
            part.message.last_byte = at;
        }
        let unseen = stream.request.part.is_none();
        if stream.response.ended && (unseen || stream.request.may_have_ended(requests)) {
            self.finish(cx, id, at, Cut::No);
        }
    }

    /// A side gives a stream up; what was not answered by then is counted, for it costs the server and nobody else.
    pub(super) fn reset(&mut self, cx: &mut Context<'_>, id: u32, side: Side, at: EventTime) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        let unanswered = stream.response.part.is_none();
        if unanswered && let Some(class) = self.lane(side).floods.count(Event::Reset, at, &cx.shared.config) {
            flag_flow(cx, class);
        }
        self.finish(cx, id, at, Cut::No);
    }

    /// A stream leaves as an exchange.
    pub(super) fn finish(&mut self, cx: &mut Context<'_>, id: u32, at: EventTime, cut: Cut) {
        let (client, losses) = (self.client, self.losses());
        if let Some(stream) = self.streams.close(id) {
            stream.leave(cx, client, at, losses, cut);
        }
    }

    /// A stream, which begins here if it has not begun.
    fn begin(&mut self, id: u32, at: EventTime) -> &mut Stream {
        let (ordinal, losses) = (self.ordinal, self.losses());
        let ordinals = &mut self.ordinal;
        self.streams.open(id, || {
            *ordinals = ordinal.saturating_add(1);
            Stream::new(ordinal, at, losses)
        })
    }
}

fn request_part(cx: &mut Context<'_>, unpacked: Unpacked, losses: u32) -> Part {
    let Unpacked { fields, whole, mut anomalies, first_byte, at, .. } = unpacked;
    if fields.malformed || whole && !message::has_its_due(&fields, true) {
        anomalies.merge(cx.shared.note(Anomaly::Http2Malformed));
    }
    let message = message::request(fields, first_byte, at);
    let kept_max = cx.shared.config.request_body_prefix_bytes_max;
    let prefix_max = if message.method() == b"CONNECT" {
        0
    } else {
        body::request_prefix(Facts::of(&message).content_type, kept_max)
    };
    let mut part = Part::new(message, prefix_max, whole, losses);
    part.anomalies = anomalies;
    part
}

/// `sends`: the request may have sent a form. `lossy`: the head itself may be lost, and these be trailers.
fn response_part(
    cx: &mut Context<'_>,
    unpacked: Unpacked,
    [sends, tunnel, lossy]: [bool; 3],
    losses: u32,
) -> Part {
    let Unpacked { fields, whole, mut anomalies, first_byte, at, .. } = unpacked;
    let is_head = fields.may_be_head();
    if fields.malformed || whole && !lossy && !message::has_its_due(&fields, false) {
        anomalies.merge(cx.shared.note(Anomaly::Http2Malformed));
    }
    let message = if is_head {
        message::response(fields, first_byte, at)
    } else {
        let mut empty = message::response(Fields::new(0), first_byte, at);
        message::add_trailers(&mut empty, &fields);
        empty
    };
    let kept_max = cx.shared.config.response_body_prefix_bytes_max;
    let prefix_max =
        if tunnel { 0 } else { body::response_prefix(Facts::of(&message).content_type, sends, kept_max) };
    let mut part = Part::new(message, prefix_max, whole && is_head, losses);
    part.anomalies = anomalies;
    part
}
