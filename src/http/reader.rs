//! One direction of a connection as messages: heads, body bytes, ends.
//! It is given bytes and is asked for one `Step` at a time; who asks sets each body's length with `frame`.
//! It promises to hold no more than one head, and after lost bytes to speak again only when told where a message may start.
//!
//! ```text
//! Start ──head──> Sized | Chunked | UntilClose ──end──> Start
//!   │                 │
//!   └─junk, limit──> Lost <──gap beyond the body──┘      Lost ──offer() and a whole, strict head──> body …
//! Held: bytes are kept until the other side's answer says what they are.   Deaf: bytes are nobody's business.
//! ```

use super::chunked::{Chunked, Piece};
use super::framing::Length;
use super::head::{self, Form, Layout, Strict};
use super::opening::{self, LOOK_BYTES_MAX};
use super::{Body, Config, Message, Side, StartLine};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use memchr::memchr;

/// One direction's parser.
#[derive(Debug)]
pub(super) struct Reader {
    side: Side,
    state: State,
    /// A head that came in pieces, or held bytes.
    kept: Vec<u8>,
    /// When the first byte of `kept` came.
    kept_since: EventTime,
    /// The kept head's first line is whole.
    line_seen: bool,
    /// The next head must prove itself: bytes were lost, or not seen, before it.
    on_probation: bool,
    /// Bytes were lost since the last head.
    lost_some: bool,
    /// What stood where the next message should begin.
    before: Before,
}

/// Ends of lines before a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Return,
    /// One empty line, which a robust recipient skips (RFC 9112 section 2.2).
    EmptyLine,
    Junk,
}

#[derive(Debug)]
enum State {
    Start,
    Head,
    Sized { remaining: u64 },
    Chunked(Chunked),
    UntilClose { doubtful: bool },
    Lost { joining: bool },
    Held,
    Deaf,
}

/// What was found next.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A whole head; the caller says how its body is framed.
    Head(Parsed),
    /// Body bytes after transfer decoding.
    Body(&'a [u8]),
    /// The message ended.
    End {
        /// Its chunks had what a strict reader refuses.
        odd: bool,
    },
    /// What is here is no message, or too large a head; the reader is lost.
    Broken(Anomaly),
}

/// A head that was read.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The message, still without its body.
    pub(super) message: Message,
    /// 0 for HTTP/1.0 and older.
    pub(super) minor: u8,
    /// Whether RFC 9112 allows it.
    pub(super) form: Form,
    /// The status by which it is framed; 0 of a request.
    pub(super) status_meant: u16,
    /// Found again after lost bytes.
    pub(super) resynced: bool,
}

/// What a gap did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// It lies within the body: the next bytes' place is known.
    Bridged,
    /// Between messages or in a head: whole messages may be missing.
    LostBetween,
    /// Over the end of a body whose length was known: what follows is outside of it.
    LostPastBody,
    /// In a body of unknown length: what follows may belong to it.
    LostInBody,
    /// Nothing was expected here anyway.
    Ignored,
}

impl Before {
    fn and(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Nothing, b'\r') => Self::Return,
            (Self::Return, b'\n') => Self::EmptyLine,
            _ => Self::Junk,
        }
    }
}

impl Reader {
    /// Before the first message.
    pub(super) fn new(side: Side) -> Self {
        let at = EventTime::ZERO;
        Self {
            side,
            state: State::Start,
            kept: Vec::new(),
            kept_since: at,
            line_seen: false,
            on_probation: false,
            lost_some: false,
            before: Before::Nothing,
        }
    }

    /// In the middle of a connection.
    pub(super) fn joining(side: Side) -> Self {
        Self { state: State::Lost { joining: true }, ..Self::new(side) }
    }

    /// Takes what comes next out of `rest`; `None` when it needs more bytes.
    pub(super) fn step<'a>(
        &mut self,
        rest: &mut &'a [u8],
        at: EventTime,
        config: &Config,
    ) -> Option<Step<'a>> {
        match &mut self.state {
            State::Start => {
                let message = opening::skip_newlines(rest);
                let skipped = rest.get(..rest.len() - message.len())?;
                self.before = skipped.iter().fold(self.before, |before, &byte| before.and(byte));
                *rest = message;
                if rest.is_empty() { None } else { self.begin_head(rest, at, config) }
            }
            State::Head => self.go_on_head(rest, at, config),
            State::Sized { remaining: 0 } => Some(self.ended(false)),
            State::Sized { remaining } => {
                let len = usize::try_from(*remaining).unwrap_or(usize::MAX).min(rest.len());
                let (body, left) = rest.split_at_checked(len)?;
                *remaining -= len as u64;
                *rest = left;
                (len > 0).then_some(Step::Body(body))
            }
            State::Chunked(chunked) => match chunked.step(rest, config)? {
                Piece::Data(data) => Some(Step::Body(data)),
                Piece::End => {
                    let odd = chunked.is_odd();
                    Some(self.ended(odd))
                }
                Piece::Broken(anomaly) => self.broken(anomaly),
            },
            State::UntilClose { .. } => {
                let body = std::mem::take(rest);
                (!body.is_empty()).then_some(Step::Body(body))
            }
            State::Held => self.hold_more(rest, at, config),
            State::Lost { .. } | State::Deaf => {
                *rest = &[];
                None
            }
        }
    }

    /// Says how the body behind the head is framed. An undecided one has no end that could be known.
    pub(super) fn frame(&mut self, length: Length) {
        self.state = match length {
            Length::Sized(bytes) => State::Sized { remaining: bytes },
            Length::Chunked => State::Chunked(Chunked::new()),
            Length::UntilClose => State::UntilClose { doubtful: false },
            Length::Undecided => State::UntilClose { doubtful: true },
        };
    }

    /// The next byte starts a message.
    pub(super) fn restart(&mut self) {
        self.state = State::Start;
    }

    /// Keeps what comes until `release`.
    pub(super) fn hold(&mut self) {
        self.state = State::Held;
        self.kept.clear();
    }

    /// Gives up understanding this direction for good.
    pub(super) fn deafen(&mut self) {
        self.state = State::Deaf;
        self.kept = Vec::new();
    }

    /// Loses the place: what comes is skipped until `offer`.
    pub(super) fn lose(&mut self) {
        self.state = State::Lost { joining: false };
        self.lost_some = true;
        self.kept = Vec::new();
    }

    /// Bytes of a head that came in pieces, or held ones.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.capacity()
    }

    /// What was held, and since when; the next byte starts a message.
    pub(super) fn release(&mut self) -> (Vec<u8>, EventTime) {
        self.state = State::Start;
        (std::mem::take(&mut self.kept), self.kept_since)
    }

    /// The next byte may start a message; a strict head has to prove it.
    pub(super) fn offer(&mut self) {
        self.state = State::Start;
        self.on_probation = true;
        self.kept.clear();
    }

    /// Jumps over bytes that were not seen.
    pub(super) fn gap(&mut self, missing: u64) -> Gap {
        let lost = match &mut self.state {
            State::Sized { remaining } => match remaining.checked_sub(missing) {
                Some(left) => {
                    *remaining = left;
                    return Gap::Bridged;
                }
                None => Gap::LostPastBody,
            },
            State::Chunked(chunked) => {
                if chunked.skip(missing) {
                    return Gap::Bridged;
                }
                Gap::LostInBody
            }
            State::UntilClose { .. } => return Gap::Bridged,
            State::Start | State::Head | State::Held => Gap::LostBetween,
            State::Lost { .. } | State::Deaf => return Gap::Ignored,
        };
        self.lose();
        lost
    }

    /// Whether bytes were lost and the place is not known.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost { joining: false })
    }

    /// Whether a message may start in the coming bytes only if the caller offers it.
    pub(super) fn needs_offer(&self) -> bool {
        matches!(self.state, State::Lost { .. } | State::UntilClose { doubtful: true })
    }

    /// Empty lines so far are junk behind the message before, not before the next one.
    pub(super) fn forgive_blank(&mut self) {
        self.before = Before::Nothing;
    }

    /// Whether nothing can come from this direction any more.
    pub(super) fn is_deaf(&self) -> bool {
        matches!(self.state, State::Deaf)
    }

    /// Whether the message ends with the connection.
    pub(super) fn is_until_close(&self) -> bool {
        matches!(self.state, State::UntilClose { doubtful: false })
    }

    /// Whether part of a head is waiting for the rest.
    pub(super) fn has_partial_head(&self) -> bool {
        matches!(self.state, State::Head) && !self.on_probation
    }

    /// Whether the next byte starts a message.
    pub(super) fn is_at_start(&self) -> bool {
        matches!(self.state, State::Start)
    }

    /// Whether bytes are held.
    pub(super) fn holds_bytes(&self) -> bool {
        matches!(self.state, State::Held) && !self.kept.is_empty()
    }

    fn ended<'a>(&mut self, odd: bool) -> Step<'a> {
        self.state = State::Start;
        Step::End { odd }
    }

    /// Lost, with a reason; a candidate that fails was no message and is no anomaly.
    fn broken<'a>(&mut self, anomaly: Anomaly) -> Option<Step<'a>> {
        if std::mem::take(&mut self.on_probation) {
            self.state = State::Lost { joining: !self.lost_some };
            self.kept = Vec::new();
            return None;
        }
        self.lose();
        Some(Step::Broken(anomaly))
    }

    /// The first bytes of a head: parsed where they stand if the head is whole.
    fn begin_head<'a>(&mut self, rest: &mut &'a [u8], at: EventTime, config: &Config) -> Option<Step<'a>> {
        let bytes = *rest;
        match head::strict(self.side, bytes, config.header_lines_max) {
            Strict::Whole(layout) if layout.len <= config.head_bytes_max => {
                let (head, left) = bytes.split_at_checked(layout.len)?;
                *rest = left;
                Some(self.parsed(head.to_vec(), layout, at, at))
            }
            Strict::Whole(_) | Strict::TooManyLines => self.broken(Anomaly::Http1HeaderLimit),
            Strict::Partial | Strict::Refused => {
                self.state = State::Head;
                self.kept.clear();
                self.kept_since = at;
                self.line_seen = false;
                self.go_on_head(rest, at, config)
            }
        }
    }

    /// More bytes of a head that is not whole, or not strict.
    fn go_on_head<'a>(&mut self, rest: &mut &'a [u8], at: EventTime, config: &Config) -> Option<Step<'a>> {
        let before = self.kept.len();
        let taken = rest.len().min((config.head_bytes_max + 1).saturating_sub(before));
        let bytes = *rest;
        self.kept.extend_from_slice(bytes.get(..taken)?);
        let end = self.simple_end(before).or_else(|| head::end(self.side, &self.kept, before));
        let Some(end) = end else {
            *rest = bytes.get(taken..)?;
            let short = !self.line_seen && self.kept.len() <= LOOK_BYTES_MAX;
            self.line_seen |= memchr(b'\n', bytes.get(..taken)?).is_some();
            if short && !opening::plausible(&self.kept, self.side == Side::Response) {
                return self.broken(Anomaly::Http1Malformed);
            }
            if self.kept.len() > config.head_bytes_max {
                return self.broken(Anomaly::Http1HeaderLimit);
            }
            return None;
        };
        // What was taken beyond the head goes back.
        *rest = bytes.get(end.saturating_sub(before)..)?;
        self.kept.truncate(end);
        if end > config.head_bytes_max {
            return self.broken(Anomaly::Http1HeaderLimit);
        }
        let layout = match head::strict(self.side, &self.kept, config.header_lines_max) {
            Strict::Whole(layout) if layout.len == end => Some(layout),
            Strict::TooManyLines => return self.broken(Anomaly::Http1HeaderLimit),
            _ if self.on_probation => None,
            _ => head::tolerant(self.side, &self.kept),
        };
        match layout {
            None => self.broken(Anomaly::Http1Malformed),
            Some(layout) if layout.headers.len() > config.header_lines_max => {
                self.broken(Anomaly::Http1HeaderLimit)
            }
            Some(layout) => {
                let head = std::mem::take(&mut self.kept);
                Some(self.parsed(head, layout, self.kept_since, at))
            }
        }
    }

    /// The end of an HTTP/0.9 request, which is one line.
    fn simple_end(&self, before: usize) -> Option<usize> {
        if self.side == Side::Response || self.line_seen || self.kept.first() != Some(&b'G') {
            return None;
        }
        let end = before + memchr(b'\n', self.kept.get(before..)?)?;
        let line = self.kept.get(..end)?;
        opening::is_simple_request(line.strip_suffix(b"\r").unwrap_or(line)).then_some(end + 1)
    }

    fn parsed<'a>(
        &mut self,
        head: Vec<u8>,
        layout: Layout,
        first_byte: EventTime,
        at: EventTime,
    ) -> Step<'a> {
        let Layout { mut start, headers, minor, status_meant, mut form, .. } = layout;
        self.state = State::Start;
        self.on_probation = false;
        let resynced = std::mem::take(&mut self.lost_some);
        let before = std::mem::replace(&mut self.before, Before::Nothing);
        if let StartLine::Response { status } = &mut start
            && before != Before::Nothing
        {
            form = Form::Refused;
            if before != Before::EmptyLine {
                *status = 0;
            }
        }
        let (trailers, body) = (Vec::new(), Body::default());
        let message = Message { head, start, headers, trailers, first_byte, last_byte: at, body };
        Step::Head(Parsed { message, minor, form, status_meant, resynced })
    }

    fn hold_more<'a>(&mut self, rest: &mut &'a [u8], at: EventTime, config: &Config) -> Option<Step<'a>> {
        if self.kept.is_empty() {
            *rest = opening::skip_newlines(rest);
            self.kept_since = at;
        }
        if self.kept.len() + rest.len() > config.head_bytes_max {
            return self.broken(Anomaly::Http1PipelineLimit);
        }
        self.kept.extend_from_slice(std::mem::take(rest));
        None
    }
}
