//! Secrets that a path holds without looking like them: matrix parameters, and short tickets behind words
//! such as `reset` and `invite`.
//! It is given the raw path and the table of field names.
//! It promises to take words for words: `/password/reset/confirm` and `/token/refresh` hold no ticket.

use super::Presented;
use crate::identity::credential::SECRET_BYTES_MIN;
use crate::identity::fields::Known;
use crate::identity::names::Names;
use crate::identity::tables::Field;
use crate::identity::urlencoded;
use heelguard_detectors::identity::Location;
use std::sync::LazyLock;

/// Words behind which a ticket stands, each a segment's last word: `password-reset`, `verify_email`.
const TICKET_WORDS: &str = "\
    reset verify verification invite invitation invitations invites confirm confirmation activate \
    activation token magic magiclink unsubscribe optout redeem unlock claim passwordreset \
    resetpassword verifyemail emailverify otp code ticket secret recover interaction";

static TICKETS: LazyLock<Names<()>> =
    LazyLock::new(|| Names::new(TICKET_WORDS.split_ascii_whitespace().map(|word| (word, ()))));
/// The longest word in the list, and some room for a separator.
const WORD_BYTES_MAX: usize = 24;
/// So many letters in one piece are hardly a word.
const ENDLESS_BYTES_MIN: usize = 20;
/// So many consonants in a row are in hardly any word.
const CONSONANTS_MAX: usize = 5;

impl<'a> Presented<'a> {
    /// Takes the secrets of a path. They are masked in it because they are known from here on.
    pub(crate) fn path(&mut self, path: &'a [u8], names: &Names<Field>) {
        let mut before: &[u8] = &[];
        for segment in path.split(|&b| b == b'/') {
            let (bare, parameters) = match memchr::memchr(b';', segment) {
                Some(at) => segment.split_at_checked(at).unwrap_or((segment, &[])),
                None => (segment, [].as_slice()),
            };
            let parameters = parameters.split(|&b| b == b';').filter(|parameter| !parameter.is_empty());
            parameters.for_each(|parameter| self.matrix_parameter(parameter, names));
            if is_ticket_word(before) {
                let meant = urlencoded::decode_path(bare);
                if is_ticket(&meant) || is_endless(&meant) {
                    self.hide(bare);
                    self.hide(meant);
                }
            }
            before = bare;
        }
    }

    /// `;token=…`: a field like any other, by its name.
    fn matrix_parameter(&mut self, parameter: &'a [u8], names: &Names<Field>) {
        let Some(equals) = memchr::memchr(b'=', parameter) else { return };
        let (name, value) =
            (parameter.get(..equals).unwrap_or(&[]), parameter.get(equals + 1..).unwrap_or(&[]));
        let Some(field) = names.get(name).filter(|field| field.is_secret()) else { return };
        let value = urlencoded::decode_path(value);
        self.hide(value.clone());
        self.field(&Known { field, name, value, location: Location::Path }, false);
    }
}

/// Whether a segment's last word, or all its words together, announce a ticket.
fn is_ticket_word(segment: &[u8]) -> bool {
    let mut word = [0u8; WORD_BYTES_MAX];
    let mut len = 0usize;
    for byte in segment.iter().filter(|b| b.is_ascii_alphanumeric()) {
        let Some(slot) = word.get_mut(len) else { return false };
        *slot = byte.to_ascii_lowercase();
        len += 1;
    }
    let whole = word.get(..len).unwrap_or(&[]);
    let last = segment.rsplit(|b| !b.is_ascii_alphanumeric()).next().map_or(0, <[u8]>::len);
    let last = whole.get(len.saturating_sub(last)..).unwrap_or(&[]);
    TICKETS.get(whole).is_some() || last.len() < whole.len() && TICKETS.get(last).is_some()
}

/// Whether a segment is no word: letters with digits between them, a code, or letters nobody can pronounce.
pub(crate) fn is_ticket(segment: &[u8]) -> bool {
    if segment.len() < SECRET_BYTES_MIN {
        return false;
    }
    let digits = segment.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = segment.iter().filter(|b| b.is_ascii_alphabetic()).count();
    if digits + letters < segment.len() {
        // Words joined by dashes are words; an address is a name.
        let parts = || segment.split(|b| !b.is_ascii_alphanumeric());
        return !segment.contains(&b'@')
            && parts().any(|part| is_ticket(part) && part.iter().any(u8::is_ascii_alphabetic));
    }
    // `oauth2` and `sha256` are words, too.
    digits == segment.len() || digits >= 2 && !ends_in_its_digits(segment, digits) || is_unspeakable(segment)
}

/// Whether a segment is letters and digits in one piece, and longer than words are.
fn is_endless(segment: &[u8]) -> bool {
    segment.len() >= ENDLESS_BYTES_MIN && segment.iter().all(u8::is_ascii_alphanumeric)
}

fn ends_in_its_digits(segment: &[u8], digits: usize) -> bool {
    digits <= 4 && segment.iter().rev().take(digits).all(u8::is_ascii_digit)
}

fn is_unspeakable(word: &[u8]) -> bool {
    let is_consonant = |b: &u8| b.is_ascii_alphabetic() && !b"aeiouyAEIOUY".contains(b);
    word.split(|b| !is_consonant(b)).any(|run| run.len() > CONSONANTS_MAX)
        // Case that changes in the middle of a word, and again: `aBcDeF`.
        || word.windows(2).filter(|w| w.first().is_some_and(u8::is_ascii_lowercase) && w.last().is_some_and(u8::is_ascii_uppercase)).count() > 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_stands_behind_its_word_and_words_do_not() {
        for (word, ticket) in [
            ("reset", "abc123def"),
            ("reset-password", "9f3k2m1q"),
            ("verify_email", "a1b2c3"),
            ("invite", "xkcdqwrtzv"),
            ("unsubscribe", "aBcDeFgHiJ"),
            ("confirm", "492817"),
            ("magic-link", "ab12-cd34ef56"),
            ("token", "k9x2p7q"),
        ] {
            assert!(is_ticket_word(word.as_bytes()) && is_ticket(ticket.as_bytes()), "{word} {ticket}");
        }
        for (word, innocent) in [
            ("reset", "confirm"),
            ("verify", "email"),
            ("token", "refresh"),
            ("token", "introspect"),
            ("confirm", "newsletter"),
            ("verify", "oauth2"),
            ("verify", "sha256"),
            ("invite", "20931"),
            ("invite", "very-long-readable-title"),
            ("unsubscribe", "alice@x.example"),
            ("orders", "abc123def"),
            ("users", "k9x2p7q"),
        ] {
            assert!(
                !(is_ticket_word(word.as_bytes()) && is_ticket(innocent.as_bytes())),
                "{word} {innocent}"
            );
        }
    }
}
