//! What words of an answer mean: no, nothing, failure, a factor.
//! It is given the bytes of a key or a value.
//! It promises to know the words written here and no others, whatever their case.

use crate::identity::names::Names;
use heelguard_detectors::identity::Factor;

/// Whether a key stands for an error and for nothing else: a `code` or `status` may be of success.
pub(super) fn names_error(name: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[b"error", b"error_code", b"errorcode", b"errcode", b"errno"];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a verdict that is no boolean says no.
pub(super) fn is_no(word: &[u8]) -> bool {
    word == b"0" || word.eq_ignore_ascii_case(b"false")
}

/// Whether what stands for an error says that there is none.
pub(super) fn is_nothing(word: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[b"false", b"no", b"none", b"null", b"ok", b"200"];
    word.iter().all(|&b| b == b'0') || WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether a status in words is a failure.
pub(super) fn is_failure(word: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[b"fail", b"failed", b"failure", b"error"];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// The factor a word names.
pub(crate) fn factor(word: &[u8], names: &Names<Factor>) -> Option<Factor> {
    let mut letters = [0u8; 32];
    let mut len = 0usize;
    for &byte in word.iter().filter(|b| b.is_ascii_alphanumeric()) {
        *letters.get_mut(len)? = byte;
        len += 1;
    }
    names.get(letters.get(..len)?)
}
