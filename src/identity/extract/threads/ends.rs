//! What a request ends if the server agrees: the session it was made with, others of the account, or what it names.
//! It is given the request, the answer, the step and the route.
//! It promises that nothing is called ended for what was done to somebody else, or where it is not clear to what.

use crate::identity::answer::Answer;
use crate::identity::clues::Ends;
use crate::identity::labels::Labels;
use crate::identity::request::Asking;
use crate::identity::route::Route;
use crate::identity::step::Step;
use crate::identity::tables::Field;
use crate::identity::text::{self, MASK};
use crate::identity::urlencoded;
use heelguard_detectors::session::EndCause;
use heelguard_detectors::transaction::{Activity, MfaEvent, MfaOutcome, Outcome};
use std::sync::Arc;

/// What ends, and why.
pub(super) fn ends(
    asked: &Asking<'_>,
    answer: Option<&Answer<'_>>,
    step: &Step<'_>,
    route: &Route,
) -> Option<(Ends, EndCause)> {
    let answer = answer.filter(|_| step.outcome == Outcome::Success)?;
    let keys = Labels::KEY_ISSUE.or(Labels::KEYS);
    let removes = step.mfa.is_some_and(|m| {
        matches!(m.event, MfaEvent::Removal | MfaEvent::Reset) && m.outcome == MfaOutcome::Success
    });
    let found = if removes {
        Some((Ends::Others, EndCause::FactorChange))
    } else if asked.method == b"DELETE" && route.labels.any(keys) {
        Some((Ends::Named, EndCause::Revocation))
    } else if step.activity == Activity::Logout {
        logout(asked, route)
    } else if changes_password(asked, answer, step, route.labels) {
        // Who comes with a link or code instead of the old password need not be whose session it is.
        match (resets(asked, route), reset_name(asked, step)) {
            (false, _) => Some((Ends::Others, EndCause::PasswordChange)),
            (true, Some(_)) => Some((Ends::Account, EndCause::PasswordChange)),
            (true, None) => None,
        }
    } else {
        None
    };
    found.filter(|_| !concerns_another(&route.template, route.labels))
}

fn logout(asked: &Asking<'_>, route: &Route) -> Option<(Ends, EndCause)> {
    let (labels, last) = (route.labels, last_segment(&route.template));
    let is_own = matches!(last, "current" | "me" | "self" | "this");
    if let Some(ends) = how_many(&route.template, asked.query) {
        return Some((ends, EndCause::Logout));
    }
    let revokes = labels.any(Labels::OAUTH_CLIENT);
    let among_sessions =
        labels.any(Labels::SESSION) || asked.method == b"DELETE" || speaks_of_sessions(route);
    let of_collection =
        labels.any(Labels::KEY_ISSUE.or(Labels::KEYS)) || among_sessions && route.template.contains('{');
    if !is_own && (asked.fields.has(Field::Token) && revokes || of_collection) {
        return Some((Ends::Named, EndCause::Revocation));
    }
    // Which of many sessions end is in a list of ids, or nowhere: products disagree.
    if last == "sessions" {
        return None;
    }
    Some((Ends::Own, if revokes { EndCause::Revocation } else { EndCause::Logout }))
}

/// Whether a segment is `sessions` or `authenticated_sessions`: what follows is one of many.
fn speaks_of_sessions(route: &Route) -> bool {
    route.template.split('/').any(|segment| segment.to_ascii_lowercase().ends_with("sessions"))
}

/// `logout-all`, `sessions/others`, `logout?scope=global`.
fn how_many(template: &str, query: &[u8]) -> Option<Ends> {
    let of_word = |word: &str| match word.to_ascii_lowercase().as_str() {
        "all" | "everywhere" | "global" | "logoutall" | "signoutall" | "revokeall" => Some(Ends::All),
        "other" | "others" | "logoutothers" => Some(Ends::Others),
        _ => None,
    };
    let by_path = template.split(|c: char| !c.is_ascii_alphanumeric()).find_map(of_word);
    let by_query = || {
        let scope = urlencoded::pairs(query).find(|(name, _)| *name == b"scope".as_slice())?.1;
        of_word(std::str::from_utf8(scope).ok()?)
    };
    by_path.or_else(by_query)
}

/// Whether the path says that this is done to an account by its id.
fn concerns_another(template: &str, labels: Labels) -> bool {
    let mut segments = template.split('/').peekable();
    let mut by_id = false;
    while let Some(segment) = segments.next() {
        let accounts = matches!(segment, "users" | "user" | "members" | "accounts" | "people" | "identities");
        by_id |= accounts && segments.peek().is_some_and(|next| next.starts_with('{'));
    }
    by_id || labels.any(Labels::ADMIN)
}

fn changes_password(asked: &Asking<'_>, answer: &Answer<'_>, step: &Step<'_>, labels: Labels) -> bool {
    let mut new = asked.fields.known.iter().filter(|k| k.field == Field::NewPassword);
    let is_named_new = |name: &[u8]| name.to_ascii_lowercase().starts_with(b"new");
    let agreed = answer.verdict != Some(false) && !answer.errors && !(answer.is_html && answer.status == 200);
    matches!(asked.method, b"POST" | b"PUT" | b"PATCH")
        && !matches!(step.activity, Activity::SignUp | Activity::Login)
        && !labels.any(Labels::SIGNUP)
        && agreed
        && new.any(|k| labels.any(Labels::PASSWORD) || is_named_new(k.name))
}

/// Whether a new password is allowed for by something that was sent to the account's owner.
fn resets(asked: &Asking<'_>, route: &Route) -> bool {
    let sent = [Field::Token, Field::Ticket, Field::Code, Field::AnyCode];
    let by_field = sent.into_iter().any(|field| asked.fields.has(field));
    !asked.fields.has(Field::Password) && (by_field || route.template.contains(MASK))
}

/// The account named beside a new password that needs no old one.
pub(super) fn reset_name(asked: &Asking<'_>, step: &Step<'_>) -> Option<Arc<str>> {
    let fields = &asked.fields;
    let resets = fields.has(Field::NewPassword) && !fields.has(Field::Password) && step.login.is_none();
    fields.get(Field::Name).filter(|_| resets).and_then(text::name)
}

fn last_segment(template: &str) -> &str {
    template.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or("")
}
