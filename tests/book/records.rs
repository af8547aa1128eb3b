//! `docs/records.md`: every record with its fields, their types and what they mean.
//! It is given the published JSON Schemas and resolves what they refer to.
//! It promises a page that is never behind the records: `UPDATE_EXPECT=1` renews it.

use expect_test::expect_file;
use heelguard::sinks::schema;
use serde_json::Value;
use std::fmt::Write as _;

const OPENING: &str = "\
# Records

<!-- Written from the records' own schemas: UPDATE_EXPECT=1 cargo test --test book -->

What the sensor writes, one JSON object a line. `heelguard schema alert` prints the schema of a record (draft 2020-12),
`heelguard schema clickhouse` the tables. Forms of other products (OCSF, ECS, EVE) stand in
[delivery.md](delivery.md#forms).

- A schema's name ends in its version, `heelguard.alert/1`. Fields are added within a version, never renamed or taken
  away; readers pass over what they do not know.
- An *episode* of alerts (a detector, a subject, a span of time) has one `id`, a function of tenant, detector, subject and
  the first event's time: a replay, a restart, or a second sensor of a pair gives the same one. `open`, `update`, `closed`
  are its states, `rev` counts them. Whoever keys on `id` and keeps the highest `rev` has each episode once.
- Times are packet time, RFC 3339 in UTC with microseconds. Parts that do not apply are `null`.
- `bytes` of a body are counted after transfer decoding and before content decoding.
- No field holds a credential, code, password or token; what leaves is a keyed `fingerprint` ([privacy.md](privacy.md)).

A field below another is written with a dot, an entry of a list with `[]`; *or null* says that a field is always there.
";

#[test]
fn the_page_of_records_is_fresh() {
    let mut page = OPENING.to_owned();
    for (name, text) in schema::ALL {
        let schema: Value = serde_json::from_str(text).unwrap();
        let word = |key: &str| schema[key].as_str().unwrap_or_default().to_owned();
        let _ = writeln!(page, "\n## {}: `{name}`\n\n{}", word("title"), word("description"));
        match schema["anyOf"].as_array() {
            Some(kinds) => {
                for kind in kinds {
                    let kind = resolve(&schema, kind);
                    let name = kind["properties"]["kind"]["const"].as_str().unwrap_or_default();
                    let _ = writeln!(page, "\n### `kind`: `{name}`");
                    push_table(&mut page, &schema, kind);
                }
            }
            None => push_table(&mut page, &schema, &schema),
        }
    }
    expect_file!["../../docs/records.md"].assert_eq(&page);
}

fn push_table(page: &mut String, schema: &Value, object: &Value) {
    page.push_str("\n| field | type | meaning |\n|---|---|---|\n");
    push_fields(page, schema, object, "");
}

fn push_fields(page: &mut String, schema: &Value, object: &Value, path: &str) {
    let Some(properties) = object["properties"].as_object() else { return };
    // The order of what is required is the order of the record.
    let required = object["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut names: Vec<&str> = required.filter(|name| properties.contains_key(*name)).collect();
    names.extend(
        properties.keys().map(String::as_str).filter(|name| {
            !object["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
        }),
    );
    for name in names {
        let value = &properties[name];
        let field = format!("{path}{name}");
        let (inner, is_optional) = unwrapped(schema, value);
        let meaning = value["description"].as_str().or(inner["description"].as_str()).unwrap_or_default();
        let mut kind = kind_of(inner);
        if is_optional {
            kind.push_str(" or null");
        }
        let _ = writeln!(page, "| `{field}` | {kind} | {} |", meaning.replace('|', "\\|"));
        push_fields(page, schema, inner, &format!("{field}."));
        let (entry, _) = unwrapped(schema, &inner["items"]);
        push_fields(page, schema, entry, &format!("{field}[]."));
    }
}

/// What a value refers to.
fn resolve<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
        Some(pointer) => schema.pointer(pointer).expect("a definition"),
        None => value,
    }
}

/// The value itself, and whether null may stand in its place.
fn unwrapped<'a>(schema: &'a Value, value: &'a Value) -> (&'a Value, bool) {
    let value = resolve(schema, value);
    let choices = value["anyOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_null = |choice: &Value| choice["type"] == "null";
    match choices.iter().find(|choice| !is_null(choice)) {
        Some(first) if choices.iter().any(is_null) => (resolve(schema, first), true),
        _ => (value, value["type"].as_array().is_some_and(|types| types.iter().any(|one| one == "null"))),
    }
}

/// A type in words.
fn kind_of(value: &Value) -> String {
    let quoted =
        |value: &Value| format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    if let Some(only) = value.get("const") {
        return quoted(only);
    }
    if let Some(choices) = value["enum"].as_array() {
        return choices.iter().filter(|one| !one.is_null()).map(quoted).collect::<Vec<_>>().join(", ");
    }
    let named = match &value["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|one| *one != "null"),
        other => other.as_str(),
    };
    match named {
        Some("array") => "list".to_owned(),
        Some("string") => "text".to_owned(),
        Some("object") if value["properties"].is_null() => "numbers by name".to_owned(),
        Some(other) => other.to_owned(),
        None => "any".to_owned(),
    }
}
