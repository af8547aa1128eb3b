//! What a key says it is for: vendors and companies put a word for it in front of the random part.
//! It is given one isolated value and looks at its first words alone.
//! It promises to say nothing of a value that has no such word between its prefix and at least eight more letters.

use heelguard_detectors::identity::Stage;

/// Words that a prefix has, and letters of one.
const WORDS_MAX: usize = 4;
const WORD_BYTES_MAX: usize = 12;
/// A shorter rest is no key.
const REST_BYTES_MIN: usize = 8;

/// `sk_test_…`, `access-sandbox-…`, `acme_live_…`.
pub(crate) fn stage(value: &[u8]) -> Option<Stage> {
    let mut rest = value;
    for _ in 0..WORDS_MAX {
        let end = rest.iter().take(WORD_BYTES_MAX + 1).position(|b| matches!(b, b'_' | b'-'))?;
        let (word, behind) = rest.split_at(end);
        rest = behind.get(1..).filter(|rest| rest.len() >= REST_BYTES_MIN)?;
        match word {
            b"test" | b"sandbox" | b"staging" => return Some(Stage::Test),
            b"live" | b"prod" | b"production" => return Some(Stage::Live),
            _ if word.iter().all(u8::is_ascii_lowercase) => {}
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_front_tells() {
        let of = |value: &str| stage(value.as_bytes());
        for key in
            ["sk_test_0123456789", "access-sandbox-0123456789", "acme_pk_test_abcdefgh", "test_01234567"]
        {
            assert_eq!(of(key), Some(Stage::Test), "{key}");
        }
        for key in ["sk_live_0123456789", "rk_prod_0123456789", "access-production-01234567"] {
            assert_eq!(of(key), Some(Stage::Live), "{key}");
        }
    }

    #[test]
    fn what_stands_in_the_random_part_or_in_front_of_nothing_does_not() {
        let quiet = "sk_tests_0123456789 9f_test_0123456789 sk_TEST_0123456789 sk_test_0123456 test \
                     0123456789_test_0123456789 a_b_c_d_test_0123456789 contest_0123456789 _ -";
        for key in quiet.split_whitespace() {
            assert_eq!(stage(key.as_bytes()), None, "{key}");
        }
        assert_eq!(stage(b""), None);
    }
}
