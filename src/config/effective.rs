//! The configuration told back: every key with its value, and the schema of a file that may be written.
//! It is given raw values and gives TOML, or JSON Schema built from the defaults and the annotated file.
//! It promises that no secret is shown, and that the schema knows exactly the keys that are accepted.

use super::{ANNOTATED, Raw};
use crate::sinks::config::KINDS;
use heelguard_detectors::alert::Severity;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Keys whose text values are never shown end like this.
const SECRET_ENDS: &[&str] = &["password", "secret", "passphrase", "routing_key", "key.pem"];
/// Tables of which no value is shown.
const SECRET_TABLES: &[&str] = &["headers"];

/// The whole configuration as TOML.
pub fn effective(raw: &Raw) -> String {
    let mut table = table(raw);
    mask(&mut table);
    toml::to_string(&table).unwrap_or_default()
}

/// The keys that two configurations have different values for, in order, as `section.key`.
pub fn differing(one: &Raw, other: &Raw) -> Vec<String> {
    let mut keys = Vec::new();
    compare(&table(one), &table(other), "", &mut keys);
    keys
}

fn compare(one: &Table, other: &Table, path: &str, keys: &mut Vec<String>) {
    let mut names: Vec<&String> = one.keys().chain(other.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (one.get(name), other.get(name)) {
            (Some(Value::Table(one)), Some(Value::Table(other))) => compare(one, other, &path, keys),
            (one, other) if one == other => {}
            _ => keys.push(path),
        }
    }
}

/// Raw values as a table; keys without a value are left out.
pub(super) fn table(raw: &Raw) -> Table {
    Table::try_from(raw).unwrap_or_default()
}

/// Every text that is set, under `section.key`.
pub(super) fn texts(table: &Table, path: &str, found: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Table(inner) => texts(inner, &path, found),
            Value::String(text) if !text.is_empty() => found.push((path, text.clone())),
            _ => {}
        }
    }
}

pub(super) fn mask(table: &mut Table) {
    for (key, value) in table {
        match value {
            Value::Table(inner) if SECRET_TABLES.contains(&key.as_str()) => {
                inner.iter_mut().for_each(|(_, value)| *value = Value::String("***".to_owned()));
            }
            Value::Table(inner) => mask(inner),
            Value::String(text) if key == "url" || key.ends_with("_url") => mask_url(text),
            Value::String(text) if !text.is_empty() && SECRET_ENDS.iter().any(|end| key.ends_with(end)) => {
                "***".clone_into(text);
            }
            _ => {}
        }
    }
}

/// What is behind the host is often a password: the path of a webhook, a query.
fn mask_url(url: &mut String) {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let behind = url.get(host..).and_then(|rest| rest.find(['/', '?', '#', '@'])).map(|at| host + at);
    if let Some(behind) = behind.filter(|at| at + 1 < url.len()) {
        url.truncate(behind + 1);
        url.push_str("***");
    }
}

/// JSON Schema (draft 2020-12) of the file, with the annotated file's comments as descriptions.
pub fn json_schema() -> Json {
    let mut schema = section(&table(&Raw::default()), &mut Vec::new(), &comments(ANNOTATED));
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://heelguard.example/schema/config/1",
        "title": "Configuration",
        "description": "The TOML file that `--config` names.",
    });
    if let (Json::Object(schema), Json::Object(head)) = (&mut schema, head) {
        let body = std::mem::replace(schema, head);
        schema.extend(body);
    }
    schema
}

fn section(table: &Table, path: &mut Vec<String>, comments: &BTreeMap<String, String>) -> Json {
    let mut properties = Map::new();
    for (key, value) in table {
        path.push(key.clone());
        let mut property = match value {
            // Names of the operator's own, as Kafka's properties and headers.
            Value::Table(inner) if inner.is_empty() => json!({"type": "object"}),
            Value::Table(inner) => section(inner, path, comments),
            value => json!({"type": type_of(value), "default": value}),
        };
        if let (Some(comment), Json::Object(property)) = (comments.get(&path.join(".")), &mut property) {
            property.insert("description".to_owned(), json!(comment));
        }
        properties.insert(key.clone(), property);
        path.pop();
    }
    // The one key without a default: left out, the rule itself decides.
    if matches!(path.as_slice(), [section, _] if section == "detectors") {
        let names: Vec<&str> = Severity::ALL.iter().map(|severity| severity.name()).collect();
        properties.insert("severity".to_owned(), json!({"enum": names}));
    }
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    // Sinks may have any name; those of another name than their kind's say their type.
    match path.as_slice() {
        [sinks] if sinks == "sinks" => schema["additionalProperties"] = json!({"type": "object"}),
        [sinks, _] if sinks == "sinks" => schema["properties"]["type"] = json!({"enum": KINDS}),
        _ => {}
    }
    schema
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) | Value::Datetime(_) => "string",
        Value::Integer(_) => "integer",
        Value::Float(_) => "number",
        Value::Boolean(_) => "boolean",
        Value::Array(_) => "array",
        Value::Table(_) => "object",
    }
}

/// The comment above each key of the annotated file, by dotted key.
fn comments(text: &str) -> BTreeMap<String, String> {
    let mut comments = BTreeMap::new();
    let (mut section, mut comment) = (String::new(), String::new());
    for line in text.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix('#') {
            let gap = if comment.is_empty() { "" } else { " " };
            comment = format!("{comment}{gap}{}", words.trim());
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            comments.insert(section.clone(), std::mem::take(&mut comment));
        } else if let Some((key, _)) = line.split_once(" = ") {
            comments.insert(format!("{section}.{key}"), std::mem::take(&mut comment));
        } else {
            comment.clear();
        }
    }
    comments.retain(|_, comment| !comment.is_empty());
    comments
}
