//! Secrets of second factors in answers and addresses: the form an authenticator app is given them in.
//! It is given texts with the names of their fields, and gives the secret alone, however it was carried.
//! It promises that a text without `otpauth:` is taken for a secret only where its field says so, and that what it finds
//! is wiped unless it is hashed.

use super::Answer;
use crate::identity::json::{self, Member, Text, Value};
use crate::identity::secret::Secret;
use crate::identity::settings::Settings;
use crate::identity::short;
use crate::identity::tables::Answered;
use crate::identity::urlencoded;

/// Secrets kept of one answer.
const SECRETS_MAX: usize = 4;
/// Letters of base 32 that a secret has: of 80 bits (what early apps had) at least.
const SECRET_LETTERS_MIN: usize = 16;
const SECRET_LETTERS_MAX: usize = 128;
/// What a provisioning address begins with, and the place of its rarest letter.
const SCHEME: &[u8] = b"otpauth:";
const RARE: usize = 7;
/// Bytes of a provisioning address that are looked at.
const ADDRESS_BYTES_MAX: usize = 1024;
/// Words in the names of fields that hold one.
const NAME_WORDS: &[&[u8]] = &[b"secret", b"seed", b"otp"];

/// A second factor's secret and the name of its field.
pub(crate) struct FactorSecret<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) secret: Secret<'a>,
}

impl<'a> Answer<'a> {
    /// Takes a text of a JSON body that is one.
    #[inline]
    pub(super) fn show_factor(&mut self, text: Text<'a>, member: &Member<'a, Answered>) {
        if text.raw.len() >= SECRET_LETTERS_MIN && self.factor_secrets.len() < SECRETS_MAX {
            let found = of_text(text, member.name, member.key);
            self.factor_secrets.extend(found.map(|secret| FactorSecret { name: member.name, secret }));
        }
    }

    /// The same of the answer to a plain call, where the names of fields were passed over so far.
    pub(super) fn find_factors(&mut self, body: &'a [u8], settings: &Settings) {
        json::walk(body, &settings.answers, |member| {
            if let Value::Text(text) = member.value {
                self.show_factor(text, &member);
            }
        });
    }

    /// Takes the first provisioning address of a page or text.
    pub(super) fn show_factor_in_text(&mut self, text: &'a [u8]) {
        let found =
            short::places(text, SCHEME, RARE).next().and_then(|at| of_value(text.get(at..)?, || false));
        self.factor_secrets
            .extend(found.map(|secret| FactorSecret { name: b"body", secret: Secret::new(secret) }));
    }
}

/// Whether a text is worth a look at the name of its field.
#[inline]
pub(super) fn may_be_secret(text: &[u8]) -> bool {
    text.starts_with(SCHEME) || is_base32(text)
}

/// The secrets in a query string, with the names of their parameters.
pub(crate) fn in_query(query: &[u8]) -> impl Iterator<Item = FactorSecret<'_>> {
    let long = urlencoded::pairs(query).filter(|(_, value)| value.len() >= SECRET_LETTERS_MIN);
    long.filter_map(|(name, value)| {
        let value = Secret::new(urlencoded::decode(value));
        let found = of_value(value.bytes(), || says_secret(name))?;
        Some(FactorSecret { name, secret: Secret::new(found.to_vec()) })
    })
}

fn of_text<'a>(text: Text<'a>, name: &[u8], key: Option<Answered>) -> Option<Secret<'a>> {
    if !text.raw.starts_with(SCHEME) {
        let says = || key == Some(Answered::TotpSecret) || says_secret(name);
        return of_value(text.raw, says).map(Secret::new);
    }
    // PHP writes `otpauth:\/\/`.
    let address = Secret::new(text.decoded());
    of_value(address.bytes(), || false).map(|secret| Secret::new(secret.to_vec()))
}

/// The secret in a provisioning address, or the text itself, where its field says that it is one.
fn of_value(value: &[u8], says: impl Fn() -> bool) -> Option<&[u8]> {
    if !value.starts_with(SCHEME) {
        return (is_base32(value) && says()).then_some(value);
    }
    let value = value.get(..value.len().min(ADDRESS_BYTES_MAX))?;
    let at = memchr::memmem::find(value, b"secret=")? + b"secret=".len();
    let rest = value.get(at..)?;
    let end = rest.iter().position(|b| !is_letter(*b)).unwrap_or(rest.len());
    rest.get(..end).filter(|secret| secret.len() >= SECRET_LETTERS_MIN)
}

/// Upper case, as secrets are written, with a digit in it: words are not.
fn is_base32(text: &[u8]) -> bool {
    let bare = text.trim_ascii_end();
    let padding = bare.iter().rev().take_while(|b| **b == b'=').count();
    let letters = bare.get(..bare.len() - padding).unwrap_or(bare);
    (SECRET_LETTERS_MIN..=SECRET_LETTERS_MAX).contains(&letters.len())
        && letters.iter().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
        && letters.iter().any(u8::is_ascii_digit)
}

/// In addresses, any case is met.
fn is_letter(b: u8) -> bool {
    b.is_ascii_alphabetic() || matches!(b, b'2'..=b'7')
}

fn says_secret(name: &[u8]) -> bool {
    let has = |word: &[u8]| name.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    NAME_WORDS.iter().any(|word| has(word))
}

/// A secret as all its forms are hashed: upper case, without padding.
pub(crate) fn canonical(secret: &[u8]) -> Vec<u8> {
    secret.iter().filter(|b| **b != b'=').map(u8::to_ascii_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "EN6DSOJRHRXHS2KQ";

    fn shown(query: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        in_query(query.as_bytes()).map(|found| (text(found.name), text(found.secret.bytes()))).collect()
    }

    #[test]
    fn a_query_shows_it_as_an_address_or_under_its_name() {
        let found = |name: &str| vec![(name.to_string(), SECRET.to_string())];
        assert_eq!(
            shown(&format!("data=otpauth%3A%2F%2Ftotp%2Fx%3Fsecret%3D{SECRET}%26issuer%3Dx")),
            found("data")
        );
        assert_eq!(shown(&format!("page=2&totp_Secret={SECRET}")), found("totp_Secret"));
        assert!(shown(&format!("order={SECRET}")).is_empty());
        assert!(shown("secret=EN6DSOJRHRXHS2K").is_empty(), "fifteen letters");
        assert!(shown("secret=CONFIDENTIALINTERNAL").is_empty(), "a word");
        assert!(shown("data=otpauth://totp/x?issuer=acme").is_empty());
    }

    #[test]
    fn forms_of_one_secret_are_one() {
        assert_eq!(canonical(b"en6dsojrhrxhs2kq"), SECRET.as_bytes());
        assert_eq!(canonical(b"EN6DSOJRHRXHS2KQ===="), SECRET.as_bytes());
    }
}
