//! What a credential is, told from its value alone: known prefix, length, alphabet, checksum.
//! It is given one isolated value, never a block of text, and gives a class name from a closed list.
//! It promises that the class does not depend on where the value was carried, because the fingerprint covers it.

mod stage;
mod vendors;

pub(crate) use stage::stage;

use super::short;

/// No value that says what it is is shorter.
pub(crate) const KEY_BYTES_MIN: usize = vendors::KEY_BYTES_MIN;

/// Classes of values without a telling prefix.
pub(crate) const OPAQUE: &str = "opaque";
pub(crate) const JWT: &str = "jwt";
pub(crate) const JWE: &str = "jwe";

/// The class of a value that says what it is: a vendor's static key.
pub(crate) fn known_key(value: &[u8]) -> Option<&'static str> {
    if value.len() < KEY_BYTES_MIN {
        return None;
    }
    vendors::key(value).or_else(|| vendors::marked_inside(value))
}

/// Whether a key that says what it is, or a JWT, stands somewhere in a text.
pub(crate) fn holds_key(text: &[u8]) -> bool {
    vendors::key_within(text).is_some() || holds_jwt(text)
}

fn holds_jwt(text: &[u8]) -> bool {
    short::places(text, b"eyJ", 2).any(|at| {
        let rest = text.get(at..).unwrap_or(&[]);
        let len = rest.iter().take_while(|&&b| vendors::is_token_byte(b)).count();
        matches!(class(rest.get(..len).unwrap_or(&[])), JWT | JWE)
    })
}

/// The class of any value.
pub(crate) fn class(value: &[u8]) -> &'static str {
    if let Some(class) = known_key(value) {
        return class;
    }
    if value.starts_with(b"ey") {
        match memchr::memchr_iter(b'.', value).count() {
            _ if !is_token_text(value) => {}
            2 => return JWT,
            1 if value.len() > 20 => return JWT,
            4 => return JWE,
            _ => {}
        }
    }
    if [b"v1.".as_slice(), b"v2.", b"v3.", b"v4."].iter().any(|v| value.starts_with(v))
        && value.get(3..).is_some_and(|r| r.starts_with(b"local.") || r.starts_with(b"public."))
    {
        return "paseto";
    }
    if is_uuid(value) {
        return "uuid";
    }
    if value.len() >= 16 && value.iter().all(u8::is_ascii_hexdigit) {
        return "hex";
    }
    OPAQUE
}

/// Whether the class is a static key, by its prefix.
pub(crate) fn is_static_key(class: &str) -> bool {
    !matches!(class, JWT | JWE | OPAQUE | "paseto" | "uuid" | "hex" | "google_oauth")
}

/// Whether a piece of a path or a name should not be written down: long, and mixed as only random text is.
pub(crate) fn looks_secret(value: &[u8]) -> bool {
    if value.len() < vendors::KEY_BYTES_MIN || is_uuid(value) {
        return false;
    }
    if known_key(value).is_some() || matches!(class(value), JWT | JWE | "paseto") {
        return true;
    }
    if !is_token_text(value) {
        return false;
    }
    if value.iter().all(u8::is_ascii_hexdigit) {
        return value.len() >= 32;
    }
    // Words joined by dashes have few digits and one case; random text of 20 letters has both mixed.
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let upper = value.iter().filter(|b| b.is_ascii_uppercase()).count();
    let lower = value.iter().filter(|b| b.is_ascii_lowercase()).count();
    let separators = value.len() - digits - upper - lower;
    let turns = value.windows(2).filter(|w| turns(w.first(), w.last())).count();
    let mixed = digits > 0 && upper + lower > 0 || upper > 1 && lower > 1;
    value.len() >= 20 && mixed && turns * 6 > value.len() && separators * 4 < value.len()
}

/// Whether all of a value is what tokens are written with (`vendors::is_token_byte`), for values as long as a JWT:
/// comparisons alone, without a branch, many bytes at a time.
fn is_token_text(value: &[u8]) -> bool {
    let is_within = |b: u8, first: u8, count: u8| u8::from(b.wrapping_sub(first) < count);
    let is_other = |b: u8| {
        let letter = is_within(b | 0x20, b'a', 26);
        let digit = is_within(b, b'0', 10);
        // `+` to `/` without the comma.
        let sign = is_within(b, b'+', 5) & u8::from(b != b',');
        let rest = u8::from(b == b'_') | u8::from(b == b'=');
        1 ^ (letter | digit | sign | rest)
    };
    value.iter().fold(0, |odd, &b| odd | is_other(b)) == 0
}

/// Eight, four, four, four and twelve hex digits.
pub(crate) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Whether the kind of letter changes inside a word: where it does so often, the text is random.
fn turns(left: Option<&u8>, right: Option<&u8>) -> bool {
    let kind = |b: Option<&u8>| match b {
        Some(b) if b.is_ascii_digit() => Some(0),
        Some(b) if b.is_ascii_uppercase() => Some(1),
        Some(b) if b.is_ascii_lowercase() => Some(2),
        _ => None,
    };
    kind(left).zip(kind(right)).is_some_and(|(l, r)| l != r)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
    fn check(values: &[&str], expected: Expect) {
        let lines: Vec<String> = values
            .iter()
            .map(|v| {
                format!(
                    "{} {}{}\n",
                    v,
                    class(v.as_bytes()),
                    if looks_secret(v.as_bytes()) { " secret" } else { "" }
                )
            })
            .collect();
        expected.assert_eq(&lines.concat());
    }

    #[test]
    fn token_texts_are_written_with_token_bytes() {
        for byte in 0..=u8::MAX {
            let text = [b'a', byte, b'Z'];
            assert_eq!(is_token_text(&text), vendors::is_token_byte(byte), "{byte}");
        }
    }

    #[test]
    fn keys_are_known_by_prefix_length_and_alphabet() {
        check(
            &[
                "AKIAIOSFODNN7EXAMPLE",
                "AKIAIOSFODNN7EXAMPL1",
                "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
                "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
                "sk_life_4eC39HqLyjWDarjtT1zdp7dc",
                "SKiing-is-fun-in-the-winter-time-yes",
            ],
            expect![[r"
                AKIAIOSFODNN7EXAMPLE aws_access_key secret
                AKIAIOSFODNN7EXAMPL1 opaque
                sk_live_4eC39HqLyjWDarjtT1zdp7dc stripe_live secret
                sk_test_4eC39HqLyjWDarjtT1zdp7dc stripe_test secret
                sk_life_4eC39HqLyjWDarjtT1zdp7dc opaque secret
                SKiing-is-fun-in-the-winter-time-yes opaque
            "]],
        );
    }

    #[test]
    fn values_without_a_prefix_are_known_by_form() {
        check(
            &[
                "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
                "eyJhbGciOiJSU0EifQ.a.b.c.d",
                "123e4567-e89b-12d3-a456-426614174000",
                "5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2",
                "507f1f77bcf86cd799439011",
                "jgWTwRuNtwSFF6YsXfAu9EjODAKPH8qPnAq8-RbSjst",
                "tnbb4188906e52l9fo856k8e1irfcnzd",
                "recovery-codes-of-the-account",
                "customers",
                "",
            ],
            expect![[r"
                eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln jwt secret
                eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. jwt secret
                eyJhbGciOiJSU0EifQ.a.b.c.d jwe secret
                123e4567-e89b-12d3-a456-426614174000 uuid
                5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2 hex secret
                507f1f77bcf86cd799439011 hex
                jgWTwRuNtwSFF6YsXfAu9EjODAKPH8qPnAq8-RbSjst opaque secret
                tnbb4188906e52l9fo856k8e1irfcnzd opaque secret
                recovery-codes-of-the-account opaque
                customers opaque
                 opaque
            "]],
        );
    }
}
