//! What a browser is shown after it sent a form: a page with a form on it, or a redirect to one.
//! It is given the answer, read, and gives what is asked for next.
//! It promises that a sign-in page after a code is no wrong code, and the code's own page come back is one.

use super::Asked;
use crate::identity::answer::{Answer, factor, split_query};
use crate::identity::{shape, urlencoded};
use memchr::memmem;

/// Bytes of an address that are looked at.
const ADDRESS_BYTES_MAX: usize = 256;

/// What is asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// The password: a form for it, or an address of one.
    SignIn,
    /// A one-time code.
    Code,
    /// Nothing, for there was an error: the address says so.
    Error,
    /// Nothing, for the account is locked.
    LockOut,
}

/// The page that a form is answered with; `None` is any page that asks for no proof.
pub(super) fn shown(answer: &Answer<'_>) -> Option<Page> {
    if !(300..400).contains(&answer.status) {
        return match (answer.password_form, answer.code_form) {
            _ if !answer.is_html => None,
            (true, _) => Some(Page::SignIn),
            (false, true) => Some(Page::Code),
            (false, false) => None,
        };
    }
    let mut address = [0u8; ADDRESS_BYTES_MAX];
    let address = lower(answer.location?, &mut address);
    let speaks_of = |words: &[&[u8]]| speaks_of(address, words);
    if speaks_of(&[b"lockout", b"lockedout", b"locked-out"]) {
        Some(Page::LockOut)
    } else if speaks_of(&[b"2fa", b"mfa", b"otp", b"two-factor", b"two_factor", b"twofactor"]) {
        Some(Page::Code)
    } else if speaks_of(&[b"error", b"failed", b"failure", b"invalid", b"denied"]) {
        Some(Page::Error)
    } else {
        let words = [b"login".as_slice(), b"signin", b"sign_in", b"sign-in", b"log-in", b"logon"];
        words.contains(&last(path_of(address))).then_some(Page::SignIn)
    }
}

/// The page that a code is answered with. Codes are also asked for where factors are managed: only the form that
/// the code was typed into, or its sister for another factor, says that the code was wrong.
pub(super) fn shown_to_code(answer: &Answer<'_>, asked: &Asked<'_, '_>) -> Option<Page> {
    let page = shown(answer);
    let Some(location) = answer.location.filter(|_| (300..400).contains(&answer.status)) else {
        let any_code = answer.is_html && answer.any_code_form && answer.status < 300;
        return page.or(any_code.then_some(Page::Code));
    };
    let path = path_of(location);
    let posted = asked.template.as_bytes();
    let below = path.strip_prefix(posted).is_some_and(|rest| rest.first() == Some(&b'/'));
    if path == posted || below && factor(last(path), asked.factors).is_some() {
        return Some(Page::Code);
    }
    page.filter(|page| *page != Page::Code)
}

/// Whether an address speaks of one of these: inside a segment of its path, or as a word of its query.
/// Identifiers say nothing, whatever letters they hold, nor does the address to go to afterwards.
fn speaks_of(address: &[u8], words: &[&[u8]]) -> bool {
    let named = |segment: &[u8]| words.iter().any(|word| memmem::find(segment, word).is_some());
    let (path, query) = split_query(address);
    let mut segments = path_of(path).split(|&b| b == b'/').filter(|segment| !is_identifier(segment));
    let pairs = urlencoded::pairs(query).filter(|(_, value)| !is_address(value));
    let parts = pairs.flat_map(|(name, value)| [name, value]);
    let mut said = parts.flat_map(|part| part.split(|b| !b.is_ascii_alphanumeric()));
    segments.any(named) || said.any(|word| words.contains(&word))
}

fn is_identifier(segment: &[u8]) -> bool {
    let is_hex = segment.len() > 3 && segment.iter().all(u8::is_ascii_hexdigit);
    is_hex && segment.iter().any(u8::is_ascii_digit)
        || shape::is_uuid(segment)
        || shape::looks_secret(segment)
}

fn is_address(value: &[u8]) -> bool {
    value.contains(&b'/') || memmem::find(value, b"%2f").is_some()
}

/// The path of an address, without scheme, host and query.
fn path_of(address: &[u8]) -> &[u8] {
    let (address, _) = split_query(address);
    let Some(host) = memmem::find(address, b"//").and_then(|at| address.get(at + 2..)) else {
        return address;
    };
    memchr::memchr(b'/', host).and_then(|at| host.get(at..)).unwrap_or(b"/")
}

/// The last segment.
fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').find(|segment| !segment.is_empty()).unwrap_or(&[])
}

fn lower<'b>(text: &[u8], buffer: &'b mut [u8; ADDRESS_BYTES_MAX]) -> &'b [u8] {
    let len = text.len().min(ADDRESS_BYTES_MAX);
    for (slot, byte) in buffer.iter_mut().zip(text) {
        *slot = byte.to_ascii_lowercase();
    }
    buffer.get(..len).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_comes_next() {
        let page = |location: &'static str| {
            let mut answer = Answer::default();
            (answer.status, answer.location) = (302, Some(location.as_bytes()));
            shown(&answer)
        };
        assert_eq!(page("https://app.example.com/"), None);
        assert_eq!(page("/orders/login-history"), None);
        assert_eq!(page("https://app.example.com/users/sign_in"), Some(Page::SignIn));
        assert_eq!(page("/login?next=%2Forders"), Some(Page::SignIn));
        assert_eq!(page("/login?next=%2Fsettings%2F2fa"), Some(Page::SignIn));
        assert_eq!(page("/login?error"), Some(Page::Error));
        assert_eq!(page("/login?step=otp"), Some(Page::Code));
        assert_eq!(page("/callback?state=af2fa9&code=mfaErrorOtp"), None);
        assert_eq!(page("/auth/9c2fa1d07ab35e66"), None);
        assert_eq!(page("/sessions/two-factor/app"), Some(Page::Code));
        assert_eq!(page("/Identity/Account/LoginWith2fa?ReturnUrl=%2F"), Some(Page::Code));
        assert_eq!(page("/Identity/Account/Lockout"), Some(Page::LockOut));
    }

    #[test]
    fn a_form_says_what_comes_next_and_json_has_none() {
        let page = |is_html, password_form, code_form| {
            let mut answer = Answer::default();
            (answer.status, answer.is_html) = (200, is_html);
            (answer.password_form, answer.code_form) = (password_form, code_form);
            shown(&answer)
        };
        assert_eq!(page(true, true, true), Some(Page::SignIn));
        assert_eq!(page(true, false, true), Some(Page::Code));
        assert_eq!(page(true, false, false), None);
        assert_eq!(page(false, true, true), None);
    }

    #[test]
    fn paths_of_addresses() {
        assert_eq!(path_of(b"https://a.example.com/x/y?z=/w"), b"/x/y");
        assert_eq!(path_of(b"https://a.example.com"), b"/");
        assert_eq!(path_of(b"//a.example.com/x#y"), b"/x");
        assert_eq!(path_of(b"x/y"), b"x/y");
        assert_eq!(last(b"/x/y/"), b"y");
    }
}
