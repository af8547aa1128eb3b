//! The handles of a request: which it was made with, which it only speaks of, which is for one use.
//! They are taken from the hashed credentials, the step and the route.
//! It promises that a token sent in to be revoked or looked into does not stand for whoever sends it.

use crate::identity::clues::{Clues, Ends, Handle, HandleKind, Spend};
use crate::identity::extract::Proved;
use crate::identity::labels::Labels;
use crate::identity::request::Asking;
use crate::identity::route::Route;
use crate::identity::step::Step;
use crate::identity::tables::Field;
use heelguard_detectors::session::OneTime;
use heelguard_detectors::transaction::{Activity, MfaEvent};

/// Where `Extractor::prove` puts what it finds.
const IN_HEADER: u8 = 0;
const IN_BODY: u8 = 1;
const IN_COOKIE: u8 = 2;

/// A word is shorter, and written in letters alone.
const WORD_BYTES_MAX: usize = 16;

/// Whether a value can be one holder's alone: not a word like `anonymous` that stands where a session would be.
pub(in crate::identity::extract) fn names_one(value: &[u8]) -> bool {
    value.len() > WORD_BYTES_MAX
        || value.iter().any(|b| !(b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')))
}

/// Puts the handles of a request in order, strongest first. A program's key says less about who calls than the session
/// or token beside it; the ticket of an unfinished step says least, unless the step is the one that is asked for: then
/// it is in a cookie and in the address or body too.
pub(in crate::identity::extract) fn by_strength(handles: &mut [(u8, Handle)]) {
    let is_ticket = |handle: &Handle| handle.kind == HandleKind::Challenge;
    let mut tickets = handles.iter().map(|&(_, handle)| handle).filter(is_ticket);
    let first = tickets.next();
    let asked_for = first.filter(|first| tickets.any(|ticket| ticket == *first));
    handles.sort_by_key(|&(place, handle)| {
        let rank = match handle.kind {
            _ if Some(handle) == asked_for => 0,
            HandleKind::Session | HandleKind::Access => 1,
            HandleKind::Refresh => 2,
            HandleKind::ApiKey => 3,
            HandleKind::Challenge | HandleKind::Code => 4,
        };
        (place, rank)
    });
}

/// What the request tries to use that is for one use. A cookie comes with every request, so a ticket counts in a body only.
pub(super) fn spends(asked: &Asking<'_>, step: &Step<'_>, route: &Route, proved: &Proved) -> Option<Spend> {
    let find = |wanted: &dyn Fn(u8, HandleKind) -> bool, what| {
        let (_, handle) = proved.handles.iter().find(|(place, handle)| wanted(*place, handle.kind))?;
        Some(Spend { what, fingerprint: handle.fingerprint })
    };
    let issues = step.activity == Activity::TokenIssue;
    if issues && let Some(code) = find(&|_, kind| kind == HandleKind::Code, OneTime::AuthorizationCode) {
        return Some(code);
    }
    if issues || asked.method == b"POST" && route.labels.any(Labels::TOKEN) {
        return find(&|_, kind| kind == HandleKind::Refresh, OneTime::RefreshToken);
    }
    let is_attempt = step.mfa.is_some_and(|m| matches!(m.event, MfaEvent::Attempt | MfaEvent::Confirmation));
    if is_attempt {
        return find(&|place, kind| place == IN_BODY && kind == HandleKind::Challenge, OneTime::Ticket);
    }
    None
}

/// Whether a token is exchanged for another one (RFC 8693 2.1).
pub(super) fn exchanges_token(asked: &Asking<'_>) -> bool {
    asked.fields.get(Field::GrantType) == Some(b"urn:ietf:params:oauth:grant-type:token-exchange")
}

/// Whether the request came with a token or session in a header, which speaks for whoever sends it.
pub(super) fn any_in_header(proved: &Proved) -> bool {
    proved.handles.iter().any(|&(place, _)| place == IN_HEADER)
}

/// Sets apart what a request to revoke, look into or exchange something names, unless it has nothing else to say who
/// it is.
pub(super) fn set_named_apart(clues: &mut Clues, asked: &Asking<'_>, route: &Route, proved: &Proved) {
    let looks_into = route.labels.any(Labels::OAUTH_CLIENT) && asked.fields.has(Field::Token);
    if !looks_into && !clues.on_behalf && !matches!(clues.ends, Some((Ends::Named, _))) {
        return;
    }
    let is_own = |place: u8| matches!(place, IN_HEADER | IN_COOKIE);
    let named = proved.handles.iter().filter(|(place, _)| !is_own(*place)).map(|&(_, handle)| handle);
    clues.named = named.collect();
    let says_who = clues.client_id.is_some()
        || clues.login_name.is_some()
        || proved.handles.iter().any(|&(place, _)| is_own(place));
    if says_who {
        clues.presented.retain(|handle| !clues.named.contains(handle));
    }
}
