//! What kind of step an exchange is, and what the answer says about it: login, second factor, issue, logout, use.
//! It is given labels, fields and the answer and gives one `Step`; the answer decides, not the request.
//! It promises that a 401 that asks for a code is no failed login, and a 401 that ends a session is no refusal.

use super::answer::{Answer, factor};
use super::credential::Presented;
use super::fields::{Fields, Known};
use super::mfa::{self, Evidence, Hits};
use super::route::Labels;
use super::tables::{Field, Marker};
use heelguard_detectors::identity::Factor;
use heelguard_detectors::transaction::{Activity, LoginOutcome, MfaEvent, MfaOutcome, Outcome};

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

/// Labels a GraphQL document earns by the names of its mutations.
const MUTATIONS: &[(&[u8], Labels)] = &[
    (b"verifyotp", Labels::MFA),
    (b"verifymfa", Labels::MFA),
    (b"verifytotp", Labels::MFA),
    (b"verify2fa", Labels::MFA),
    (b"twofactor", Labels::MFA),
    (b"mfa", Labels::MFA),
    (b"otp", Labels::MFA),
    (b"login", Labels::LOGIN),
    (b"signin", Labels::LOGIN),
    (b"tokenauth", Labels::LOGIN),
    (b"logout", Labels::LOGOUT),
    (b"signup", Labels::SIGNUP),
];

/// The labels of a GraphQL document.
pub(crate) fn graphql_labels(document: &[u8]) -> Labels {
    let head: Vec<u8> = document.iter().take(512).map(u8::to_ascii_lowercase).collect();
    if !head.trim_ascii_start().starts_with(b"mutation") {
        return Labels::NONE;
    }
    MUTATIONS
        .iter()
        .filter(|(name, _)| memchr::memmem::find(&head, name).is_some())
        .fold(Labels::NONE, |all, m| all.or(m.1))
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
    let mints =
        |a: &Answer<'_>| a.issued.iter().any(|i| i.by_context || i.kind == super::clues::HandleKind::ApiKey);
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
                || a.issued.iter().any(|i| i.kind == super::clues::HandleKind::ApiKey && a.status == 201)
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
        (Activity::TokenIssue, ..)
            if answer.is_some_and(|a| {
                a.status == 400 && (a.markers.has(Marker::BadGrant) || a.markers.has(Marker::BadClient))
            }) =>
        {
            Outcome::Denied
        }
        _ => step.outcome,
    }
}

/// The second-factor step of this exchange, if it is one.
fn mfa_step<'r>(
    asked: &Asked<'r, '_>,
    answer: Option<&Answer<'_>>,
    grant: Option<&[u8]>,
    hits: &mut Hits,
) -> Option<MfaStep<'r>> {
    let mfa_grant = grant.is_some_and(is_mfa_grant);
    if grant.is_some() && !mfa_grant {
        return None;
    }
    let labels = asked.labels;
    let writes = writes(asked.method);
    let code = if writes { presented_code(asked, mfa_grant) } else { None };
    let assertion = writes
        && asked.fields.has(Field::Assertion)
        && (is_mfa_route(labels) || labels.any(Labels::LOGIN.or(Labels::FACTORS)));
    let header = asked.presented.mfa_header;
    let event = mfa_event(asked, answer, code.is_some() || assertion, mfa_grant)?;
    let mut evidence = evidence(answer, mfa_grant);
    evidence.presented =
        code.is_some() || assertion || header.is_some() || mfa_grant || labels.any(Labels::PUSH);
    let (mut outcome, by_status_only) = mfa::outcome(&evidence, hits);
    if event != MfaEvent::Attempt && outcome == MfaOutcome::FailCode && event != MfaEvent::Enrolment {
        outcome = MfaOutcome::FailOther;
    }
    match (event, outcome) {
        (MfaEvent::Challenge, MfaOutcome::Success) => outcome = MfaOutcome::Challenge,
        // The secret is shown, the code is awaited.
        (MfaEvent::Enrolment, _) if answer.is_some_and(|a| a.totp_secret) => outcome = MfaOutcome::Pending,
        _ => {}
    }
    let shown = code.map(|k| &*k.value).or(header.filter(|h| h.len() <= 10));
    let factor = step_factor(asked, answer, code, assertion);
    Some(MfaStep { event, factor, outcome, by_status_only, code: shown })
}

/// Which step of a second factor's life this is.
fn mfa_event(
    asked: &Asked<'_, '_>,
    answer: Option<&Answer<'_>>,
    proof: bool,
    mfa_grant: bool,
) -> Option<MfaEvent> {
    let labels = asked.labels;
    let about_factors = labels.any(Labels::MFA.or(Labels::FACTORS).or(Labels::BACKUP));
    let is_verification = labels.any(Labels::MAYBE_MFA.or(Labels::LOGIN)) && !labels.any(Labels::BACKUP)
        || labels.any(Labels::LOGIN);
    if asked.method == b"DELETE" {
        return about_factors.then_some(MfaEvent::FactorChange);
    }
    if !writes(asked.method) {
        // A secret shown to the caller begins an enrolment; a push that is polled is an attempt.
        let shows_secret = answer.is_some_and(|a| a.totp_secret) && about_factors;
        let polls = labels.any(Labels::PUSH) && labels.any(Labels::MFA.or(Labels::FACTORS));
        return if shows_secret {
            Some(MfaEvent::Enrolment)
        } else if polls || asked.presented.mfa_header.is_some() {
            Some(MfaEvent::Attempt)
        } else {
            None
        };
    }
    if about_factors && labels.any(Labels::REMOVAL) {
        return Some(MfaEvent::FactorChange);
    }
    if about_factors && labels.any(Labels::ENROLMENT)
        || labels.any(Labels::FACTORS) && !is_verification && !labels.any(Labels::PUSH)
    {
        let regenerates = labels.any(Labels::BACKUP);
        return Some(if regenerates { MfaEvent::FactorChange } else { MfaEvent::Enrolment });
    }
    if proof || mfa_grant || asked.presented.mfa_header.is_some() {
        return Some(MfaEvent::Attempt);
    }
    let asks = answer.is_some_and(|a| a.markers.has(Marker::NeedsMfa) || a.markers.has(Marker::Pending));
    let verdict_comes = labels.any(Labels::PUSH)
        && answer.is_some_and(|a| a.markers.has(Marker::Success) || a.markers.has(Marker::Rejected));
    if verdict_comes && about_factors {
        return Some(MfaEvent::Attempt);
    }
    let starts = about_factors && (labels.any(Labels::MAYBE_MFA) || labels.any(Labels::PUSH))
        || labels.any(Labels::MFA)
        || labels.any(Labels::FACTORS.or(Labels::MAYBE_MFA)) && asks;
    (starts && !asked.fields.has(Field::Password)).then_some(MfaEvent::Challenge)
}

/// The field that holds a one-time code, if this is a place for one.
fn presented_code<'r>(asked: &Asked<'r, '_>, mfa_grant: bool) -> Option<&'r Known<'r>> {
    let fields: &'r Fields<'_> = asked.fields;
    let labels = asked.labels;
    let on_route = is_mfa_route(labels) || mfa_grant;
    let in_login = labels.any(Labels::LOGIN.or(Labels::SESSION))
        || fields.has(Field::Ticket)
        || fields.has(Field::Password);
    fields.known.iter().find(|k| match k.field {
        Field::Code | Field::BackupCode => is_code(&k.value) || on_route && !k.value.is_empty(),
        Field::AnyCode => is_code(&k.value) && (on_route || in_login || labels.any(Labels::FACTORS)),
        Field::Token => is_short_code(&k.value) && on_route,
        _ => false,
    })
}

fn is_mfa_route(labels: Labels) -> bool {
    labels.any(Labels::MFA.or(Labels::MAYBE_MFA).or(Labels::BACKUP))
}

fn is_mfa_grant(grant: &[u8]) -> bool {
    [b"mfa".as_slice(), b"otp", b"two_factor", b"2fa"]
        .iter()
        .any(|w| memchr::memmem::find(grant, w).is_some())
}

/// Four to ten digits, blanks and dashes aside.
fn is_short_code(value: &[u8]) -> bool {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    (4..=10).contains(&digits) && value.iter().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-'))
}

/// A one-time code, or a recovery code: up to 24 letters and digits, some of them digits.
fn is_code(value: &[u8]) -> bool {
    is_short_code(value)
        || (6..=24).contains(&value.len())
            && value.iter().any(u8::is_ascii_digit)
            && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b' '))
}

/// Which factor: what the answer names, else the request, else the route, else the look of the code.
fn step_factor(
    asked: &Asked<'_, '_>,
    answer: Option<&Answer<'_>>,
    code: Option<&Known<'_>>,
    assertion: bool,
) -> Factor {
    let answered = answer.filter(|a| a.status < 400).and_then(|a| a.factors.last().copied());
    let named = asked.fields.known.iter().filter(|k| k.field == Field::Factor).find_map(|k| factor(&k.value));
    let by_field = code
        .and_then(|k| if k.field == Field::BackupCode { Some(Factor::Backup) } else { factor_in(k.name) });
    let by_grant = asked.fields.get(Field::GrantType).and_then(factor_in);
    let by_route = || asked.template.rsplit('/').find_map(|s| factor_in(s.as_bytes()));
    let by_look = || {
        code.map(|k| {
            let is_six =
                is_short_code(&k.value) && k.value.iter().filter(|b| b.is_ascii_digit()).count() <= 7;
            if is_six { Factor::Totp } else { Factor::Backup }
        })
    };
    if assertion {
        return Factor::Webauthn;
    }
    answered.or(named).or(by_field).or(by_grant).or_else(by_route).or_else(by_look).unwrap_or(Factor::Unknown)
}

/// The factor a name speaks of: `sms_code`, `recovery-codes`, `mfa-oob`.
fn factor_in(name: &[u8]) -> Option<Factor> {
    const WORDS: &[(&[u8], Factor)] = &[
        (b"recovery", Factor::Backup),
        (b"backup", Factor::Backup),
        (b"totp", Factor::Totp),
        (b"hotp", Factor::Hotp),
        (b"sms", Factor::Sms),
        (b"email", Factor::Email),
        (b"push", Factor::Push),
        (b"oob", Factor::Push),
        (b"webauthn", Factor::Webauthn),
        (b"passkey", Factor::Webauthn),
        (b"fido", Factor::Webauthn),
        (b"voice", Factor::Voice),
        (b"authenticator_code", Factor::Totp),
    ];
    let lower: Vec<u8> = name.iter().take(64).map(u8::to_ascii_lowercase).collect();
    WORDS.iter().find(|(word, _)| memchr::memmem::find(&lower, word).is_some()).map(|&(_, factor)| factor)
}

/// Of several factors offered, the first that is no backup; of one, that one.
fn offered_factor(answer: &Answer<'_>) -> Factor {
    let mut offered = answer.factors.iter().copied().filter(|&f| f != Factor::Backup);
    match (offered.next(), offered.next()) {
        (Some(only), None) => only,
        _ => Factor::Unknown,
    }
}

/// What the answer says, for the table.
fn evidence(answer: Option<&Answer<'_>>, mfa_grant: bool) -> Evidence {
    let Some(answer) = answer else {
        return Evidence::default();
    };
    Evidence {
        status: Some(answer.status),
        markers: answer.markers,
        verdict: answer.verdict,
        errors: answer.errors,
        retry_after: answer.retry_after,
        issued: answer.issued.iter().any(|i| !matches!(i.kind, super::clues::HandleKind::Challenge))
            && answer.status < 400,
        mfa_grant,
        presented: false,
    }
}

/// What the answer says about a password, if one was presented for checking.
fn login(
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
    let named = asked.fields.has(Field::Name)
        || labels.any(Labels::LOGIN.or(Labels::REAUTH).or(Labels::TOKEN).or(Labels::SESSION));
    let by_grant = grant == Some(b"password");
    let by_basic = asked.presented.basic.is_some()
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
    let Some(answer) = answer else {
        return Some(LoginOutcome::Unknown);
    };
    Some(login_outcome(answer, mfa))
}

fn login_outcome(answer: &Answer<'_>, mfa: Option<&MfaStep<'_>>) -> LoginOutcome {
    use Marker as M;
    let (m, status) = (answer.markers, answer.status);
    let session = answer.issued.iter().any(|i| i.kind != super::clues::HandleKind::Challenge);
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
    match status {
        200..=299 if answer.verdict == Some(false) || answer.errors => LoginOutcome::Refused,
        200..=299 if answer.is_html && answer.code_form => LoginOutcome::SecondFactor,
        // A form that comes back, with no session, is how classic sites refuse.
        200..=299 if answer.is_html && !session => LoginOutcome::Refused,
        200..=299 => LoginOutcome::Success,
        300..=399 => redirected(answer),
        _ if m.has(M::BadClient) || m.has(M::BadRequest) || m.has(M::Forbidden) => LoginOutcome::Error,
        400 | 401 | 403 | 422 => LoginOutcome::Refused,
        _ => LoginOutcome::Error,
    }
}

/// A form login is answered by where it sends the browser.
fn redirected(answer: &Answer<'_>) -> LoginOutcome {
    let location: Vec<u8> =
        answer.location.unwrap_or(&[]).iter().take(256).map(u8::to_ascii_lowercase).collect();
    let holds = |words: &[&[u8]]| words.iter().any(|w| memchr::memmem::find(&location, w).is_some());
    if holds(&[b"2fa", b"mfa", b"otp", b"two-factor", b"two_factor"]) {
        LoginOutcome::SecondFactor
    } else if holds(&[b"error", b"failed", b"failure", b"invalid", b"denied"])
        || location.ends_with(b"/login")
        || location.ends_with(b"/signin")
    {
        LoginOutcome::Refused
    } else {
        LoginOutcome::Success
    }
}

fn ends_session(asked: &Asked<'_, '_>) -> bool {
    let labels = asked.labels;
    labels.any(Labels::LOGOUT) || asked.method == b"DELETE" && labels.any(Labels::SESSION)
}

fn writes(method: &[u8]) -> bool {
    matches!(method, b"POST" | b"PUT" | b"PATCH" | b"DELETE")
}
