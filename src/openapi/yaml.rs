//! A document as YAML, for people to read and mend.
//! It is given a value and writes it in block style, what names an object first in front.
//! It promises that every reader of YAML 1.1 or 1.2 gets the same value back: what could be misread is in quotes.

use serde_json::{Map, Value};

/// Members that stand before the others, in this order.
const FIRST: [&str; 12] = [
    "openapi",
    "info",
    "servers",
    "title",
    "name",
    "in",
    "type",
    "description",
    "url",
    "parameters",
    "requestBody",
    "responses",
];

/// The text of a document.
pub(super) fn write(document: &Value) -> String {
    let mut text = String::new();
    block(document, 0, &mut text);
    text
}

/// A value on lines of its own, or a scalar behind what was written.
fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (number, (key, value)) in ordered(object).into_iter().enumerate() {
                if number > 0 {
                    indent(depth, text);
                }
                text.push_str(&quoted(key));
                text.push(':');
                below(value, depth, text);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (number, value) in list.iter().enumerate() {
                if number > 0 {
                    indent(depth, text);
                }
                text.push_str("- ");
                block(value, depth + 1, text);
            }
        }
        Value::String(word) => {
            text.push_str(&quoted(word));
            text.push('\n');
        }
        other => {
            text.push_str(&other.to_string());
            text.push('\n');
        }
    }
}

/// The value of a key.
fn below(value: &Value, depth: usize, text: &mut String) {
    let is_block = value.as_object().is_some_and(|object| !object.is_empty())
        || value.as_array().is_some_and(|list| !list.is_empty());
    if is_block {
        text.push('\n');
        indent(depth + 1, text);
        block(value, depth + 1, text);
    } else {
        text.push(' ');
        block(value, depth, text);
    }
}

fn indent(depth: usize, text: &mut String) {
    text.push_str(&"  ".repeat(depth));
}

fn ordered(object: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(key, _)| FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()));
    members
}

/// A word as it is where nobody can take it for anything else, in double quotes otherwise.
fn quoted(word: &str) -> String {
    const NO_WORDS: [&str; 8] = ["true", "false", "null", "yes", "no", "on", "off", "y"];
    let is_plain = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "_/.-".contains(c))
        && !NO_WORDS.iter().any(|other| word.eq_ignore_ascii_case(other))
        && !word.eq_ignore_ascii_case("n");
    if is_plain {
        return word.to_owned();
    }
    let mut text = String::from('"');
    for letter in word.chars() {
        let is_printable = matches!(letter, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
            && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}');
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            _ if is_printable => text.push(letter),
            _ => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::super::document;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn it_reads_well() {
        let value = json!({
            "openapi": "3.1.0", "paths": {"/a/{id}": {"get": {"responses": {"200": {}}, "security": []}}},
            "list": [{"name": "x", "in": "query"}, [1, 2]], "n": "no",
        });
        assert_eq!(
            write(&value),
            "openapi: \"3.1.0\"\nlist:\n  - name: x\n    in: query\n  - - 1\n    - 2\n\"n\": \"no\"\npaths:\n  \"/a/{id}\":\n    get:\n      responses:\n        \"200\": {}\n      security: []\n"
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(Value::Null),
        ];
        scalar.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in value()) {
            let text = write(&json!({ "a": value.clone() }));
            prop_assert_eq!(document::read(&text).unwrap().root, json!({ "a": value }), "{}", text);
        }
    }
}
