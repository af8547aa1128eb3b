//! The life of the session, token or key behind a transaction, and what was used twice.
//! It is given the vocabulary's types; what was not seen is null.
//! It promises fingerprints and times, never a session's value.

use super::{Hex, Shown};
use heelguard_detectors::session::{EndCause, Reuse, Session};
use heelguard_detectors::time::EventTime;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct SessionPart {
    id: Hex,
    since: Shown<EventTime>,
    issued_in_sight: bool,
    mfa_since: Option<Shown<EventTime>>,
    renewals: u32,
    ended: Option<EndPart>,
    rotated: Option<bool>,
}

#[derive(Serialize)]
struct EndPart {
    cause: &'static str,
    at: Shown<EventTime>,
}

impl SessionPart {
    pub(super) fn new(session: &Session) -> Self {
        let end = |(cause, at): (EndCause, EventTime)| EndPart { cause: cause.name(), at: Shown(at) };
        Self {
            id: Hex::of(session.id),
            since: Shown(session.since),
            issued_in_sight: session.issued_in_sight,
            mfa_since: session.mfa_since.map(Shown),
            renewals: session.renewals,
            ended: session.ended.map(end),
            rotated: session.rotated,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ReusePart {
    what: &'static str,
    first: Shown<EventTime>,
    same_client: bool,
}

impl ReusePart {
    pub(super) fn new(reuse: &Reuse) -> Self {
        Self { what: reuse.what.name(), first: Shown(reuse.first), same_client: reuse.same_client }
    }
}
