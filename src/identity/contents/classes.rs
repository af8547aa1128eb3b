//! Which class of personal or secret data a value of an answer is.
//! It is given the value, its field's name and the name of the object around.
//! It promises that a class is told by the value's own form, and that a form which many innocent numbers have counts
//! only where the name says so, too.

use super::numbers::{Writing, card, is_american, is_dutch, is_iban, is_italian, is_spanish, is_swedish};
use crate::identity::shape;
use crate::identity::tables::Answered;
use heelguard_detectors::contents::{DataClass, ValueType};

/// Longest word of a name that is compared.
const WORD_BYTES_MAX: usize = 24;
/// Shortest token that is one by its field's name alone.
const TOKEN_BYTES_MIN: usize = 16;
/// Nothing shorter is of a class.
const VALUE_BYTES_MIN: usize = 6;
/// Digits of an international telephone number (ITU-T E.164).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

/// Words of fields that hold telephone numbers.
const PHONE: &[&[u8]] = &[b"phone", b"telephone", b"tel", b"mobile", b"cell", b"msisdn", b"fax"];
/// Words of fields that hold a card's number.
const CARD: &[&[u8]] =
    &[b"card", b"cards", b"creditcard", b"debitcard", b"cardnumber", b"pan", b"cc", b"ccnumber"];
/// Words of fields that only refer to a card.
const REFERENCE: &[&[u8]] = &[b"id", b"token", b"ref", b"reference", b"hash", b"fingerprint", b"order"];

/// What a field is called.
#[derive(Clone, Copy, Default)]
pub(super) struct Called<'a> {
    pub(super) name: &'a [u8],
    /// The object around.
    pub(super) around: &'a [u8],
    /// What answers call so.
    pub(super) known: Option<Answered>,
}

/// The class of a value of JSON.
pub(super) fn of(value: &[u8], kind: ValueType, called: Called<'_>) -> Option<DataClass> {
    match kind {
        ValueType::Email => Some(DataClass::Email),
        ValueType::String => of_text(value, called),
        ValueType::Integer => of_number(value, called),
        _ => None,
    }
}

fn of_text(text: &[u8], called: Called<'_>) -> Option<DataClass> {
    if text.len() < VALUE_BYTES_MIN {
        return None;
    }
    if is_token(text, called.known) {
        return Some(DataClass::Token);
    }
    if !text.iter().any(u8::is_ascii_digit) {
        return None;
    }
    if is_iban(text) {
        return Some(DataClass::Iban);
    }
    match card(text) {
        Some(Writing::Grouped) => return Some(DataClass::Card),
        Some(Writing::Plain) if called.is_card() => return Some(DataClass::Card),
        _ => {}
    }
    if is_phone(text) && called.has(PHONE) {
        return Some(DataClass::Phone);
    }
    is_national(text, called).then_some(DataClass::NationalId)
}

/// Ids are numbers without quotes, and hardly anything of a class is.
fn of_number(number: &[u8], called: Called<'_>) -> Option<DataClass> {
    match card(number) {
        Some(_) if called.is_card() => Some(DataClass::Card),
        _ => is_national(number, called).then_some(DataClass::NationalId),
    }
}

/// A key or token that says what it is, or one that its field calls so.
fn is_token(text: &[u8], known: Option<Answered>) -> bool {
    use Answered::{Access, ClientSecret, IdToken, Key, Refresh};
    if text.len() < TOKEN_BYTES_MIN {
        return false;
    }
    let is_named = matches!(known, Some(Access | IdToken | Refresh | Key | ClientSecret));
    let says_so = || {
        let class = shape::class(text);
        matches!(class, shape::JWT | shape::JWE | "paseto") || shape::is_static_key(class)
    };
    is_named && text.iter().all(u8::is_ascii_graphic) || says_so()
}

/// `+49 151 23456789`
fn is_phone(text: &[u8]) -> bool {
    let Some((b'+', rest)) = text.split_first() else { return false };
    let digits = rest.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_written = |byte: &u8| byte.is_ascii_digit() || b" -.()/".contains(byte);
    PHONE_DIGITS.contains(&digits) && rest.first() != Some(&b'0') && rest.iter().all(is_written)
}

/// A number of a state whose form is right, where the field is called so: one in eleven or twenty-three other numbers
/// has the form by chance.
fn is_national(text: &[u8], called: Called<'_>) -> bool {
    let is_named = |words: &[&[u8]]| {
        let is_any = || called.has(&[b"national"]) && called.has(&[b"id", b"number"]);
        called.has(words) || is_any()
    };
    is_italian(text)
        || is_spanish(text) && is_named(&[b"dni", b"nie", b"nif"])
        || is_dutch(text) && is_named(&[b"bsn", b"burgerservicenummer"])
        || is_swedish(text) && is_named(&[b"personnummer", b"personnr"])
        || is_american(text)
            && (called.has(&[b"ssn"]) || called.has(&[b"social"]) && called.has(&[b"security"]))
}

impl Called<'_> {
    /// Whether a word of the name is one of these.
    fn has(self, of: &[&[u8]]) -> bool {
        words(self.name, |word| of.contains(&word))
    }

    /// Whether the field is a card's number by its name, or by that of the card around; a card's token is not.
    fn is_card(self) -> bool {
        let is_in_card = || {
            Called { name: self.around, ..Self::default() }.has(CARD) && self.has(&[b"number", b"no", b"num"])
        };
        (self.has(CARD) || is_in_card()) && !self.has(REFERENCE)
    }
}

/// Whether a word of a name, in lower case, is meant: `billingPhone`, `billing_phone` and `BILLING-PHONE` have two.
fn words(name: &[u8], mut is_meant: impl FnMut(&[u8]) -> bool) -> bool {
    let mut word = [0_u8; WORD_BYTES_MAX];
    let mut used = 0;
    let mut before = b'_';
    for &byte in name.iter().chain(b"_") {
        let is_letter = byte.is_ascii_alphanumeric();
        if !is_letter || byte.is_ascii_uppercase() && before.is_ascii_lowercase() {
            if word.get(..used).is_some_and(|word| !word.is_empty() && is_meant(word)) {
                return true;
            }
            used = 0;
        }
        before = byte;
        if is_letter {
            // What is longer than the room is no word that is meant.
            if let Some(slot) = word.get_mut(used) {
                *slot = byte.to_ascii_lowercase();
            }
            used += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests;
