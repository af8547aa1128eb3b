//! What kind of step an exchange is, and what the answer says about it: login, second factor, issue, logout, use.
//! It is given labels, fields and the answer and gives one `Step`; the answer decides, not the request.
//! It promises that a 401 that asks for a code is no failed login, and a 401 that ends a session is no refusal.

mod factor;
mod login;

use super::answer::Answer;
use super::clues::HandleKind;
use super::credential::Presented;
use super::fields::Fields;
use super::labels::Labels;
use super::markers::Marker;
use super::mfa::Hits;
use super::tables::Field;
use factor::{is_mfa_route, mfa_step, offered_factor};
use heelguard_detectors::identity::Factor;
use heelguard_detectors::transaction::{Activity, LoginOutcome, MfaEvent, MfaOutcome, Outcome};
use login::login;

/// What the request side says.
pub(crate) struct Asked<'r, 'a> {
    pub(crate) method: &'r [u8],
    pub(crate) template: &'r str,
    pub(crate) labels: Labels,
    pub(crate) fields: &'r Fields<'a>,
    pub(crate) presented: &'r Presented<'a>,
}

/// A step, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step<'r> {
    pub(crate) activity: Activity,
    pub(crate) login: Option<LoginOutcome>,
    pub(crate) mfa: Option<MfaStep<'r>>,
    pub(crate) outcome: Outcome,
    /// The grant was client credentials.
    pub(crate) service_grant: bool,
}

/// A second-factor step, its code still secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MfaStep<'r> {
    pub(crate) event: MfaEvent,
    pub(crate) factor: Factor,
    pub(crate) outcome: MfaOutcome,
    pub(crate) by_status_only: bool,
    pub(crate) code: Option<&'r [u8]>,
}

/// Reads the step.
pub(crate) fn read<'r>(asked: &Asked<'r, '_>, answer: Option<&Answer<'_>>, hits: &mut Hits) -> Step<'r> {
    let grant = asked.fields.get(Field::GrantType);
    let mut step = Step {
        activity: Activity::Use,
        login: None,
        mfa: None,
        outcome: outcome(answer),
        service_grant: grant == Some(b"client_credentials"),
    };
    step.mfa = mfa_step(asked, answer, grant, hits);
    step.login = login(asked, answer, grant, step.mfa.as_ref());
    if step.login == Some(LoginOutcome::SecondFactor) && step.mfa.is_none() {
        let factor = answer.map_or(Factor::Unknown, offered_factor);
        let (event, outcome) = (MfaEvent::Challenge, MfaOutcome::Challenge);
        step.mfa = Some(MfaStep { event, factor, outcome, by_status_only: false, code: None });
    }
    step.activity = activity(asked, answer, grant, &step);
    step.outcome = meaning(&step, answer);
    step
}

fn activity(
    asked: &Asked<'_, '_>,
    answer: Option<&Answer<'_>>,
    grant: Option<&[u8]>,
    step: &Step<'_>,
) -> Activity {
    let (labels, writes) = (asked.labels, writes(asked.method));
    let succeeded = answer.is_some_and(|a| (200..300).contains(&a.status));
    let mints = |a: &Answer<'_>| a.issued.iter().any(|i| i.by_context || i.kind == HandleKind::ApiKey);
    if step.login.is_some() {
        let token_route = labels.any(Labels::TOKEN) || grant.is_some();
        return if token_route && step.login == Some(LoginOutcome::Success) {
            Activity::TokenIssue
        } else {
            Activity::Login
        };
    }
    if step.mfa.is_some_and(|m| {
        m.event != MfaEvent::Attempt
            || asked.presented.mfa_header.is_none()
            || is_mfa_route(labels)
            || m.outcome != MfaOutcome::Success
    }) {
        return Activity::Mfa;
    }
    let refreshes = writes && labels.any(Labels::TOKEN) && asked.fields.has(Field::Refresh);
    if grant.is_some() && !labels.any(Labels::OAUTH_CLIENT) || refreshes {
        return Activity::TokenIssue;
    }
    if ends_session(asked) {
        return Activity::Logout;
    }
    if writes && labels.any(Labels::SIGNUP) && asked.fields.has(Field::Password) {
        return Activity::SignUp;
    }
    let creates = asked.method == b"POST" || asked.method == b"PUT";
    if creates
        && succeeded
        && answer.is_some_and(|a| {
            labels.any(Labels::KEY_ISSUE) && mints(a)
                || a.issued.iter().any(|i| i.kind == HandleKind::ApiKey && a.status == 201)
        })
    {
        return Activity::KeyIssue;
    }
    let changes_users =
        writes && asked.template.split('/').any(|s| matches!(s, "users" | "keys" | "api-keys" | "members"));
    let changes_password = writes && asked.fields.has(Field::NewPassword);
    if labels.any(Labels::EXPORT)
        || labels.any(Labels::SENSITIVE) && writes
        || changes_password
        || changes_users && labels.any(Labels::SENSITIVE)
    {
        return Activity::Sensitive;
    }
    Activity::Use
}

/// The answer by its status.
fn outcome(answer: Option<&Answer<'_>>) -> Outcome {
    match answer.map(|a| a.status) {
        None => Outcome::Unknown,
        Some(401 | 403) => Outcome::Denied,
        Some(status) if status < 400 => Outcome::Success,
        Some(_) => Outcome::Error,
    }
}

/// The answer by what the step makes of it.
fn meaning(step: &Step<'_>, answer: Option<&Answer<'_>>) -> Outcome {
    if answer.is_none() {
        return Outcome::Unknown;
    }
    match (step.activity, step.login, step.mfa.map(|m| (m.event, m.outcome))) {
        (Activity::Logout, ..) if step.outcome == Outcome::Denied => Outcome::Success,
        (_, Some(LoginOutcome::Refused | LoginOutcome::Throttled | LoginOutcome::SecondFactor), _) => {
            Outcome::Denied
        }
        (
            _,
            _,
            Some((MfaEvent::Attempt, MfaOutcome::FailCode | MfaOutcome::Locked | MfaOutcome::Throttled)),
        ) => Outcome::Denied,
        // A grant or refresh token that is refused, unless the request was malformed or must be repeated.
        (Activity::TokenIssue, ..) if answer.is_some_and(refuses_grant) => Outcome::Denied,
        _ => step.outcome,
    }
}

fn refuses_grant(answer: &Answer<'_>) -> bool {
    answer.status == 400 && !answer.markers.has(Marker::Pending) && !answer.markers.has(Marker::BadRequest)
}

fn ends_session(asked: &Asked<'_, '_>) -> bool {
    let labels = asked.labels;
    labels.any(Labels::LOGOUT) || asked.method == b"DELETE" && labels.any(Labels::SESSION)
}

fn writes(method: &[u8]) -> bool {
    matches!(method, b"POST" | b"PUT" | b"PATCH" | b"DELETE")
}
