//! What becomes of one record, and what is known when it comes.
//! The two protocol versions are given a record and the secrets of its moment, and answer with a `Step`.
//! It promises that a secret that is missing is told apart from one that may still come.

use super::secret::{Label, Secret};
use super::{GivenUp, KeyStore, Record};
use heelguard_detectors::time::EventTime;
use std::ops::Range;

/// Content types of records (RFC 8446, 5.1; RFC 5246, 6.2.1).
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

/// What became of a record.
pub(super) enum Step {
    /// Its content, in the buffer.
    Clear { kind: u8, sealed: bool, content: Range<usize> },
    /// It was understood, and has nothing to say.
    Silent,
    /// Early data that the server did not take: it is as if it had not been sent.
    Refused,
    /// It cannot be opened yet. Nothing has changed.
    Wait,
    /// It cannot be opened, nor what follows.
    Fail(GivenUp),
}

impl Step {
    /// A record that is not sealed.
    pub(super) fn plain(record: &Record<'_>, buffer: &mut Vec<u8>) -> Self {
        fill(buffer, record.body);
        Self::Clear { kind: record.kind, sealed: false, content: 0..record.body.len() }
    }
}

/// Lays a record's body into the buffer, anew for each attempt: one that fails leaves nothing whole.
pub(super) fn fill(buffer: &mut Vec<u8>, body: &[u8]) {
    buffer.clear();
    buffer.extend_from_slice(body);
}

/// The secrets of one connection, as one moment knows them.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) keys: &'a KeyStore,
    pub(super) client_random: &'a [u8; 32],
    pub(super) now: EventTime,
}

impl Known<'_> {
    /// A secret, or what its absence means for the record that needs it.
    pub(super) fn get(&self, label: Label) -> Result<Secret, Step> {
        self.keys.secret(self.client_random, label, self.now).ok_or_else(|| self.missing())
    }

    /// What it means that a secret is not there.
    pub(super) fn missing(&self) -> Step {
        if self.keys.grows() { Step::Wait } else { Step::Fail(GivenUp::NoSecret) }
    }
}
