//! What kind of step an exchange is, and what the answer says about it: login, second factor, issue, logout, use.
//! It is given labels, fields and the answer and gives one `Step`; the answer decides, not the request.
//! It promises that a 401 that asks for a code is no failed login, and a 401 that ends a session is no refusal.

mod factor;
mod login;
mod page;

use super::answer::Answer;
use super::clues::HandleKind;
use super::credential::Presented;
use super::fields::Fields;
use super::labels::Labels;
use super::markers::Marker;
use super::mfa::Hits;
use super::names::Names;
use super::tables::Field;
use factor::{asked_for, is_mfa_route, mfa_step};
use heelguard_detectors::identity::Factor;
use heelguard_detectors::transaction::{Activity, LoginOutcome, MfaEvent, MfaOutcome, Outcome};
use login::login;
pub(crate) use page::Page;

/// What the request side says.
pub(crate) struct Asked<'r, 'a> {
    pub(crate) method: &'r [u8],
    pub(crate) path: &'r [u8],
    pub(crate) template: &'r str,
    pub(crate) labels: Labels,
    /// The factor that the operator or a preset says the route is for.
    pub(crate) factor: Option<Factor>,
    /// The labels were given for this very method.
    pub(crate) method_named: bool,
    pub(crate) fields: &'r Fields<'a>,
    pub(crate) presented: &'r Presented<'a>,
    /// The bearer token's time was over when it was sent.
    pub(crate) token_expired: bool,
    /// Words for factors.
    pub(crate) factors: &'r Names<Factor>,
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
    pub(crate) codes_left: Option<u32>,
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
    if step.mfa.is_none() {
        step.mfa = asked_for(asked, answer, step.login);
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
    if step.mfa.is_some_and(|m| is_factor_step(asked, m)) {
        return Activity::Mfa;
    }
    // Refreshed, or exchanged for an authorization code; some servers want no grant's name.
    let has = |field| asked.fields.has(field);
    let exchanges = has(Field::Refresh) || has(Field::ClientId) && has(Field::AnyCode);
    if grant.is_some() && !labels.any(Labels::OAUTH_CLIENT)
        || writes && labels.any(Labels::TOKEN) && exchanges
    {
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

/// Whether the second factor is what the exchange is about: not a call that is asked for more proof, nor one that
/// brings its proof along in a header.
fn is_factor_step(asked: &Asked<'_, '_>, mfa: MfaStep<'_>) -> bool {
    let rides_along = mfa.event == MfaEvent::Attempt
        && asked.presented.mfa_header.is_some()
        && !is_mfa_route(asked.labels)
        && mfa.outcome == MfaOutcome::Success;
    mfa.event != MfaEvent::StepUp && !rides_along
}

/// The answer by its status.
fn outcome(answer: Option<&Answer<'_>>) -> Outcome {
    match answer.map(|a| a.status) {
        None | Some(0) => Outcome::Unknown,
        Some(401 | 403) => Outcome::Denied,
        Some(status) if status < 400 => Outcome::Success,
        Some(_) => Outcome::Error,
    }
}

/// The answer by what the step makes of it.
fn meaning(step: &Step<'_>, answer: Option<&Answer<'_>>) -> Outcome {
    if answer.is_none_or(|answer| answer.status == 0) {
        return Outcome::Unknown;
    }
    match (step.activity, step.login, step.mfa.map(|m| (m.event, m.outcome))) {
        (Activity::Logout, ..) if step.outcome == Outcome::Denied => Outcome::Success,
        (_, Some(LoginOutcome::Refused | LoginOutcome::Throttled | LoginOutcome::SecondFactor), _) => {
            Outcome::Denied
        }
        (_, _, Some((event, MfaOutcome::FailCode | MfaOutcome::Locked | MfaOutcome::Throttled)))
            if event != MfaEvent::Challenge =>
        {
            Outcome::Denied
        }
        // A redirect or a page that says no: the code was not even looked at.
        (_, _, Some((MfaEvent::Attempt, MfaOutcome::FailOther))) if step.outcome == Outcome::Success => {
            Outcome::Denied
        }
        // A grant or refresh token that is refused, unless the request was malformed or must be repeated.
        (Activity::TokenIssue, ..) if answer.is_some_and(refuses_grant) => Outcome::Denied,
        _ => step.outcome,
    }
}

fn refuses_grant(answer: &Answer<'_>) -> bool {
    let says = |marker| answer.markers.has(marker);
    match answer.status {
        // Some servers answer every grant with 200, and tell the error in the body.
        200 => (says(Marker::BadGrant) || says(Marker::BadClient)) && answer.issued.is_empty(),
        400 => !says(Marker::Pending) && !says(Marker::BadRequest),
        _ => false,
    }
}

fn ends_session(asked: &Asked<'_, '_>) -> bool {
    let labels = asked.labels;
    labels.any(Labels::LOGOUT) || asked.method == b"DELETE" && labels.any(Labels::SESSION)
}

fn writes(method: &[u8]) -> bool {
    matches!(method, b"POST" | b"PUT" | b"PATCH" | b"DELETE")
}
