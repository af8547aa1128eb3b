//! What names in a preset can be, by the words that its keys are written with.
//! Each list gives what the tables of `tables.rs` and `markers.rs` know, as far as a preset may say it.
//! It promises that what is no role in a list is refused with the list.

use crate::identity::markers::Marker;
use crate::identity::tables::{Answered, Cookie, Field, RequestHeader, ResponseHeader};
use heelguard_detectors::identity::Factor;

/// `[headers]`: of requests.
pub(crate) const HEADERS: &[(&str, RequestHeader)] = {
    use RequestHeader as H;
    &[
        ("authorization", H::Authorization),
        ("key", H::Key),
        ("session", H::Session),
        ("access", H::Access),
        ("mfa", H::Mfa),
        ("refresh", H::Refresh),
        ("client_secret", H::ClientSecret),
        ("certificate", H::ClientCertificate),
        ("operation", H::Operation),
    ]
};

/// `[answer_headers]`
pub(crate) const ANSWER_HEADERS: &[(&str, ResponseHeader)] =
    &[("session", ResponseHeader::Session), ("access", ResponseHeader::Access), ("mfa", ResponseHeader::Mfa)];

/// `[cookies]`
pub(crate) const COOKIES: &[(&str, Cookie)] = {
    use Cookie as C;
    &[
        ("session", C::Session),
        ("access", C::Access),
        ("refresh", C::Refresh),
        ("challenge", C::Challenge),
        ("ignored", C::Ignored),
    ]
};

/// `[fields]`: of requests.
pub(crate) const FIELDS: &[(&str, Field)] = {
    use Field as F;
    &[
        ("name", F::Name),
        ("password", F::Password),
        ("new_password", F::NewPassword),
        ("code", F::Code),
        ("any_code", F::AnyCode),
        ("backup_code", F::BackupCode),
        ("factor", F::Factor),
        ("assertion", F::Assertion),
        ("ticket", F::Ticket),
        ("session", F::Session),
        ("access", F::Access),
        ("refresh", F::Refresh),
        ("token", F::Token),
        ("key", F::Key),
        ("maybe_key", F::MaybeKey),
        ("client_id", F::ClientId),
        ("client_secret", F::ClientSecret),
        ("grant_type", F::GrantType),
        ("device_code", F::DeviceCode),
    ]
};

/// `[answers]`: keys of JSON answers.
pub(crate) const ANSWERS: &[(&str, Answered)] = {
    use Answered as A;
    &[
        ("access", A::Access),
        ("id_token", A::IdToken),
        ("refresh", A::Refresh),
        ("session", A::Session),
        ("ticket", A::Ticket),
        ("device_code", A::DeviceCode),
        ("token", A::Token),
        ("key", A::Key),
        ("email", A::Email),
        ("user_name", A::UserName),
        ("user_id", A::UserId),
        ("user", A::User),
        ("reason", A::Reason),
        ("verdict", A::Verdict),
        ("errors", A::Errors),
        ("needs_mfa", A::NeedsMfa),
        ("has_mfa", A::HasMfa),
        ("flows", A::Flows),
        ("flow_id", A::FlowId),
        ("pending", A::Pending),
        ("factor", A::Factor),
        ("unused_codes", A::UnusedCodes),
        ("codes_left", A::CodesLeft),
        ("totp_secret", A::TotpSecret),
        ("client_secret", A::ClientSecret),
    ]
};

/// `[words]` and `[phrases]`: what they mean.
pub(crate) const WORDS: &[(&str, Marker)] = {
    use Marker as M;
    &[
        ("needs_mfa", M::NeedsMfa),
        ("step_up", M::StepUp),
        ("locked", M::Locked),
        ("throttled", M::Throttled),
        ("bad_code", M::BadCode),
        ("bad_password", M::BadPassword),
        ("bad_grant", M::BadGrant),
        ("pending", M::Pending),
        ("bad_token", M::BadToken),
        ("bad_client", M::BadClient),
        ("forbidden", M::Forbidden),
        ("login_first", M::LoginFirst),
        ("bad_request", M::BadRequest),
        ("rejected", M::Rejected),
        ("success", M::Success),
    ]
};

/// `[factors]`, and the factor of a route.
pub(crate) const FACTORS: &[(&str, Factor)] = &[
    ("totp", Factor::Totp),
    ("hotp", Factor::Hotp),
    ("sms", Factor::Sms),
    ("email", Factor::Email),
    ("voice", Factor::Voice),
    ("push", Factor::Push),
    ("webauthn", Factor::Webauthn),
    ("backup", Factor::Backup),
];

/// The role of that name; else what is allowed.
pub(crate) fn role<T: Copy>(roles: &[(&str, T)], name: &str) -> Result<T, String> {
    let known = roles.iter().find(|(known, _)| *known == name).map(|&(_, role)| role);
    known.ok_or_else(|| format!("wanted one of {}", list(roles)))
}

/// The names, for messages and pages.
pub(crate) fn list<T>(roles: &[(&str, T)]) -> String {
    roles.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
