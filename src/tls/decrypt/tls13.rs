//! The sealed part of a TLS 1.3 connection (RFC 8446).
//! It is given the suite, and the records behind the ClientHello, and follows each side from key to key.
//! It promises that early data leaves only if the server took it, and that a key changes where its side says so; where
//! that was lost, the tag of a later record decides.
//!
//! ```text
//! client:  [Early ─ EndOfEarlyData →] Handshake ─ Finished → Application ─ KeyUpdate → Application …
//! server:                             Handshake ─ Finished → Application ─ KeyUpdate → Application …
//! ```

use super::derive::next_generation;
use super::messages::{ENCRYPTED_EXTENSIONS, END_OF_EARLY_DATA, FINISHED, KEY_UPDATE, Messages};
use super::opener::Opener13;
use super::secret::{Label, Secret};
use super::step::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Known, Step, fill};
use super::suite::Suite;
use super::{GivenUp, Record, Side};
use std::ops::Range;

/// Early data that the server does not take is passed over up to here; servers set far smaller limits.
const REFUSED_BYTES_MAX: usize = 1 << 20;
/// A handshake whose own secrets nobody wrote down is passed over up to here: certificates are in it.
const HANDSHAKE_BYTES_MAX: usize = 256 << 10;

/// What the client said about early data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EarlyData {
    /// Nothing: it sends none.
    None,
    /// It may send some; the server's answer decides what that was.
    Offered,
    /// It may have sent some, and was told to begin anew: nobody takes it.
    Refused,
}

/// Both directions of a connection.
pub(super) struct Tls13 {
    suite: Suite,
    /// The server has not yet said whether it takes early data.
    undecided: bool,
    halves: [Half; 2],
}

/// What one side sends.
struct Half {
    epoch: Epoch,
    /// The key in use; none between two of them.
    key: Option<Key>,
    /// Messages, while there is a part of one.
    messages: Option<Box<Messages>>,
    /// Records were lost, and maybe the message that changes keys with them: messages are not followed any more.
    blind: bool,
    /// Records that were lost since the last one that was opened.
    lost: u32,
    /// Bytes of records that need not open.
    tolerated: usize,
}

/// Which secret a side uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Epoch {
    Early,
    Handshake,
    Application,
}

struct Key {
    secret: Secret,
    opener: Opener13,
    /// Records that it opened.
    number: u64,
}

impl Tls13 {
    pub(super) fn new(suite: Suite, early: EarlyData) -> Self {
        let mut client = Half::new();
        client.tolerated = if early == EarlyData::Refused { REFUSED_BYTES_MAX } else { 0 };
        Self { suite, undecided: early == EarlyData::Offered, halves: [client, Half::new()] }
    }

    pub(super) fn lost(&mut self, side: Side, records: u32) {
        let half = &mut self.halves[side.index()];
        half.blind = true;
        half.lost = half.lost.saturating_add(records);
        if side == Side::Server {
            self.decide_anyhow();
        }
    }

    /// Whether this side speaks under the keys that the handshake was for.
    pub(super) fn is_past_handshake(&self, side: Side) -> bool {
        self.halves[side.index()].epoch == Epoch::Application
    }

    pub(super) fn open(&mut self, record: &Record<'_>, known: Known<'_>, buffer: &mut Vec<u8>) -> Step {
        let began = self.halves[record.side.index()].key.is_some();
        match record.kind {
            // Some send it so that the connection looks like one of TLS 1.2 (RFC 8446, D.4).
            CHANGE_CIPHER_SPEC => Step::Silent,
            APPLICATION_DATA => self.open_sealed(record, known, buffer).unwrap_or_else(|step| step),
            ALERT => Step::plain(record, buffer),
            HANDSHAKE if !began => Step::plain(record, buffer),
            _ => Step::Fail(GivenUp::NotOpened),
        }
    }

    fn open_sealed(
        &mut self,
        record: &Record<'_>,
        known: Known<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Step, Step> {
        if self.undecided && record.side == Side::Client {
            return Err(Step::Wait);
        }
        let half = &mut self.halves[record.side.index()];
        half.begin(record.side, self.suite, known)?;
        let Some((kind, content)) = half.unseal(record, self.suite, known, buffer)? else {
            return half.tolerate(record.body.len());
        };
        if kind == HANDSHAKE && !half.blind {
            let messages = buffer.get(content.clone()).unwrap_or_default();
            self.follow(record.side, messages);
        }
        if record.side == Side::Server && self.is_past_handshake(Side::Server) {
            self.decide_anyhow();
        }
        match kind {
            ALERT | HANDSHAKE | APPLICATION_DATA => Ok(Step::Clear { kind, sealed: true, content }),
            _ => Err(Step::Fail(GivenUp::NotOpened)),
        }
    }

    /// Messages that change keys.
    fn follow(&mut self, side: Side, mut bytes: &[u8]) {
        let half = &mut self.halves[side.index()];
        let mut answer = None;
        while let Some(message) = half.messages.get_or_insert_default().next(&mut bytes) {
            match (half.epoch, message) {
                (Epoch::Early, END_OF_EARLY_DATA) => half.enter(Epoch::Handshake),
                (Epoch::Handshake, ENCRYPTED_EXTENSIONS) => {
                    answer = Some(half.messages.get_or_insert_default().takes_early_data());
                }
                (Epoch::Handshake, FINISHED) => half.enter(Epoch::Application),
                (Epoch::Application, KEY_UPDATE) => half.update(self.suite),
                _ => {}
            }
        }
        half.messages.take_if(|messages| messages.is_idle());
        match answer {
            Some(true) if side == Side::Server && self.undecided => {
                self.undecided = false;
                self.halves[Side::Client.index()].epoch = Epoch::Early;
            }
            Some(_) if side == Side::Server => self.decide_anyhow(),
            _ => {}
        }
    }

    /// The server said no, or its word is lost: then what does not open is passed over, and nothing is made up.
    fn decide_anyhow(&mut self) {
        if std::mem::take(&mut self.undecided) {
            self.halves[Side::Client.index()].tolerated = REFUSED_BYTES_MAX;
        }
    }
}

impl Half {
    fn new() -> Self {
        Self { epoch: Epoch::Handshake, key: None, messages: None, blind: false, lost: 0, tolerated: 0 }
    }

    /// Sees to it that there is a key.
    fn begin(&mut self, side: Side, suite: Suite, known: Known<'_>) -> Result<(), Step> {
        if self.key.is_some() {
            return Ok(());
        }
        let mut secret = known.get(label(side, self.epoch));
        if self.epoch == Epoch::Handshake && matches!(secret, Err(Step::Fail(_))) {
            // Some logs have the secrets of what counts alone.
            secret = known.get(label(side, Epoch::Application));
            if secret.is_ok() {
                self.enter(Epoch::Application);
                self.tolerated = HANDSHAKE_BYTES_MAX;
            }
        }
        self.key = Some(Key::new(secret?, suite)?);
        Ok(())
    }

    /// Opens a record under the key in use, or, after a loss, as a later one under it or the next.
    fn unseal(
        &mut self,
        record: &Record<'_>,
        suite: Suite,
        known: Known<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<(u8, Range<usize>)>, Step> {
        let Some(key) = &mut self.key else { return Ok(None) };
        let mut opened = key.open(self.lost, record, buffer);
        if opened.is_none() && self.blind {
            let next = match self.epoch {
                Epoch::Early => (Epoch::Handshake, known.get(label(record.side, Epoch::Handshake))?),
                Epoch::Handshake => (Epoch::Application, known.get(label(record.side, Epoch::Application))?),
                Epoch::Application => {
                    let secret = next_generation(suite.hash, &key.secret);
                    (Epoch::Application, secret.ok_or(Step::Fail(GivenUp::Unsupported))?)
                }
            };
            let mut key = Key::new(next.1, suite)?;
            opened = key.open(self.lost, record, buffer);
            if opened.is_some() {
                (self.epoch, self.key) = (next.0, Some(key));
            }
        }
        if opened.is_some() {
            (self.lost, self.tolerated) = (0, 0);
        }
        Ok(opened)
    }

    /// A record did not open: so it is, where that is to be expected.
    fn tolerate(&mut self, bytes: usize) -> Result<Step, Step> {
        self.tolerated = self.tolerated.checked_sub(bytes).ok_or(Step::Fail(GivenUp::NotOpened))?;
        let early = self.epoch != Epoch::Application;
        Ok(if early { Step::Refused } else { Step::Silent })
    }

    fn enter(&mut self, epoch: Epoch) {
        (self.epoch, self.key) = (epoch, None);
    }

    fn update(&mut self, suite: Suite) {
        let next = self.key.as_ref().and_then(|key| next_generation(suite.hash, &key.secret));
        self.key = next.and_then(|secret| Key::new(secret, suite).ok());
    }
}

impl Key {
    fn new(secret: Secret, suite: Suite) -> Result<Self, Step> {
        let opener = Opener13::new(suite, &secret).ok_or(Step::Fail(GivenUp::Unsupported))?;
        Ok(Self { secret, opener, number: 0 })
    }

    /// Opens a record as the next one, or as one behind up to so many that were lost.
    fn open(&mut self, lost: u32, record: &Record<'_>, buffer: &mut Vec<u8>) -> Option<(u8, Range<usize>)> {
        let mut numbers = self.number..self.number.saturating_add(u64::from(lost) + 1);
        let (number, opened) = numbers.find_map(|number| {
            fill(buffer, record.body);
            self.opener.open(number, record.version, buffer).map(|opened| (number, opened))
        })?;
        self.number = number.saturating_add(1);
        Some(opened)
    }
}

fn label(side: Side, epoch: Epoch) -> Label {
    match (side, epoch) {
        (_, Epoch::Early) => Label::ClientEarly,
        (Side::Client, Epoch::Handshake) => Label::ClientHandshake,
        (Side::Client, Epoch::Application) => Label::ClientTraffic,
        (Side::Server, Epoch::Handshake) => Label::ServerHandshake,
        (Side::Server, Epoch::Application) => Label::ServerTraffic,
    }
}
