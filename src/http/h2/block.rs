//! Header blocks: HEADERS or PUSH_PROMISE with the CONTINUATION frames behind it (RFC 9113 section 4.3).
//! It is given frames in order and gives a whole block, as soon as there is one.
//! It promises to hold no more than the limit; of a block beyond it the beginning is told, of one with a part missing
//! that it was there.

use super::frame::{Head, Kind};
use heelguard_detectors::time::EventTime;
use std::borrow::Cow;

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Purpose {
    /// The stream of the frames.
    pub(super) stream: u32,
    /// Whether it is a request that the server promises to answer.
    pub(super) is_promise: bool,
    /// The stream of that answer; 0 where it is not known.
    pub(super) promised: u32,
    pub(super) ends_stream: bool,
}

/// A block that came in several frames and has not ended.
#[derive(Debug)]
pub(super) struct Open {
    purpose: Purpose,
    bytes: Vec<u8>,
    frames: u32,
    since: EventTime,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    OverLimit,
    /// Beyond the limit, and told.
    Told,
    /// A frame of it was lost.
    Cut,
}

/// A block that has ended.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) purpose: Purpose,
    pub(super) since: EventTime,
    pub(super) content: Content<'a>,
}

/// What is there of a block.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Whole(Cow<'a, [u8]>),
    /// The beginning of one that has more bytes or frames than the limit.
    Beginning(Cow<'a, [u8]>),
    /// A part of it was lost.
    Cut,
}

/// The limits of one block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bytes_max: usize,
    pub(super) frames_max: u32,
}

/// What the first frame of a block is.
#[derive(Debug)]
pub(super) enum Begun<'a> {
    /// The beginning: CONTINUATION follows.
    Open(Open),
    /// All of it.
    Ended(Block<'a>),
}

/// Begins a block with HEADERS or PUSH_PROMISE; `None` when its padding leaves no room for what must be there.
pub(super) fn begin<'a>(
    head: &Head,
    payload: Cow<'a, [u8]>,
    since: EventTime,
    limits: Limits,
) -> Option<Begun<'a>> {
    let mut purpose = Purpose::of(head);
    let passed_over = payload.len() < head.length as usize;
    let fragment = if passed_over {
        Cow::Borrowed(&[][..])
    } else {
        let range = fragment_range(head, &payload)?;
        if head.kind == Kind::PushPromise {
            purpose.promised = promised(&payload, head)?;
        }
        part(payload, range)
    };
    let over = passed_over || fragment.len() > limits.bytes_max;
    let within = 0..fragment.len().min(limits.bytes_max);
    let fragment = part(fragment, within);
    if head.ends_headers() {
        let content = if over { Content::Beginning(fragment) } else { Content::Whole(fragment) };
        return Some(Begun::Ended(Block { purpose, since, content }));
    }
    let state = if over { State::OverLimit } else { State::Held };
    Some(Begun::Open(Open { purpose, bytes: fragment.into_owned(), frames: 1, since, state }))
}

/// The part of HEADERS that is header block; `None` when the frame makes no sense.
pub(super) fn headers_fragment<'p>(head: &Head, payload: &'p [u8]) -> Option<&'p [u8]> {
    payload.get(fragment_range(head, payload)?)
}

impl Purpose {
    fn of(head: &Head) -> Self {
        let ends_stream = head.kind == Kind::Headers && head.ends_stream();
        Self { stream: head.stream, promised: 0, is_promise: head.kind == Kind::PushPromise, ends_stream }
    }
}

impl Open {
    /// Bytes of the block so far.
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The stream whose CONTINUATION must come next.
    pub(super) fn stream(&self) -> u32 {
        self.purpose.stream
    }

    /// A block of which the first frame's payload was lost.
    pub(super) fn cut(head: &Head, since: EventTime) -> Self {
        let purpose = Purpose::of(head);
        Self { purpose, bytes: Vec::new(), frames: 1, since, state: State::Cut }
    }

    /// The payload of a frame of it was lost.
    pub(super) fn lose_frame(&mut self) {
        if self.state != State::Told {
            self.state = State::Cut;
            self.bytes = Vec::new();
        }
    }

    /// Takes a CONTINUATION frame.
    pub(super) fn add(&mut self, head: &Head, payload: &[u8], limits: Limits) {
        self.frames = self.frames.saturating_add(1);
        if self.state != State::Held {
            return;
        }
        let passed_over = payload.len() < head.length as usize;
        let over = self.bytes.len() + payload.len() > limits.bytes_max || self.frames > limits.frames_max;
        if passed_over || over {
            self.state = State::OverLimit;
        } else {
            self.bytes.extend_from_slice(payload);
        }
    }

    /// Its beginning, once it is beyond the limit; to be told at once, for its end may never come.
    pub(super) fn beginning(&mut self) -> Option<Block<'static>> {
        if self.state != State::OverLimit {
            return None;
        }
        self.state = State::Told;
        let content = Content::Beginning(Cow::Owned(std::mem::take(&mut self.bytes)));
        Some(Block { purpose: self.purpose, since: self.since, content })
    }

    /// The block has ended; nothing is left of one that was told.
    pub(super) fn end(self) -> Option<Block<'static>> {
        let content = match self.state {
            State::Held => Content::Whole(Cow::Owned(self.bytes)),
            State::OverLimit => Content::Beginning(Cow::Owned(self.bytes)),
            State::Cut => Content::Cut,
            State::Told => return None,
        };
        Some(Block { purpose: self.purpose, since: self.since, content })
    }
}

/// Where the header block stands in HEADERS or PUSH_PROMISE: behind padding length, priority and promised stream,
/// before the padding.
fn fragment_range(head: &Head, payload: &[u8]) -> Option<std::ops::Range<usize>> {
    let padding = if head.is_padded() { usize::from(*payload.first()?) } else { 0 };
    let mut start = usize::from(head.is_padded());
    start += match head.kind {
        Kind::PushPromise => 4,
        _ if head.has_priority() => 5,
        _ => 0,
    };
    let end = payload.len().checked_sub(padding)?;
    (start <= end).then_some(start..end)
}

fn promised(payload: &[u8], head: &Head) -> Option<u32> {
    let bytes = payload.get(usize::from(head.is_padded())..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes) & 0x7FFF_FFFF)
}

fn part(payload: Cow<'_, [u8]>, range: std::ops::Range<usize>) -> Cow<'_, [u8]> {
    match payload {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(range).unwrap_or(&[])),
        Cow::Owned(mut bytes) => {
            bytes.truncate(range.end);
            bytes.drain(..range.start.min(range.end));
            Cow::Owned(bytes)
        }
    }
}
