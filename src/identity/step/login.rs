//! The password part of a step: whether one was presented for checking, and what the answer makes of it.
//! It is given the request's labels and fields and the answer.
//! It promises that a request for a second factor is never a refused password.

use super::factor::is_mfa_route;
use super::page::{self, Page};
use super::{Asked, MfaStep};
use crate::identity::answer::{Answer, Issued};
use crate::identity::clues::HandleKind;
use crate::identity::labels::Labels;
use crate::identity::markers::Marker;
use crate::identity::tables::Field;
use heelguard_detectors::transaction::{LoginOutcome, MfaOutcome};

/// What the answer says about a password, if one was presented for checking.
pub(super) fn login(
    asked: &Asked<'_, '_>,
    answer: Option<&Answer<'_>>,
    grant: Option<&[u8]>,
    mfa: Option<&MfaStep<'_>>,
) -> Option<LoginOutcome> {
    let labels = asked.labels;
    let password = asked.fields.has(Field::Password);
    let by_form = password
        && asked.method == b"POST"
        && !labels.any(Labels::SIGNUP)
        && !asked.fields.has(Field::NewPassword);
    let named = asked.fields.has(Field::Name) && !asked.fields.is_untyped
        || labels.any(Labels::LOGIN.or(Labels::REAUTH).or(Labels::TOKEN).or(Labels::SESSION));
    let by_grant = is_password_grant(grant);
    let by_basic = asked.presented.basic.is_some()
        && asked.presented.user.is_some()
        && asked.method == b"POST"
        && grant.is_none()
        && labels.any(Labels::LOGIN.or(Labels::SESSION))
        && !is_mfa_route(labels);
    if grant.is_some() && !by_grant || !(by_form && named || by_grant || by_basic) {
        return None;
    }
    // A user made by an administrator has a password too; that is no login.
    let administers = labels.any(Labels::SENSITIVE)
        && !labels.any(Labels::LOGIN.or(Labels::REAUTH).or(Labels::TOKEN).or(Labels::SESSION));
    if administers && !by_grant {
        return None;
    }
    let Some(answer) = answer.filter(|answer| answer.status > 0) else {
        return Some(LoginOutcome::Unknown);
    };
    Some(login_outcome(answer, mfa))
}

/// The grant of RFC 6749 4.3, and those that products make of it: `…/grant-type/password-realm`.
pub(super) fn is_password_grant(grant: Option<&[u8]>) -> bool {
    let last = grant.and_then(|g| g.rsplit(|b| matches!(b, b'/' | b':')).next());
    matches!(last, Some(b"password" | b"password-realm"))
}

fn login_outcome(answer: &Answer<'_>, mfa: Option<&MfaStep<'_>>) -> LoginOutcome {
    use Marker as M;
    let (m, status) = (answer.markers, answer.status);
    let session = answer.issued.iter().any(|i| i.kind != HandleKind::Challenge);
    if m.has(M::Throttled) || m.has(M::Locked) || matches!(status, 423 | 429) {
        return LoginOutcome::Throttled;
    }
    if m.has(M::BadPassword) {
        return LoginOutcome::Refused;
    }
    if m.has(M::NeedsMfa)
        || m.has(M::BadCode)
        || mfa.is_some_and(|m| m.outcome == MfaOutcome::FailCode && !m.by_status_only)
    {
        return LoginOutcome::SecondFactor;
    }
    // A form login is answered by the page it leads to: the form that comes back is how classic sites refuse.
    match page::shown(answer) {
        Some(Page::LockOut) => return LoginOutcome::Throttled,
        Some(Page::Code) => return LoginOutcome::SecondFactor,
        Some(Page::Error | Page::SignIn) => return LoginOutcome::Refused,
        None => {}
    }
    match status {
        200..=299 if answer.verdict == Some(false) || answer.errors => LoginOutcome::Refused,
        200..=299 if answer.is_html && !session => LoginOutcome::Refused,
        // A ticket, and nothing to go on with, is for the next step.
        200..=299 if !session && answer.issued.iter().any(|i| i.from_body) => LoginOutcome::SecondFactor,
        // An error in words nobody knows; beside an access token it is a remark.
        200..=299 if answer.error && !answer.issued.iter().any(is_token) => LoginOutcome::Refused,
        200..=399 => LoginOutcome::Success,
        _ if m.has(M::BadClient) || m.has(M::BadRequest) || m.has(M::Forbidden) => LoginOutcome::Error,
        400 | 401 | 403 | 422 => LoginOutcome::Refused,
        _ => LoginOutcome::Error,
    }
}

/// Whether this is handed out to go on with and to nobody else: cookies are renewed with every answer.
fn is_token(issued: &Issued<'_>) -> bool {
    issued.from_body && !issued.by_context && matches!(issued.kind, HandleKind::Access | HandleKind::Refresh)
}
