//! What a value looks like: the type that a description of the API would give it.
//! It is given a text, of JSON or of a query or form, where all values are texts.
//! It promises a type for any bytes, and that a form that other texts have, too, is `string`.

use crate::identity::json::Value;
use crate::identity::shape::is_uuid;
use heelguard_detectors::contents::ValueType;

/// Longest e-mail address (RFC 5321 section 4.5.3.1.3, without its brackets).
const EMAIL_BYTES_MAX: usize = 254;
/// Ends of file names that look like ends of hosts: `icon@2x.png`.
const FILE_ENDS: [&[u8]; 8] = [b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"js", b"css"];

/// The type of a value of JSON, with the letters that say it; of one that is cut it is not known.
pub(super) fn of<'a>(value: &Value<'a>) -> Option<(ValueType, &'a [u8])> {
    Some(match value {
        Value::Text(text) => (of_text(text.raw), text.raw),
        Value::Number(number) => (of_number(number), number),
        Value::Bool(_) => (ValueType::Boolean, &[]),
        Value::Null => (ValueType::Null, &[]),
        Value::Object | Value::Empty { is_list: false } => (ValueType::Object, &[]),
        Value::Array | Value::Empty { is_list: true } => (ValueType::Array, &[]),
        Value::Cut(_) => return None,
    })
}

/// The type of a text that JSON has in quotes.
pub(super) fn of_text(text: &[u8]) -> ValueType {
    match text {
        _ if is_uuid(text) => ValueType::Uuid,
        [b'0'..=b'9', ..] if is_date(text) => ValueType::Date,
        _ if is_email(text) => ValueType::Email,
        _ => ValueType::String,
    }
}

/// The type of what JSON has without quotes, or of rubbish.
pub(super) fn of_number(text: &[u8]) -> ValueType {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'..=b'9', ..] if digits.iter().all(u8::is_ascii_digit) => ValueType::Integer,
        [b'0'..=b'9', ..] if is_fraction(digits) => ValueType::Number,
        _ => ValueType::String,
    }
}

/// `1.5`, `2e9`, `1.5E-3`
fn is_fraction(text: &[u8]) -> bool {
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let mut parts = text.splitn(2, |byte| matches!(byte, b'e' | b'E'));
    let (number, exponent) = (parts.next().unwrap_or_default(), parts.next());
    let exponent = exponent.map(|e| e.strip_prefix(b"-").or_else(|| e.strip_prefix(b"+")).unwrap_or(e));
    number.splitn(2, |byte| *byte == b'.').all(is_digits) && exponent.is_none_or(is_digits)
}

/// The type that a value of a query or form is written as.
pub(super) fn of_word(text: &[u8]) -> ValueType {
    match text {
        b"" => ValueType::Null,
        b"true" | b"false" => ValueType::Boolean,
        _ => match of_number(text) {
            ValueType::String => of_text(text),
            number => number,
        },
    }
}

/// Whether all of a text is one e-mail address as people have them: letters, digits and a few signs, an at, and a host
/// with a dot in it that ends in letters.
pub(super) fn is_email(text: &[u8]) -> bool {
    if text.len() > EMAIL_BYTES_MAX {
        return false;
    }
    let Some((local, host)) = memchr::memchr(b'@', text).and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    let host = host.get(1..).unwrap_or(&[]);
    let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-'".contains(byte);
    let is_label =
        |label: &[u8]| !label.is_empty() && label.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    let Some(dot) = memchr::memrchr(b'.', host) else { return false };
    let end = host.get(dot + 1..).unwrap_or(&[]);
    !local.is_empty()
        && local.iter().all(is_local)
        && host.split(|&byte| byte == b'.').all(is_label)
        && end.len() >= 2
        && end.iter().all(u8::is_ascii_alphabetic)
        && !FILE_ENDS.iter().any(|file| end.eq_ignore_ascii_case(file))
}

/// `2026-11-21`, alone or with a time of day behind it (RFC 3339).
fn is_date(text: &[u8]) -> bool {
    let digits =
        |from: usize, to: usize| text.get(from..to).is_some_and(|d| d.iter().all(u8::is_ascii_digit));
    let is = |at: usize, letters: &[u8]| text.get(at).is_some_and(|byte| letters.contains(byte));
    let is_day = digits(0, 4) && is(4, b"-") && digits(5, 7) && is(7, b"-") && digits(8, 10);
    let has_time = is(10, b"Tt ") && digits(11, 13) && is(13, b":") && digits(14, 16);
    is_day && (text.len() == 10 || has_time && text.len() <= 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_what_all_of_a_text_says() {
        for (text, of_json, of_query) in [
            ("", ValueType::String, ValueType::Null),
            ("true", ValueType::String, ValueType::Boolean),
            ("-12", ValueType::String, ValueType::Integer),
            ("1.5e3", ValueType::String, ValueType::Number),
            ("1.2.3.4x", ValueType::String, ValueType::String),
            ("10-12", ValueType::String, ValueType::String),
            ("+1", ValueType::String, ValueType::String),
            ("123e4567-e89b-12d3-a456-426614174000", ValueType::Uuid, ValueType::Uuid),
            ("2026-11-21", ValueType::Date, ValueType::Date),
            ("2026-11-21T10:00:00.5+01:00", ValueType::Date, ValueType::Date),
            ("2026-11-21 is the day", ValueType::String, ValueType::String),
            ("ann@example.com", ValueType::Email, ValueType::Email),
            ("hello", ValueType::String, ValueType::String),
        ] {
            assert_eq!((of_text(text.as_bytes()), of_word(text.as_bytes())), (of_json, of_query), "{text}");
        }
    }

    #[test]
    fn an_address_is_no_other_text_with_an_at() {
        for address in ["a@b.io", "first.last+tag@mail.example.co.uk", "o'hara@x-y.org"] {
            assert!(is_email(address.as_bytes()), "{address}");
        }
        for other in [
            "@b.io",
            "a@",
            "a@b",
            "a@.io",
            "a@b..io",
            "a@b@c.io",
            "icon@2x.png",
            "react@18.2.0",
            "git@github.com:org/repo.git",
            "write to ann@example.com",
            "Ann <ann@example.com>",
            "user@10.0.0.1",
        ] {
            assert!(!is_email(other.as_bytes()), "{other}");
        }
    }
}
