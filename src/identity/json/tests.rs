//! What a walk tells, and that it tells what a walk letter by letter would.

mod plain;

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

/// All that a visitor is told.
type Told = (Option<u8>, Vec<u8>, Option<u8>, usize, String);

fn told(text: &str) -> (String, Summary) {
    let names = Names::new([("email", "email"), ("data", "data"), ("error", "error"), ("amr", "amr")]);
    let mut lines = String::new();
    let summary = walk(text.as_bytes(), &names, |m| {
        if let Some(key) = m.key {
            let value = match m.value {
                Value::Text(t) => String::from_utf8_lossy(&t.decoded()).into_owned(),
                Value::Number(n) => String::from_utf8_lossy(n).into_owned(),
                Value::Cut(t) => format!("{}…", String::from_utf8_lossy(&t.decoded())),
                Value::Bool(b) => b.to_string(),
                Value::Null => "null".into(),
                Value::Object => "{}".into(),
                Value::Array => "[]".into(),
                Value::Empty { .. } => "nothing".into(),
            };
            lines += &format!(
                "{}{key}@{} {value}\n",
                m.parent.map_or(String::new(), |p| format!("{p}.")),
                m.depth
            );
        }
    });
    (lines, summary)
}

#[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
fn check(text: &str, expected: Expect) {
    let (lines, summary) = told(text);
    expected.assert_eq(&format!("{lines}{summary:?}\n"));
}

#[test]
fn keys_at_any_depth_with_escapes_and_arrays() {
    check(
        r#"{"data":{"user":{"em\u0061il":"a\u0040b\"\ud83d\ude00"}, "error" : null}, "amr":["pwd","otp"], "error":{"email":12.5}}"#,
        expect![[r#"
            data@1 {}
            email@3 a@b"😀
            data.error@2 null
            amr@1 []
            amr.amr@2 pwd
            amr.amr@2 otp
            error@1 {}
            error.email@2 12.5
            Summary { items: None, items_cut: false, beyond_limit: false }
        "#]],
    );
}

#[test]
fn a_key_may_be_escaped_letter_by_letter() {
    let names = Names::new([("two_factor_auth_required", 1)]);
    let escaped: String = "two_factor_auth_required".bytes().map(|b| format!("\\u{b:04x}")).collect();
    let mut known = 0;
    walk(format!("{{\"{escaped}\":1,\"{escaped}x\":2}}").as_bytes(), &names, |m| {
        known += u8::from(m.key.is_some());
    });
    assert_eq!(known, 1);
}

#[test]
fn a_value_that_the_end_cut_is_told_apart() {
    let last = |text: &str| told(text).0.lines().last().unwrap_or_default().to_owned();
    assert_eq!(last(r#"{"email":"ad"#), "email@1 ad…");
    assert_eq!(last(r#"{"email":"x","email":"ad"#), "email@1 ad…");
    assert_eq!(last(r#"{"email":"ad\""#), "email@1 ad\"…");
    assert_eq!(last(r#"{"email":12"#), "email@1 12…");
    assert_eq!(last(r#"{"email":true"#), "email@1 true…");
    assert_eq!(last(r#"{"email":"ad""#), "email@1 ad");
    assert_eq!(last(r#"{"email":12,"#), "email@1 12");
    assert_eq!(last(r#"{"email":12 "#), "email@1 12");
}

#[test]
fn records_are_counted_and_words_are_not() {
    let items = |text: &str| (told(text).1.items, told(text).1.items_cut);
    assert_eq!(items(r#"[{"a":1},{"a":2},{"a":[{},{},{},{}]}]"#), (Some(3), false));
    assert_eq!(items(r#"{"results":[{"tags":["x","y","z"]}],"count":99}"#), (Some(1), false));
    assert_eq!(items(r#"{"page":{"items":[[1],[2]]},"links":[{}]}"#), (Some(2), false));
    assert_eq!(items(r#"{"results":[]}"#), (Some(0), false));
    assert_eq!(items(r#"{"roles":["a","b"]}"#), (None, false));
    assert_eq!(items(r"[1,2,3]"), (Some(3), false));
    assert_eq!(items(r#"{"a":[{"b":1},{"b":2},{"b"#), (Some(3), true));
    assert_eq!(items("{\"a\":1}\n{\"a\":2}\n"), (Some(2), false));
}

#[test]
fn hostile_text_ends() {
    let deep = "[".repeat(200_000);
    assert!(told(&deep).1.beyond_limit);
    let objects = "{\"email\":".repeat(200_000);
    assert!(told(&objects).1.beyond_limit);
    assert!(!told(&format!("{}\"error\":\"x\"", "{\"a\":".repeat(100))).1.beyond_limit);
    for text in [
        "",
        "\"",
        "\\",
        "{\"",
        "{\"email\"",
        "{\"email\":",
        "{\"email\":\"\\",
        "]]}}",
        "{\"email\":\"\\u12",
        ",,,:::",
    ] {
        told(text);
    }
    let number = format!("{{\"email\":{}}}", "9".repeat(1_000_000));
    assert_eq!(told(&number).0.len(), 1_000_000 + "email@1 \n".len());
    check(
        "{\"email\":\"\\ud800\"}",
        expect![[r"
        email@1 �
        Summary { items: None, items_cut: false, beyond_limit: false }
    "]],
    );
    let twice = format!("{{{}\"email\":\"last\"}}", "\"email\":\"x\",".repeat(60_000));
    assert!(told(&twice).0.ends_with("email@1 last\n"));
}

fn names() -> Names<u8> {
    Names::new([("key", 1), ("other_key", 2)])
}

fn line(m: &Member<'_, u8>) -> Told {
    let value = match m.value {
        Value::Text(t) => format!("\"{}\" {}", String::from_utf8_lossy(t.raw), t.escaped),
        Value::Number(n) => String::from_utf8_lossy(n).into_owned(),
        Value::Cut(t) => format!("{}… {}", String::from_utf8_lossy(t.raw), t.escaped),
        Value::Bool(b) => b.to_string(),
        Value::Null => "null".into(),
        Value::Object => "{}".into(),
        Value::Array => "[]".into(),
        Value::Empty { .. } => "nothing".into(),
    };
    (m.key, m.name.to_vec(), m.parent, m.depth, value)
}

fn is_told_alike(text: &[u8]) -> Result<(), TestCaseError> {
    let (mut lines, mut plain) = (Vec::new(), Vec::new());
    let summary = walk(text, &names(), |m| lines.push(line(&m)));
    let expected = plain::walk(text, &names(), |m| plain.push(line(&m)));
    prop_assert_eq!(lines, plain);
    prop_assert_eq!(summary, expected);
    Ok(())
}

proptest! {
    #[test]
    fn a_quick_walk_tells_what_a_walk_by_letters_does(
        words in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", "{\"key\":", ",\"other_key\" : ", ",", ":", "\"", "\\", "\"key\"", "\"\\\"\"", "true", "null",
            "1.5", " ", "\n", "x", "\"a longer string with blanks, commas and {brackets}, longer than a few words of eight\"",
            "\"k\\u0065y\"", "\u{e9}",
        ]), 0..120)
    ) {
        is_told_alike(words.concat().as_bytes())?;
    }

    #[test]
    fn any_bytes_are_told_alike(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        is_told_alike(&bytes)?;
    }
}

#[test]
fn a_string_may_end_at_any_place() {
    for pad in 0..17 {
        for middle in ["", "x", "\\\"", "\\\\", &"y".repeat(9), &"\\\"".repeat(5)] {
            let text = format!("{{\"key\":\"{}{middle}\",\"other_key\":[1,{{}}]}}", "p".repeat(pad));
            is_told_alike(text.as_bytes()).unwrap();
            (0..text.len()).for_each(|cut| is_told_alike(&text.as_bytes()[..cut]).unwrap());
        }
    }
    let deep = "[{\"key\":".repeat(70);
    is_told_alike(deep.as_bytes()).unwrap();
}
