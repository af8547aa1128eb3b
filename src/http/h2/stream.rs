//! One stream: a request and its answer, as far as they have come.
//! It is given heads, body bytes, ends and losses of either half, and gives an exchange when it is over.
//! It promises to keep no more of a body than was asked for, and to know when a part of a message may be lost.

use super::super::connection::Context;
use super::super::emission::Ended;
use super::super::grpc::{self, Counter};
use super::super::halves::{Cut, Pending, absorb};
use super::super::{Message, Side};
use crate::flow::Direction;
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Protocol;

/// Room for so many streams is kept while none is open.
const IDLE_STREAMS: usize = 4;

/// One half of an exchange.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) part: Option<Box<Part>>,
    pub(super) ended: bool,
    /// Its head was there, and was lost.
    pub(super) lost: bool,
    /// Losses of its direction when the stream began.
    losses: u32,
}

/// A message being received.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) message: Message,
    /// What was odd in it.
    pub(super) anomalies: AnomalySet,
    prefix_max: usize,
    cut: Cut,
    /// Not all of its body was seen.
    body_cut: bool,
    /// Losses of its direction when it last had bytes: a later one may have swallowed some of it.
    losses: u32,
    calls: Option<Counter>,
}

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    ordinal: u32,
    pub(super) request: Half,
    pub(super) response: Half,
    /// When something came on it last.
    pub(super) last: EventTime,
}

/// The open streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// In the order of their ids, which is nearly always that in which they begin; few are open at once.
    open: Vec<(u32, Box<Stream>)>,
    /// Bytes that wait in them.
    bytes: usize,
}

impl Part {
    /// A message whose head was read; `whole` says whether all of the head is known.
    pub(super) fn new(message: Message, prefix_max: usize, whole: bool, losses: u32) -> Self {
        let calls = message.header("content-type").is_some_and(grpc::is_grpc).then(Counter::default);
        let cut = if whole { Cut::No } else { Cut::Gap };
        let anomalies = AnomalySet::EMPTY;
        Self { message, anomalies, prefix_max, cut, body_cut: false, losses, calls }
    }

    /// A request that came whole as HTTP/1.
    pub(super) fn of_http1(request: Pending) -> Self {
        let (anomalies, cut) = (request.anomalies, request.cut);
        let body_cut = !request.message.body.complete;
        Self { anomalies, cut, body_cut, ..Self::new(request.message, 0, true, 0) }
    }

    /// Not all of it is known.
    pub(super) fn spoil(&mut self) {
        self.cut = Cut::Gap;
    }

    /// Whether this is a call of gRPC.
    pub(super) fn is_grpc(&self) -> bool {
        self.calls.is_some()
    }

    /// Body bytes.
    fn absorb(&mut self, bytes: &[u8], at: EventTime, losses: u32) {
        self.notice(losses);
        absorb(&mut self.message, bytes, self.prefix_max);
        if let Some(calls) = &mut self.calls {
            calls.absorb(bytes);
        }
        self.message.last_byte = at;
    }

    /// Body bytes that were not seen: counted, and the end of what is kept.
    fn bridge(&mut self, missing: u64) {
        self.message.body.bytes = self.message.body.bytes.saturating_add(missing);
        self.prefix_max = 0;
        self.cut = Cut::Gap;
        self.body_cut = true;
        if let Some(calls) = &mut self.calls {
            calls.bridge(missing);
        }
    }

    /// Frames of its direction were lost since: some may have been its own.
    fn notice(&mut self, losses: u32) {
        if self.losses != losses {
            self.losses = losses;
            self.bridge(0);
            if let Some(calls) = &mut self.calls {
                calls.bridge(u64::MAX);
            }
        }
    }

    /// The message as it leaves.
    fn close(&mut self, whole: bool, losses: u32, cut: Cut) {
        if !whole {
            self.notice(losses);
            self.cut = self.cut.max(cut);
        }
        self.message.body.complete = whole && !self.body_cut;
        self.message.body.messages = self.calls.map(|calls| calls.count());
    }
}

impl Half {
    /// Whether it has ended, or its end may lie in what its direction lost since it had bytes.
    pub(super) fn may_have_ended(&self, losses: u32) -> bool {
        self.ended || self.part.as_ref().map_or(self.losses, |part| part.losses) != losses
    }

    /// Bytes it keeps.
    fn bytes(&self) -> usize {
        self.part.as_ref().map_or(0, |part| part.message.head.len() + part.message.body.prefix.len())
    }
}

impl Stream {
    /// A stream of which nothing came yet; `losses` of both directions so far.
    pub(super) fn new(ordinal: u32, at: EventTime, losses: [u32; 2]) -> Self {
        let [request, response] = losses.map(|losses| Half { losses, ..Half::default() });
        Self { ordinal, request, response, last: at }
    }

    /// The half that a side sends.
    pub(super) fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    /// The exchange as far as it came. `losses` of both directions; `cut` is why what has not ended has not.
    pub(super) fn leave(
        mut self,
        cx: &mut Context<'_>,
        client: Direction,
        at: EventTime,
        losses: [u32; 2],
        cut: Cut,
    ) {
        let mut worst = Cut::No;
        let mut anomalies = AnomalySet::EMPTY;
        let mut grpc = false;
        for (half, losses) in [&mut self.request, &mut self.response].into_iter().zip(losses) {
            if half.lost {
                worst = Cut::Gap;
            }
            if let Some(part) = &mut half.part {
                part.close(half.ended, losses, cut);
                worst = worst.max(part.cut);
                anomalies.merge(part.anomalies);
                grpc |= part.is_grpc();
            }
        }
        let request = self.request.part.map(|part| part.message);
        let response = self.response.part.map(|part| part.message);
        if request.is_none() && response.is_none() {
            return;
        }
        let protocol = if grpc { Protocol::Grpc } else { Protocol::Http2 };
        Ended { ordinal: self.ordinal, protocol, request, response, cut: worst, anomalies }
            .emit(cx, client, at);
    }
}

impl Streams {
    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Bytes that wait in them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same with the streams themselves.
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes + self.open.len() * size_of::<Stream>()
    }

    /// An open stream.
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        let place = self.place(id).ok()?;
        self.open.get_mut(place).map(|(_, stream)| stream.as_mut())
    }

    /// The stream of that id; one that has not begun is made.
    pub(super) fn open(&mut self, id: u32, make: impl FnOnce() -> Stream) -> &mut Stream {
        let place = self.place(id).unwrap_or_else(|place| {
            self.open.insert(place, (id, Box::new(make())));
            place
        });
        &mut self.open[place].1
    }

    /// Where a stream is, or where it would be.
    fn place(&self, id: u32) -> Result<usize, usize> {
        match self.open.last() {
            Some((newest, _)) if *newest >= id => self.open.binary_search_by_key(&id, |(id, _)| *id),
            _ => Err(self.open.len()),
        }
    }

    /// A stream's head was read: its bytes count from here.
    pub(super) fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// DATA of a side.
    pub(super) fn absorb(&mut self, id: u32, side: Side, bytes: &[u8], at: EventTime, losses: u32) {
        let Some(stream) = self.get_mut(id) else { return };
        stream.last = at;
        let half = stream.half(side);
        if let Some(part) = half.part.as_mut().filter(|_| !half.ended) {
            let before = part.message.body.prefix.len();
            part.absorb(bytes, at, losses);
            let kept = part.message.body.prefix.len() - before;
            self.bytes += kept;
        }
    }

    /// DATA of a side that was not seen.
    pub(super) fn bridge(&mut self, id: u32, side: Side, missing: u64) {
        if let Some(part) = self.get_mut(id).and_then(|stream| stream.half(side).part.as_mut()) {
            part.bridge(missing);
        }
    }

    /// A stream is over.
    pub(super) fn close(&mut self, id: u32) -> Option<Box<Stream>> {
        let place = self.place(id).ok()?;
        let (_, stream) = self.open.remove(place);
        if self.open.is_empty() && self.open.capacity() > IDLE_STREAMS {
            self.open = Vec::new();
        }
        self.bytes = self.bytes.saturating_sub(stream.request.bytes() + stream.response.bytes());
        Some(stream)
    }

    /// The ids of those that satisfy, in order.
    pub(super) fn which(&self, satisfies: impl Fn(&Stream) -> bool) -> Vec<u32> {
        self.open.iter().filter(|(_, stream)| satisfies(stream)).map(|(id, _)| *id).collect()
    }
}
