//! The second-factor part of a step: which event, which factor, which code, and what the answer makes of it.
//! It is given the request's labels and fields and the answer.
//! It promises that enrolment is no attempt, and that a route's name alone is no attempt either.

use super::login::is_password_grant;
use super::page::{self, Page};
use super::{Asked, writes};
use crate::identity::answer::{Answer, factor};
use crate::identity::clues::HandleKind;
use crate::identity::fields::{Fields, Known};
use crate::identity::labels::Labels;
use crate::identity::markers::Marker;
use crate::identity::mfa::{self, Evidence, Hits};
use crate::identity::step::MfaStep;
use crate::identity::tables::Field;
use heelguard_detectors::identity::{CredentialKind, Factor};
use heelguard_detectors::transaction::{LoginOutcome, MfaEvent, MfaOutcome};

/// The second-factor step of this exchange, if it is one.
pub(super) fn mfa_step<'r>(
    asked: &Asked<'r, '_>,
    answer: Option<&Answer<'_>>,
    grant: Option<&[u8]>,
    hits: &mut Hits,
) -> Option<MfaStep<'r>> {
    let mfa_grant = grant.is_some_and(is_mfa_grant);
    if grant.is_some() && !mfa_grant && !proves_in_password_grant(asked, answer, grant) {
        return None;
    }
    let labels = asked.labels;
    let writes = changes(asked);
    let code = if writes || labels.any(Labels::ATTEMPT) { presented_code(asked, mfa_grant) } else { None };
    let assertion = writes
        && asked.fields.has(Field::Assertion)
        && (is_mfa_route(labels) || labels.any(Labels::LOGIN.or(Labels::FACTORS)));
    let header = asked.presented.mfa_header;
    let approval = asks_for_approval(asked, answer);
    let event = mfa_event(asked, answer, code.is_some() || assertion || approval, mfa_grant)?;
    let presented = code.is_some()
        || assertion
        || approval
        || header.is_some()
        || mfa_grant
        || event == MfaEvent::Attempt && labels.any(Labels::PUSH.or(Labels::ATTEMPT));
    let page = answer.and_then(|a| page_after(event, presented, a, asked));
    let password = asked.fields.has(Field::Password);
    let token_expired = asked.token_expired && !asked.fields.has(Field::Ticket);
    let evidence = Evidence { presented, password, token_expired, page, ..evidence(answer, mfa_grant) };
    let (mut outcome, by_status_only) = mfa::outcome(&evidence, hits);
    let factor = step_factor(asked, answer, code, assertion);
    match (event, outcome) {
        // Only what was presented can be wrong.
        (_, MfaOutcome::FailCode) if event != MfaEvent::Attempt && !presented => {
            outcome = MfaOutcome::FailOther;
        }
        (MfaEvent::Challenge, MfaOutcome::Success) => outcome = MfaOutcome::Challenge,
        // The secret is shown, the code is awaited.
        (MfaEvent::Enrolment, _) if answer.is_some_and(|a| a.totp_secret) => outcome = MfaOutcome::Pending,
        (MfaEvent::Enrolment, MfaOutcome::Success) if asked.method == b"GET" => outcome = MfaOutcome::Pending,
        _ => {}
    }
    let shown = code.map(|k| &*k.value).or(header.filter(|h| h.len() <= 10));
    let about_codes =
        factor == Factor::Backup || labels.any(Labels::BACKUP) || event == MfaEvent::Regeneration;
    let codes_left = answer.filter(|_| about_codes).and_then(Answer::codes_left);
    Some(MfaStep { event, factor, outcome, by_status_only, code: shown, codes_left })
}

/// A second factor that the answer asks for: after a right password, or for one more call in a running session.
pub(super) fn asked_for<'r>(
    asked: &Asked<'r, '_>,
    answer: Option<&Answer<'_>>,
    login: Option<LoginOutcome>,
) -> Option<MfaStep<'r>> {
    let answer = answer?;
    let event = match login {
        Some(LoginOutcome::SecondFactor) => MfaEvent::Challenge,
        None if steps_up(asked, answer) => MfaEvent::StepUp,
        _ => return None,
    };
    let factor = match offered_factor(answer) {
        Factor::Unknown => asked.factor.unwrap_or(Factor::Unknown),
        offered => offered,
    };
    let outcome = MfaOutcome::Challenge;
    Some(MfaStep { event, factor, outcome, by_status_only: false, code: None, codes_left: None })
}

/// Whether a call is refused for want of a fresh proof (RFC 9470), and not for want of a session.
fn steps_up(asked: &Asked<'_, '_>, answer: &Answer<'_>) -> bool {
    use CredentialKind::{BearerJwt, BearerOpaque, Session};
    let starts_session = Labels::LOGIN
        .or(Labels::TOKEN)
        .or(Labels::SESSION)
        .or(Labels::OWN_ACCOUNT)
        .or(Labels::OAUTH_CLIENT)
        .or(Labels::INTERACTION);
    let in_session = asked
        .presented
        .found
        .iter()
        .any(|f| f.listed && matches!(f.kind, Session | BearerJwt | BearerOpaque));
    let asks = answer.markers.has(Marker::StepUp)
        || answer.markers.has(Marker::NeedsMfa) && !asked.labels.any(starts_session);
    matches!(answer.status, 401 | 403) && in_session && asks
}

/// A code beside a password is judged only where the answer tells one from the other.
fn proves_in_password_grant(
    asked: &Asked<'_, '_>,
    answer: Option<&Answer<'_>>,
    grant: Option<&[u8]>,
) -> bool {
    is_password_grant(grant)
        && asked.fields.find(Field::Code).is_some()
        && answer.is_some_and(|a| a.status < 300 || a.markers.has(Marker::BadCode))
}

/// Whether the request changes something: by its method, or because somebody said what this very method does there.
fn changes(asked: &Asked<'_, '_>) -> bool {
    writes(asked.method) || asked.method_named
}

/// Which step of a second factor's life this is.
fn mfa_event(
    asked: &Asked<'_, '_>,
    answer: Option<&Answer<'_>>,
    proof: bool,
    mfa_grant: bool,
) -> Option<MfaEvent> {
    let labels = asked.labels;
    let about_factors = labels.any(Labels::MFA.or(Labels::FACTORS));
    if !changes(asked) {
        // A secret shown to the caller begins an enrolment; a push that is polled is an attempt.
        let shows_secret = answer.is_some_and(|a| a.totp_secret) && about_factors;
        let polls = labels.any(Labels::PUSH) && about_factors;
        return if shows_secret {
            Some(MfaEvent::Enrolment)
        } else if polls || proof || asked.presented.mfa_header.is_some() {
            Some(MfaEvent::Attempt)
        } else {
            None
        };
    }
    if about_factors && let Some(event) = factor_change(asked, proof) {
        return Some(event);
    }
    let password = asked.fields.has(Field::Password);
    // Where codes are checked nothing was presented, and the answer asks: the challenge begins here.
    let begins = answer.is_some_and(|a| a.markers.has(Marker::NeedsMfa) && !a.markers.has(Marker::Rejected));
    let only_attempts = labels.any(Labels::ATTEMPT)
        && !begins
        && !labels.any(Labels::CHALLENGE.or(Labels::LOGIN).or(Labels::TOKEN))
        && !password;
    if proof || mfa_grant || asked.presented.mfa_header.is_some() || only_attempts {
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
    // A login that is also for codes is no challenge by itself: its answer tells.
    let is_login = password || labels.any(Labels::ATTEMPT) && labels.any(Labels::LOGIN);
    (starts && !is_login).then_some(MfaEvent::Challenge)
}

/// Whether this asks how somebody answered a prompt, and the answer tells: the prompt is named and nothing is typed in.
/// Only where things are verified: a prompt that is sent is a success as well.
fn asks_for_approval(asked: &Asked<'_, '_>, answer: Option<&Answer<'_>>) -> bool {
    let is_push = |known: &Known<'_>| {
        known.field == Field::Factor && factor(&known.value, asked.factors) == Some(Factor::Push)
    };
    let last = asked.template.rsplit('/').next().unwrap_or_default();
    let verifies = last.starts_with("verif") && is_mfa_route(asked.labels) && writes(asked.method);
    if !verifies || !asked.fields.has(Field::Ticket) || !asked.fields.known.iter().any(is_push) {
        return false;
    }
    answer.is_some_and(|answer| {
        let issues =
            |ticket: bool| answer.issued.iter().any(|i| matches!(i.kind, HandleKind::Challenge) == ticket);
        let has = |marker| answer.markers.has(marker);
        let says = issues(false) || has(Marker::Pending) || has(Marker::Success) || answer.verdict.is_some();
        has(Marker::Rejected) || answer.status < 400 && says && !issues(true)
    })
}

/// What a request does to the factors themselves: adds, confirms, removes, replaces.
fn factor_change(asked: &Asked<'_, '_>, proof: bool) -> Option<MfaEvent> {
    let labels = asked.labels;
    let backup = labels.any(Labels::BACKUP);
    if labels.any(Labels::REGENERATION) || backup && labels.any(Labels::RESET) {
        return Some(MfaEvent::Regeneration);
    }
    if labels.any(Labels::RESET) {
        return Some(MfaEvent::Reset);
    }
    if labels.any(Labels::REMOVAL) || asked.method == b"DELETE" {
        return Some(MfaEvent::Removal);
    }
    if labels.any(Labels::CONFIRMATION) && (proof || !labels.any(Labels::ENROLMENT)) {
        return Some(MfaEvent::Confirmation);
    }
    // What is posted to a collection of factors adds one; a recovery code posted there is used.
    let verifies = labels.any(Labels::LOGIN) || labels.any(Labels::MAYBE_MFA) && !backup;
    let uses =
        verifies || labels.any(Labels::PUSH.or(Labels::ATTEMPT).or(Labels::CHALLENGE)) || backup && proof;
    match (labels.any(Labels::ENROLMENT), labels.any(Labels::FACTORS) && !uses) {
        (false, false) => None,
        _ if backup => Some(MfaEvent::Regeneration),
        // With a code, the factor that was added before is put to use.
        _ if proof => Some(MfaEvent::Confirmation),
        _ => Some(MfaEvent::Enrolment),
    }
}

/// The field that holds a one-time code, if this is a place for one.
fn presented_code<'r>(asked: &Asked<'r, '_>, mfa_grant: bool) -> Option<&'r Known<'r>> {
    let fields: &'r Fields<'_> = asked.fields;
    let labels = asked.labels;
    let on_route = is_mfa_route(labels) || mfa_grant;
    let in_login = labels.any(Labels::LOGIN.or(Labels::SESSION))
        || fields.has(Field::Ticket)
        || fields.has(Field::Password);
    let doubt = doubt(asked, mfa_grant);
    fields.known.iter().find(|k| match k.field {
        Field::Code | Field::BackupCode => is_code(&k.value) || on_route && !k.value.is_empty(),
        Field::AnyCode | Field::Token if doubt.excludes(&k.value) => false,
        Field::AnyCode => is_code(&k.value) && (on_route || in_login || labels.any(Labels::FACTORS)),
        Field::Token => is_short_code(&k.value) && on_route,
        _ => false,
    })
}

/// Whether a code of any name is one for a second factor, where only words like `verify` speak of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    No,
    /// It is if it looks like one: six to eight digits.
    Look,
    /// Something else is verified here: a coupon, a card, an address.
    Goods,
}

impl Doubt {
    fn excludes(self, code: &[u8]) -> bool {
        match self {
            Self::No => false,
            Self::Look => !((6..=8).contains(&code.len()) && code.iter().all(u8::is_ascii_digit)),
            Self::Goods => true,
        }
    }
}

fn doubt(asked: &Asked<'_, '_>, mfa_grant: bool) -> Doubt {
    const GOODS: &[&str] = &["coupon", "card", "address", "promo", "voucher", "gift", "discount", "order"];
    let told = Labels::MFA
        .or(Labels::BACKUP)
        .or(Labels::AUTH)
        .or(Labels::LOGIN)
        .or(Labels::SESSION)
        .or(Labels::FACTORS)
        .or(Labels::ATTEMPT);
    if mfa_grant || asked.labels.any(told) || !asked.labels.any(Labels::MAYBE_MFA) {
        return Doubt::No;
    }
    let mut words = asked.template.split(|c: char| !c.is_ascii_alphanumeric());
    let of_goods = |word: &str| {
        let lower = word.to_ascii_lowercase();
        GOODS
            .iter()
            .any(|goods| lower.strip_prefix(goods).is_some_and(|rest| matches!(rest, "" | "s" | "es")))
    };
    let challenged = || asked.presented.found.iter().any(|found| found.handle == Some(HandleKind::Challenge));
    if words.any(of_goods) {
        Doubt::Goods
    } else if asked.fields.has(Field::Ticket) || asked.fields.has(Field::Password) || challenged() {
        Doubt::No
    } else {
        Doubt::Look
    }
}

pub(super) fn is_mfa_route(labels: Labels) -> bool {
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

/// Which factor: what the answer names, else the request, else what is said of the route, else the words of its path,
/// else the look of the code.
fn step_factor(
    asked: &Asked<'_, '_>,
    answer: Option<&Answer<'_>>,
    code: Option<&Known<'_>>,
    assertion: bool,
) -> Factor {
    let answered = answer.filter(|a| a.status < 400).and_then(|a| a.factors.last().copied());
    let named = asked
        .fields
        .known
        .iter()
        .filter(|k| k.field == Field::Factor)
        .find_map(|k| factor(&k.value, asked.factors));
    let by_field = code
        .and_then(|k| if k.field == Field::BackupCode { Some(Factor::Backup) } else { factor_in(k.name) });
    let by_grant = asked.fields.get(Field::GrantType).and_then(factor_in);
    let by_route = || asked.template.rsplit('/').find_map(|s| factor_in(s.as_bytes()));
    let shown = code.map(|k| &*k.value).or(asked.presented.mfa_header.filter(|h| is_short_code(h)));
    let by_look = || shown.map(factor_by_look);
    if assertion {
        return Factor::Webauthn;
    }
    let said = answered.or(named).or(by_field).or(by_grant).or(asked.factor);
    match said.or_else(by_route).or_else(by_look) {
        // What is typed in was sent by some other way than an approval on a device.
        Some(Factor::Push) if code.is_some() => Factor::Unknown,
        told => told.unwrap_or(Factor::Unknown),
    }
}

/// Authenticator apps show six digits; what is longer, or has letters in it, was printed on paper.
fn factor_by_look(code: &[u8]) -> Factor {
    let digits = code.iter().filter(|b| b.is_ascii_digit()).count();
    if is_short_code(code) && digits <= 7 { Factor::Totp } else { Factor::Backup }
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

/// The page that says how the step ended. Where factors are managed, pages come back for many reasons: without a code
/// only the way out counts.
fn page_after(event: MfaEvent, presented: bool, answer: &Answer<'_>, asked: &Asked<'_, '_>) -> Option<Page> {
    if presented || event == MfaEvent::Attempt {
        return page::shown_to_code(answer, asked);
    }
    page::shown(answer).filter(|page| *page == Page::SignIn && answer.location.is_some())
}

/// What the answer says, for the table.
fn evidence(answer: Option<&Answer<'_>>, mfa_grant: bool) -> Evidence {
    let Some(answer) = answer else {
        return Evidence::default();
    };
    Evidence {
        status: Some(answer.status).filter(|&status| status > 0),
        markers: answer.markers,
        verdict: answer.verdict,
        errors: answer.errors || answer.error,
        retry_after: answer.retry_after,
        // What comes with a no is the ticket of an unfinished step, whatever it is called.
        issued: answer.issued.iter().any(|i| !matches!(i.kind, HandleKind::Challenge))
            && answer.status < 400
            && answer.verdict != Some(false),
        mfa_grant,
        ..Evidence::default()
    }
}
