//! The part of JSON Schema (draft 2020-12) that our schemas use, as a checker.
//! It is given a schema and a value and gives the places where they differ.
//! It promises to refuse keywords it does not know, so that no rule goes unchecked.

use serde_json::Value;

/// Everything that is wrong, as `place: what`.
pub(super) fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(rules) = schema.as_object() else { panic!("{at}: a schema is an object, not {schema}") };
    for (keyword, rule) in rules {
        let mut expect = |holds: bool| {
            if !holds {
                found.push(format!("{at}: {value} is against {keyword} {rule}"));
            }
        };
        match keyword.as_str() {
            // Words about the schema; properties are looked at below, all at once.
            "$schema"
            | "$id"
            | "$defs"
            | "title"
            | "description"
            | "default"
            | "properties"
            | "additionalProperties" => {}
            "const" => expect(value == rule),
            "enum" => expect(rule.as_array().unwrap().contains(value)),
            "type" => expect(match rule {
                Value::Array(types) => types.iter().any(|name| is_type(value, name)),
                name => is_type(value, name),
            }),
            "minimum" => expect(value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap())),
            "maximum" => expect(value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap())),
            "maxItems" => {
                expect(value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()));
            }
            "pattern" => expect(value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text))),
            "required" => {
                let missing = |name: &&Value| {
                    value.as_object().is_some_and(|o| !o.contains_key(name.as_str().unwrap()))
                };
                expect(!rule.as_array().unwrap().iter().any(|name| missing(&name)));
            }
            "$ref" => check(root, resolve(root, rule), value, at, found),
            "anyOf" => expect(rule.as_array().unwrap().iter().any(|option| {
                let mut inner = Vec::new();
                check(root, option, value, at, &mut inner);
                inner.is_empty()
            })),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{at}[{index}]"), found);
                }
            }
            unknown => panic!("{at}: the checker does not know `{unknown}`"),
        }
    }
    let known = rules.get("properties").and_then(Value::as_object);
    for (name, inner) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match (known.and_then(|known| known.get(name)), rules.get("additionalProperties")) {
            (None, Some(Value::Bool(false))) => found.push(format!("{at}: not a known property")),
            (None, Some(Value::Bool(true)) | None) => {}
            (Some(schema), _) | (None, Some(schema)) => check(root, schema, inner, &at, found),
        }
    }
}

fn is_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("there is no type `{unknown}`"),
    }
}

fn resolve<'a>(root: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    root.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in the schema"))
}

/// The patterns of our schemas: sequences of literals, `\d` and bracket classes, each with an optional `{n}`.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')).expect("anchored");
    let (mut pattern, mut text) = (pattern.chars().peekable(), text.chars());
    while let Some(first) = pattern.next() {
        let class: Vec<char> = match first {
            '[' => expand(&pattern.by_ref().take_while(|&c| c != ']').collect::<Vec<_>>()),
            '\\' if pattern.peek() == Some(&'d') => {
                pattern.next();
                ('0'..='9').collect()
            }
            '\\' => vec![pattern.next().unwrap()],
            literal => vec![literal],
        };
        let mut times = 1;
        if pattern.peek() == Some(&'{') {
            times = pattern.by_ref().skip(1).take_while(|&c| c != '}').collect::<String>().parse().unwrap();
        }
        if !(0..times).all(|_| text.next().is_some_and(|c| class.contains(&c))) {
            return false;
        }
    }
    text.next().is_none()
}

/// `a-z0-9` as its members.
fn expand(class: &[char]) -> Vec<char> {
    let mut members = Vec::new();
    let mut rest = class;
    while let [first, tail @ ..] = rest {
        if let ['-', last, tail @ ..] = tail {
            members.extend(*first..=*last);
            rest = tail;
        } else {
            members.push(*first);
            rest = tail;
        }
    }
    members
}
