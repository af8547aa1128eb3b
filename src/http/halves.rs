//! The two halves of an exchange while they come in: a request that waits, an answer being received.
//! They are given heads, body bytes and what is known of losses.
//! They promise to keep no more of a body than was asked for.

use super::Message;
use super::framing::Expect;
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::time::EventTime;

/// Why a message, or its place, is not wholly known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cut {
    /// It is.
    No,
    /// The capture, or the sensor's patience, ended inside.
    End,
    /// Bytes are missing.
    Gap,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    /// HTTP.
    No,
    /// The tunnel of a CONNECT.
    Tunnel,
    /// HTTP/2, which the request asked for.
    Http2,
    /// Another protocol.
    Opaque,
}

/// Whom an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The oldest waiting request.
    Oldest(Expect),
    /// A request that left for the pipeline limit.
    GivenUp(Expect),
    /// No known request.
    Nobody,
}

impl Target {
    /// The form of the answer.
    pub(super) fn expect(self) -> Expect {
        match self {
            Self::Oldest(expect) | Self::GivenUp(expect) => expect,
            Self::Nobody => Expect::Ordinary,
        }
    }
}

/// A request whose answer has not ended.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "marks that are independent of each other")]
pub(super) struct Pending {
    pub(super) message: Message,
    pub(super) minor: u8,
    pub(super) expect: Expect,
    pub(super) ordinal: u32,
    pub(super) prefix_max: usize,
    /// What was odd in it.
    pub(super) anomalies: AnomalySet,
    /// Its end is where its framing puts it.
    pub(super) whole: bool,
    pub(super) cut: Cut,
    pub(super) receiving: bool,
    /// A strict server answers it with 400.
    pub(super) refused: bool,
    pub(super) over_limit: bool,
    /// Whether the next answer is this one's is a guess.
    pub(super) doubtful: bool,
    /// Its answer may lie in lost bytes.
    pub(super) answer_lost: bool,
    /// It came while the server's direction was lost.
    pub(super) blind: bool,
    /// The answer, when it ended before the request did.
    pub(super) early: Option<Box<Answer>>,
}

impl Pending {
    /// A request whose head was read.
    pub(super) fn new(message: Message, minor: u8, expect: Expect, prefix_max: usize) -> Self {
        Self {
            message,
            minor,
            expect,
            ordinal: 0,
            prefix_max,
            anomalies: AnomalySet::EMPTY,
            whole: true,
            cut: Cut::No,
            receiving: true,
            refused: false,
            over_limit: false,
            doubtful: false,
            answer_lost: false,
            blind: false,
            early: None,
        }
    }

    /// Bytes it keeps.
    pub(super) fn bytes(&self) -> usize {
        self.message.head.len() + self.message.body.prefix.len()
    }
}

/// A response being received.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) message: Message,
    pub(super) minor: u8,
    /// The status by which it is framed; the message has what a strict client reads.
    status_meant: u16,
    pub(super) target: Target,
    pub(super) prefix_max: usize,
    /// What was odd in it.
    pub(super) anomalies: AnomalySet,
    /// Its end is where its framing puts it.
    pub(super) whole: bool,
    /// What is missing.
    pub(super) cut: Cut,
}

impl Answer {
    /// Bytes it keeps.
    pub(super) fn bytes(&self) -> usize {
        self.message.head.len() + self.message.body.prefix.len()
    }

    /// A response whose head was read.
    pub(super) fn new(
        message: Message,
        minor: u8,
        status_meant: u16,
        target: Target,
        prefix_max: usize,
    ) -> Self {
        let (anomalies, whole, cut) = (AnomalySet::EMPTY, true, Cut::No);
        Self { message, minor, status_meant, target, prefix_max, anomalies, whole, cut }
    }

    /// Body bytes.
    pub(super) fn absorb(&mut self, bytes: &[u8], at: EventTime) {
        absorb(&mut self.message, bytes, self.prefix_max);
        self.message.last_byte = at;
    }

    /// The last byte's time.
    pub(super) fn last_byte(&mut self, at: EventTime) {
        self.message.last_byte = at;
    }

    /// Body bytes that were not seen: counted, and the end of what is kept.
    pub(super) fn bridge(&mut self, missing: u64) {
        self.message.body.bytes = self.message.body.bytes.saturating_add(missing);
        self.prefix_max = 0;
        self.cut = Cut::Gap;
    }

    /// What protocol follows.
    pub(super) fn switch(&self) -> Switch {
        let names =
            |protocol| self.message.header("upgrade").is_some_and(|name| name.eq_ignore_ascii_case(protocol));
        match (self.status_meant, self.target.expect()) {
            (101, Expect::Upgrade) if names(b"h2c") => Switch::Http2,
            (101, _) => Switch::Opaque,
            (200..=299, Expect::Tunnel) => Switch::Tunnel,
            _ => Switch::No,
        }
    }
}

/// Counts body bytes and keeps the first of them, up to `prefix_max`.
pub(super) fn absorb(message: &mut Message, bytes: &[u8], prefix_max: usize) {
    let body = &mut message.body;
    body.bytes = body.bytes.saturating_add(bytes.len() as u64);
    let room = prefix_max.saturating_sub(body.prefix.len());
    if let Some(kept @ [_, ..]) = bytes.get(..room.min(bytes.len())) {
        if body.prefix.is_empty() && bytes.len() < room {
            // A body in several segments: room for four of them, so that most bodies cost one allocation
            // and a client that declares much and sends little gets little.
            body.prefix.reserve(room.min(kept.len() * 4));
        }
        body.prefix.extend_from_slice(kept);
    }
}
