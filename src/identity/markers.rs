//! What the words of an answer mean: error codes and sentences of real products, as data.
//! It is given a text and gives a marker; markers of one answer are gathered in a set.
//! It promises that spelling does not matter: case, blanks, dots and dashes are one.

use super::names::Names;
use super::tables::names;

/// What a word of an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Marker {
    /// A second factor is asked for.
    NeedsMfa,
    /// A fresh proof is asked for in a running session.
    StepUp,
    Locked,
    Throttled,
    /// The one-time code is wrong, used or expired.
    BadCode,
    /// Name or password is wrong.
    BadPassword,
    /// `invalid_grant`: by the grant.
    BadGrant,
    /// Waiting for the user.
    Pending,
    /// The bearer token is bad: says nothing about a code.
    BadToken,
    /// The client program is bad.
    BadClient,
    /// The caller may not do this.
    Forbidden,
    /// Log in first.
    LoginFirst,
    /// The request is malformed.
    BadRequest,
    /// The user said no.
    Rejected,
    /// The step succeeded.
    Success,
}

/// Words as error codes are written: lower case, `_` between words. Compared as a whole.
pub(crate) const MARKERS: &[(Marker, &str)] = {
    use Marker as M;
    &[
        (
            M::NeedsMfa,
            "mfa_required otp_required factor_required interaction_required mfa_challenge mfa_enroll \
             two_factor_required 2fa_required second_factor_required \
             need_otp totp_required sms_mfa software_token_mfa select_mfa_type \
             email_otp mfa_setup additional_verification_required twofactor_required \
             mfa_needed requires_2fa multi_factor_authentication_required invalid_mfa_required \
             device_challenge",
        ),
        (
            M::StepUp,
            "insufficient_user_authentication step_up_required stepup_required reauthentication_required \
             reauth_required sudo_required",
        ),
        (
            M::Locked,
            "locked account_locked user_locked locked_out lockout account_locked_out \
             user_temporarily_disabled account_temporarily_locked e0000119 account_disabled \
             user_disabled mfa_locked",
        ),
        (
            M::Throttled,
            "too_many_attempts rate_limited slow_down too_many_requests \
             rate_limit_exceeded throttled too_many_failures e0000047 too_many_failed_attempts \
             limit_exceeded limitexceededexception toomanyrequestsexception \
             toomanyfailedattemptsexception too_many_attempts_try_later rate_limit too_many_codes",
        ),
        (
            M::BadCode,
            "incorrect_code invalid_otp invalid_code incorrect_otp invalid_totp invalid_mfa_code \
             wrong_code bad_code invalid_token_code code_mismatch codemismatchexception code_expired \
             expiredcodeexception enablesoftwaretokenmfaexception invalid_passcode e0000068 \
             invalid_verification_code incorrect_token invalid_recovery_code invalid_backup_code \
             invalid_2fa_code invalid_two_factor_code otp_invalid otp_expired invalid_mfa mfa_failed \
             totp_invalid invalid_authenticator_code incorrect invalid_authcode code_invalid \
             already_used code_already_used otp_already_used invalid_one_time_code wrong_otp \
             invalid_binding_code invalid_pin invalid_second_factor",
        ),
        (
            M::BadPassword,
            "invalid_credentials bad_credentials \
             invalid_password wrong_password incorrect_password invalid_username_or_password e0000004 \
             notauthorizedexception usernotfoundexception email_not_found invalid_login_credentials \
             invalid_user_credentials invalid_login login_failed authentication_failed \
             invalid_username_password user_not_found unable_to_log_in_with_provided_credentials \
             invalid_email_or_password incorrect_username_or_password unauthorized_credentials \
             no_active_account enter_a_valid_password bad_password",
        ),
        (M::BadGrant, "invalid_grant"),
        (
            M::Pending,
            "authorization_pending pending waiting awaiting awaiting_approval in_progress \
             pending_approval",
        ),
        (
            M::BadToken,
            "invalid_token token_expired expired_token token_not_valid invalid_jwt jwt_expired \
             token_invalid signature_verification_failed invalid_access_token missing_token",
        ),
        (M::BadClient, "invalid_client unauthorized_client e0000022"),
        (
            M::Forbidden,
            "insufficient_scope permission_denied forbidden access_denied_scope csrf_failed e0000006",
        ),
        (
            M::LoginFirst,
            "authentication_credentials_were_not_provided not_authenticated login_required \
             authentication_required unauthenticated session_expired e0000011 session_not_found",
        ),
        (
            M::BadRequest,
            "invalid_request unsupported_grant_type invalid_scope validation_error bad_request \
             invalid_parameter invalidparameterexception missing_parameter required",
        ),
        (M::Rejected, "rejected denied declined access_denied user_rejected push_rejected"),
        (M::Success, "success allow approved verified valid"),
    ]
};

/// Pieces of sentences, in the same spelling; the first that is contained decides.
pub(crate) const PHRASES: &[(&str, Marker)] = {
    use Marker as M;
    &[
        ("too_many", M::Throttled),
        ("rate_limit", M::Throttled),
        ("try_again_later", M::Throttled),
        ("account_is_locked", M::Locked),
        ("locked_out", M::Locked),
        ("account_has_been_locked", M::Locked),
        ("incorrect_code", M::BadCode),
        ("invalid_code", M::BadCode),
        ("invalid_otp", M::BadCode),
        ("invalid_verification_code", M::BadCode),
        ("wrong_code", M::BadCode),
        ("code_is_incorrect", M::BadCode),
        ("code_is_invalid", M::BadCode),
        ("code_has_expired", M::BadCode),
        ("invalid_recovery_code", M::BadCode),
        ("invalid_backup_code", M::BadCode),
        ("invalid_mfa", M::BadCode),
        ("invalid_two_factor", M::BadCode),
        ("mfa_required", M::NeedsMfa),
        ("multi_factor_authentication_required", M::NeedsMfa),
        ("multifactor_authentication_required", M::NeedsMfa),
        ("two_factor_authentication_required", M::NeedsMfa),
        ("two_factor_code_required", M::NeedsMfa),
        ("one_time_password_required", M::NeedsMfa),
        ("must_specify_two_factor", M::NeedsMfa),
        ("unable_to_log_in", M::BadPassword),
        ("invalid_username", M::BadPassword),
        ("invalid_email", M::BadPassword),
        ("invalid_credentials", M::BadPassword),
        ("bad_credentials", M::BadPassword),
        ("invalid_password", M::BadPassword),
        ("password_you_specified", M::BadPassword),
        ("incorrect_username", M::BadPassword),
        ("incorrect_password", M::BadPassword),
        ("no_active_account", M::BadPassword),
        ("credentials_were_not_provided", M::LoginFirst),
        ("session_expired", M::LoginFirst),
        ("session_has_expired", M::LoginFirst),
        ("session_is_invalid", M::LoginFirst),
        ("invalid_session", M::LoginFirst),
        ("please_log_in", M::LoginFirst),
        ("please_login", M::LoginFirst),
        ("please_sign_in", M::LoginFirst),
        ("csrf", M::Forbidden),
        ("permission", M::Forbidden),
        ("token_expired", M::BadToken),
        ("jwt_expired", M::BadToken),
        ("challenge_expired", M::BadToken),
        ("challenge_has_expired", M::BadToken),
        ("token_has_expired", M::BadToken),
        ("token_is_expired", M::BadToken),
        ("invalid_token", M::BadToken),
    ]
};

/// A set of markers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Markers(u16);

impl Markers {
    pub(crate) fn insert(&mut self, marker: Marker) {
        self.0 |= 1 << marker as u8;
    }

    pub(crate) fn has(self, marker: Marker) -> bool {
        self.0 & (1 << marker as u8) != 0
    }

    /// Whether something went wrong.
    pub(crate) fn denies(self) -> bool {
        use Marker as M;
        [
            M::Locked,
            M::Throttled,
            M::BadCode,
            M::BadPassword,
            M::BadGrant,
            M::BadToken,
            M::BadClient,
            M::Forbidden,
            M::Rejected,
        ]
        .into_iter()
        .any(|m| self.has(m))
    }
}

/// Longest text that is looked at for a marker.
const TEXT_BYTES_MAX: usize = 96;

/// Finds markers.
pub(crate) struct MarkerTable {
    words: Names<Marker>,
    /// Sorted by text, each with its rank: of several that a sentence holds, the first of the list decides.
    phrases: Vec<(Box<[u8]>, u16, Marker)>,
}

impl MarkerTable {
    /// The built-in words and phrases, behind these.
    pub(crate) fn new(words: Vec<(String, Marker)>, phrases: Vec<(String, Marker)>) -> Self {
        let known = PHRASES.iter().map(|&(phrase, meaning)| (phrase.to_owned(), meaning));
        let mut phrases: Vec<_> = (0..=u16::MAX)
            .zip(phrases.into_iter().chain(known))
            .map(|(rank, (phrase, meaning))| (phrase.into_bytes().into_boxed_slice(), rank, meaning))
            .collect();
        phrases.sort();
        Self { words: names(words, MARKERS), phrases }
    }

    /// The meaning of an error code or of a sentence.
    pub(crate) fn read(&self, text: &[u8]) -> Option<Marker> {
        let mut buffer = [0u8; TEXT_BYTES_MAX];
        let words = spell(text, &mut buffer);
        self.words.get(words).or_else(|| if words.contains(&b'_') { self.sentence(words) } else { None })
    }

    /// Looks for phrases at the beginning of each word.
    fn sentence(&self, words: &[u8]) -> Option<Marker> {
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'_', words).map(|blank| blank + 1));
        let held = starts.filter_map(|at| words.get(at..)).flat_map(|rest| self.beginning(rest));
        held.min_by_key(|&(rank, _)| rank).map(|(_, meaning)| meaning)
    }

    /// The phrases that `rest` begins with; they stand among those that share its first two letters.
    fn beginning(&self, rest: &[u8]) -> impl Iterator<Item = (u16, Marker)> {
        let head = rest.get(..2).unwrap_or(rest);
        let from = self.phrases.partition_point(|(phrase, ..)| &**phrase < head);
        let near = self.phrases.iter().skip(from).take_while(move |(phrase, ..)| phrase.starts_with(head));
        near.filter(move |(phrase, ..)| rest.starts_with(phrase)).map(|&(_, rank, meaning)| (rank, meaning))
    }
}

/// A text as words and phrases are spelled.
pub(crate) fn spelled(text: &str) -> String {
    let mut buffer = [0u8; TEXT_BYTES_MAX];
    String::from_utf8_lossy(spell(text.as_bytes(), &mut buffer)).into_owned()
}

/// Lower case, with one `_` between words.
fn spell<'b>(text: &[u8], buffer: &'b mut [u8; TEXT_BYTES_MAX]) -> &'b [u8] {
    let mut len = 0usize;
    for &byte in text.iter().take(TEXT_BYTES_MAX * 2) {
        let letter = if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'_' };
        let doubled = letter == b'_' && (len == 0 || buffer.get(len - 1) == Some(&b'_'));
        if let (false, Some(slot)) = (doubled, buffer.get_mut(len)) {
            *slot = letter;
            len += 1;
        }
    }
    let words = buffer.get(..len).unwrap_or(&[]);
    words.strip_suffix(b"_").unwrap_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_and_phrases_begin_at_words() {
        let own = |word: &str, meaning| vec![(word.to_owned(), meaning)];
        let table =
            MarkerTable::new(own("e42", Marker::BadCode), own("no_such_token_today", Marker::BadCode));
        let told = |text: &str| table.read(text.as_bytes());
        assert_eq!(told("E42"), Some(Marker::BadCode));
        assert_eq!(told("E420"), None);
        assert_eq!(told("Invalid OTP"), Some(Marker::BadCode));
        assert_eq!(told("Your account is locked. Invalid code."), Some(Marker::Locked));
        assert_eq!(told("sorry: no such token today!"), Some(Marker::BadCode));
        assert_eq!(told("You do not have permission."), Some(Marker::Forbidden));
        // `mission` is no word of it, and one word is no sentence.
        assert_eq!(told("nocsrf here"), None);
        assert_eq!(told("permissions"), None);
    }

    #[test]
    fn what_was_spelled_is_found() {
        assert_eq!(spelled("  The code's wrong! "), "the_code_s_wrong");
        let table = MarkerTable::new(Vec::new(), Vec::new());
        for (marker, words) in MARKERS {
            for word in words.split_ascii_whitespace() {
                assert_eq!(spelled(word), word);
                assert_eq!(table.read(word.as_bytes()), Some(*marker));
            }
        }
    }
}
