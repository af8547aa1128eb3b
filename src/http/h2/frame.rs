//! One direction as frames (RFC 9113 section 4), however the bytes were cut.
//! It is given bytes and is asked for one `Step` at a time; DATA is passed through, short frames come whole.
//! It promises to hold no more than one frame, and after lost bytes to know its place, or to say that it does not.
//!
//! ```text
//! Preface ──24 bytes──> Head ──> Data | Whole | Skip ──end of frame──> Head
//!                        │        │
//!                        └──gap beyond the frame, a frame too long──> Lost ──`seek` proves a place──> Head
//! ```

use super::seek::{self, Proof};
use heelguard_detectors::time::EventTime;
use std::borrow::Cow;

/// The first bytes of a client (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's header.
pub(super) const HEAD_BYTES: usize = 9;
/// The largest frame until somebody allows larger ones, and the least that anybody may allow.
pub(super) const FRAME_BYTES_DEFAULT: u32 = 16_384;
/// Frames of these types are held until they are whole; a longer one is passed over.
const HELD_BYTES_MAX: u32 = 65_536 + 256;

/// A frame's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    Other,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: u32,
    pub(super) kind: Kind,
    /// The type as sent.
    pub(super) code: u8,
    flags: u8,
    /// The bit before the stream's id, which means nothing and is zero.
    pub(super) reserved: bool,
    pub(super) stream: u32,
}

/// One direction's reader.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    /// A frame's header or a whole frame that came in pieces; while the place is lost, what may be frames.
    kept: Vec<u8>,
    /// When the first byte of `kept` came.
    since: EventTime,
    /// The largest frame the other side ever allowed.
    frame_bytes_max: u32,
}

#[derive(Debug)]
enum State {
    Preface,
    Head,
    /// The length of the padding comes first.
    PadLength(Head),
    Data {
        head: Head,
        data: u32,
        padding: u32,
    },
    Whole(Head),
    Skip {
        remaining: u32,
    },
    Lost,
}

/// What was found next.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A frame with its payload, and when its first byte came. Of a frame that is passed over it is empty.
    Frame(Head, Cow<'a, [u8]>, EventTime),
    /// Bytes of a stream's DATA, without padding.
    Data(u32, &'a [u8]),
    /// A DATA frame ended.
    DataEnd(Head),
    /// What is here makes no sense; the place is lost.
    Broken,
}

/// What a gap did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// It lies in what nobody looks at.
    Harmless,
    /// It lies in a stream's DATA, of which these bytes are missing.
    InData(u32, u64),
    /// It lies in this frame, whose payload is lost; the next frame's place is known.
    InFrame(Head),
    /// Whole frames may be missing, and the place is lost.
    Lost,
    /// It was lost before.
    Ignored,
}

impl Kind {
    fn of(code: u8) -> Self {
        match code {
            0 => Self::Data,
            1 => Self::Headers,
            2 => Self::Priority,
            3 => Self::RstStream,
            4 => Self::Settings,
            5 => Self::PushPromise,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            9 => Self::Continuation,
            _ => Self::Other,
        }
    }

    /// Whether frames of this type are looked into.
    fn is_held(self) -> bool {
        matches!(
            self,
            Self::Headers | Self::PushPromise | Self::Continuation | Self::Settings | Self::RstStream
        )
    }
}

impl Head {
    /// Reads a header at the start of `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[l0, l1, l2, code, flags, s0, s1, s2, s3] = bytes.first_chunk::<HEAD_BYTES>()?;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]);
        Some(Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind: Kind::of(code),
            code,
            flags,
            reserved: stream >> 31 != 0,
            stream: stream & 0x7FFF_FFFF,
        })
    }

    /// END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
    pub(super) fn ends_stream(&self) -> bool {
        self.flags & 0x1 != 0
    }

    /// ACK of SETTINGS and PING.
    pub(super) fn is_ack(&self) -> bool {
        self.flags & 0x1 != 0
    }

    /// END_HEADERS.
    pub(super) fn ends_headers(&self) -> bool {
        self.flags & 0x4 != 0
    }

    /// PADDED, of those that may be.
    pub(super) fn is_padded(&self) -> bool {
        self.flags & 0x8 != 0
    }

    /// Whether HEADERS begin with a priority.
    pub(super) fn has_priority(&self) -> bool {
        self.flags & 0x20 != 0
    }

    /// Whether there is a flag that its type does not have.
    pub(super) fn has_odd_flags(&self) -> bool {
        let known = match self.kind {
            Kind::Data => 0x9,
            Kind::Headers => 0x2D,
            Kind::Settings | Kind::Ping => 0x1,
            Kind::PushPromise => 0xC,
            Kind::Continuation => 0x4,
            Kind::Priority | Kind::RstStream | Kind::GoAway | Kind::WindowUpdate => 0,
            Kind::Other => 0xFF,
        };
        self.flags & !known != 0
    }

    /// Whether a frame of its type can have its length and its stream (RFC 9113 section 6).
    pub(super) fn is_lawful(&self) -> bool {
        let (length, stream) = (self.length, self.stream);
        match self.kind {
            Kind::Data | Kind::Continuation => stream != 0,
            Kind::Headers => stream != 0 && length >= u32::from(self.has_priority()) * 5,
            Kind::Priority => stream != 0 && length == 5,
            Kind::RstStream => stream != 0 && length == 4,
            Kind::Settings => stream == 0 && length.is_multiple_of(6) && (length == 0 || !self.is_ack()),
            Kind::PushPromise => stream != 0 && length >= 4,
            Kind::Ping => stream == 0 && length == 8,
            Kind::GoAway => stream == 0 && length >= 8,
            Kind::WindowUpdate => length == 4,
            Kind::Other => true,
        }
    }
}

impl Reader {
    /// Bytes of a frame that came in pieces.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.capacity()
    }

    /// The client's direction, from its first byte.
    pub(super) fn of_client() -> Self {
        Self::in_state(State::Preface)
    }

    /// The server's direction, from its first byte.
    pub(super) fn of_server() -> Self {
        Self::in_state(State::Head)
    }

    /// A direction that is joined somewhere.
    pub(super) fn joining() -> Self {
        Self::in_state(State::Lost)
    }

    fn in_state(state: State) -> Self {
        Self { state, kept: Vec::new(), since: EventTime::ZERO, frame_bytes_max: FRAME_BYTES_DEFAULT }
    }

    /// The other side allows frames of this size.
    pub(super) fn allow(&mut self, frame_bytes: u32) {
        self.frame_bytes_max = self.frame_bytes_max.max(frame_bytes);
    }

    /// Whether the place is lost.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Looks for frames at the start of a piece of the stream; gives all bytes from their beginning once the place
    /// is proved.
    pub(super) fn seek(&mut self, piece: &[u8], at: EventTime) -> Option<(Vec<u8>, EventTime)> {
        if !self.kept.is_empty() {
            self.kept.extend_from_slice(piece);
            match seek::prove(&self.kept, self.frame_bytes_max) {
                Proof::Proved => return Some(self.found()),
                Proof::Open => return None,
                Proof::Refuted => self.kept = Vec::new(),
            }
        }
        match seek::prove(piece, self.frame_bytes_max) {
            Proof::Refuted => None,
            proof => {
                self.kept.extend_from_slice(piece);
                self.since = at;
                (proof == Proof::Proved).then(|| self.found())
            }
        }
    }

    fn found(&mut self) -> (Vec<u8>, EventTime) {
        self.state = State::Head;
        (std::mem::take(&mut self.kept), self.since)
    }

    /// Takes what comes next out of `rest`; `None` when it needs more bytes.
    pub(super) fn step<'a>(&mut self, rest: &mut &'a [u8], at: EventTime) -> Option<Step<'a>> {
        loop {
            match &mut self.state {
                State::Preface => {
                    let payload = self.gather(PREFACE.len(), rest, at)?;
                    if *payload != *PREFACE {
                        return Some(self.lose());
                    }
                    self.state = State::Head;
                }
                State::Head => {
                    let bytes = self.gather(HEAD_BYTES, rest, at)?;
                    let head = Head::read(&bytes)?;
                    if let Some(step) = self.begin(head) {
                        return Some(step);
                    }
                }
                &mut State::PadLength(head) => {
                    let (&padding, after) = rest.split_first()?;
                    *rest = after;
                    // Padding that leaves no room for itself is an error of the connection (section 6.1).
                    let Some(data) = (head.length - 1).checked_sub(u32::from(padding)) else {
                        return Some(self.lose());
                    };
                    self.state = State::Data { head, data, padding: u32::from(padding) };
                }
                State::Data { head, data: 0, padding: 0 } => {
                    let head = *head;
                    self.state = State::Head;
                    return Some(Step::DataEnd(head));
                }
                State::Data { data: 0, padding, .. } => skip(padding, rest)?,
                State::Data { head, data, .. } => {
                    let bytes = take(*data as usize, rest).filter(|bytes| !bytes.is_empty())?;
                    *data -= bytes.len() as u32;
                    return Some(Step::Data(head.stream, bytes));
                }
                &mut State::Whole(head) => {
                    let first = if self.kept.is_empty() { at } else { self.since };
                    let payload = self.gather(head.length as usize, rest, at)?;
                    self.state = State::Head;
                    return Some(Step::Frame(head, payload, first));
                }
                State::Skip { remaining } => {
                    skip(remaining, rest)?;
                    self.state = State::Head;
                }
                State::Lost => {
                    *rest = &[];
                    return None;
                }
            }
        }
    }

    /// A frame begins; one that is passed over is told at once.
    fn begin<'a>(&mut self, head: Head) -> Option<Step<'a>> {
        if head.length > self.frame_bytes_max {
            return Some(self.lose());
        }
        self.state = match head.kind {
            Kind::Data if head.is_padded() && head.length > 0 => State::PadLength(head),
            Kind::Data => State::Data { head, data: head.length, padding: 0 },
            kind if kind.is_held() && head.length <= HELD_BYTES_MAX => State::Whole(head),
            _ => State::Skip { remaining: head.length },
        };
        matches!(self.state, State::Skip { .. })
            .then(|| Step::Frame(head, Cow::Borrowed(&[]), EventTime::ZERO))
    }

    /// Jumps over bytes that were not seen.
    pub(super) fn gap(&mut self, missing: u64) -> Gap {
        let missing_in = |frame: u32| u32::try_from(missing).ok().filter(|missing| *missing <= frame);
        let gap = match &mut self.state {
            State::Data { head, data, padding } => match missing_in(*data + *padding) {
                Some(missing) => {
                    let of_data = missing.min(*data);
                    *data -= of_data;
                    *padding -= missing - of_data;
                    return Gap::InData(head.stream, u64::from(of_data));
                }
                None => Gap::Lost,
            },
            // How much of it is padding is lost with the first byte.
            &mut State::PadLength(head) => match missing_in(head.length) {
                Some(missing) => {
                    self.state = State::Data { head, data: head.length - missing, padding: 0 };
                    return Gap::InData(head.stream, u64::from(missing));
                }
                None => Gap::Lost,
            },
            State::Skip { remaining } => match missing_in(*remaining) {
                Some(missing) => {
                    *remaining -= missing;
                    return Gap::Harmless;
                }
                None => Gap::Lost,
            },
            &mut State::Whole(head) => {
                let remaining = head.length - (self.kept.len() as u32).min(head.length);
                match missing_in(remaining) {
                    Some(missing) => {
                        self.kept = Vec::new();
                        self.state = State::Skip { remaining: remaining - missing };
                        return Gap::InFrame(head);
                    }
                    None => Gap::Lost,
                }
            }
            State::Preface | State::Head => Gap::Lost,
            State::Lost => Gap::Ignored,
        };
        self.state = State::Lost;
        self.kept = Vec::new();
        gap
    }

    fn lose<'a>(&mut self) -> Step<'a> {
        self.state = State::Lost;
        self.kept = Vec::new();
        Step::Broken
    }

    /// The next `length` bytes, from where they stand if they are all there.
    fn gather<'a>(&mut self, length: usize, rest: &mut &'a [u8], at: EventTime) -> Option<Cow<'a, [u8]>> {
        if self.kept.is_empty() {
            if let Some((bytes, after)) = rest.split_at_checked(length) {
                *rest = after;
                return Some(Cow::Borrowed(bytes));
            }
            self.since = at;
        }
        let missing = length.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(take(missing, rest)?);
        (self.kept.len() >= length).then(|| Cow::Owned(std::mem::take(&mut self.kept)))
    }
}

/// Up to `length` bytes of `rest`.
fn take<'a>(length: usize, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length.min(rest.len()))?;
    *rest = after;
    Some(taken)
}

/// Passes over bytes; `None` when there are more of them to come.
fn skip(remaining: &mut u32, rest: &mut &[u8]) -> Option<()> {
    *remaining -= take(*remaining as usize, rest)?.len() as u32;
    (*remaining == 0).then_some(())
}

#[cfg(test)]
mod tests;
