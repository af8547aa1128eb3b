//! What was learned, as a document of OpenAPI 3.1.
//! It is given the hosts of one document with what was seen of each.
//! It promises that the document declares all of it, and says nothing that was not seen.

use super::learn::{Learned, Proof, Seen, Segment};
use super::shape::{Shape, schema_of};
use super::tree::Tree;
use heelguard_detectors::contents::ValueType;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One path on all hosts that have it.
#[derive(Default)]
struct Item {
    segments: Vec<Segment>,
    servers: BTreeSet<String>,
    operations: BTreeMap<&'static str, Learned>,
}

/// The document.
pub(super) fn document<'a>(hosts: impl Iterator<Item = (&'a Arc<str>, &'a Tree<Seen>)>) -> Value {
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    let mut servers = BTreeSet::new();
    for (host, tree) in hosts {
        for seen in tree.all() {
            let operations =
                seen.operations.iter().filter(|(_, learned)| learned.is_api && learned.successes > 0);
            for (method, learned) in operations {
                let server = format!("{}://{host}", seen.scheme);
                servers.insert(server.clone());
                let item = items.entry(shown(&seen.segments, |_, _| "{}".to_owned())).or_default();
                item.servers.insert(server);
                match item.operations.get_mut(method) {
                    Some(known) => known.join(learned),
                    None => {
                        item.operations.insert(method, learned.clone());
                    }
                }
                if item.segments.is_empty() {
                    item.segments.clone_from(&seen.segments);
                }
                for (known, new) in item.segments.iter_mut().zip(&seen.segments) {
                    if let (Segment::Place(known), Segment::Place(new)) = (known, new) {
                        known.extend(new);
                    }
                }
            }
        }
    }
    let mut schemes = BTreeMap::new();
    let mut paths = Map::new();
    for item in items.values() {
        let (path, parameters) = path(&item.segments);
        let mut written = Map::new();
        if !parameters.is_empty() {
            written.insert("parameters".to_owned(), Value::Array(parameters));
        }
        if item.servers.len() < servers.len() {
            written.insert("servers".to_owned(), server_list(&item.servers));
        }
        for (method, learned) in &item.operations {
            written.insert(method.to_ascii_lowercase(), operation(learned, &mut schemes));
        }
        paths.insert(path, Value::Object(written));
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Learned from traffic",
            "version": "1",
            "description": "What was called and answered with success. What was not called is not here.",
        },
        "paths": paths,
    });
    if !servers.is_empty() {
        document["servers"] = server_list(&servers);
    }
    if !schemes.is_empty() {
        document["components"] = json!({"securitySchemes": schemes});
    }
    document
}

fn server_list(servers: &BTreeSet<String>) -> Value {
    servers.iter().map(|url| json!({"url": url})).collect()
}

fn shown(segments: &[Segment], mut place: impl FnMut(usize, &BTreeSet<&'static str>) -> String) -> String {
    let mut path = String::new();
    for (number, segment) in segments.iter().enumerate() {
        path.push('/');
        match segment {
            Segment::Word(word) => path.push_str(word),
            Segment::Place(kinds) => path.push_str(&place(number, kinds)),
            Segment::Rest => path.push_str("{rest+}"),
        }
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

/// The template with a name of its own in each place, and the parameters of those names.
fn path(segments: &[Segment]) -> (String, Vec<Value>) {
    let mut parameters = Vec::new();
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let mut parameter = |name: &str, schema: Value| {
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
    };
    let template = shown(segments, |_, kinds| {
        let kind = match kinds.iter().collect::<Vec<_>>()[..] {
            [one] => one.trim_matches(['{', '}']),
            _ => "id",
        };
        let count = taken.entry(kind).or_default();
        *count += 1;
        let name = if *count == 1 { kind.to_owned() } else { format!("{kind}{count}") };
        let schema = match kind {
            "uuid" => schema_of(&[ValueType::Uuid].into()),
            "email" => schema_of(&[ValueType::Email].into()),
            "date" => json!({"type": "string", "format": "date"}),
            _ => json!({"type": "string"}),
        };
        parameter(&name, schema);
        format!("{{{name}}}")
    });
    if segments.contains(&Segment::Rest) {
        parameter("rest+", json!({"type": "string"}));
    }
    (template, parameters)
}

fn operation(learned: &Learned, schemes: &mut BTreeMap<String, Value>) -> Value {
    let mut responses = Map::new();
    for status in &learned.statuses {
        let is_success = (200..=299).contains(status);
        let mut response = json!({"description": if is_success { "Success" } else { "Seen" }});
        if is_success && !matches!(status, 204 | 205) && !learned.gives.is_empty() {
            let media = learned.gives.iter().map(|media| {
                let schema = if media.contains("json") { learned.answer.schema() } else { json!({}) };
                (media.to_string(), json!({"schema": schema}))
            });
            response["content"] = Value::Object(media.collect());
        }
        responses.insert(status.to_string(), response);
    }
    let mut operation = json!({"responses": responses, "security": security(learned, schemes)});
    let mut parameters: Vec<Value> = Vec::new();
    for (name, types) in &learned.query {
        let schema = if types.is_empty() { json!({"type": "string"}) } else { schema_of(types) };
        parameters.push(json!({"name": name, "in": "query", "schema": schema}));
    }
    if learned.any_query {
        let any = json!({"type": "object", "additionalProperties": true});
        parameters
            .push(json!({"name": "others", "in": "query", "style": "form", "explode": true, "schema": any}));
    }
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(content) = body(learned) {
        operation["requestBody"] = json!({"content": content});
    }
    operation
}

fn body(learned: &Learned) -> Option<Value> {
    let mut content = Map::new();
    let schema = |shape: &Shape| if shape.is_empty() { json!({}) } else { shape.schema() };
    for media in &learned.takes {
        let schema = match &**media {
            media if media.contains("json") => schema(&learned.json),
            "application/x-www-form-urlencoded" | "multipart/form-data" => schema(&learned.form),
            _ => json!({}),
        };
        content.insert(media.to_string(), json!({"schema": schema}));
    }
    let shapes = [(&learned.json, "application/json"), (&learned.form, "application/x-www-form-urlencoded")];
    for (shape, media) in shapes {
        // A body whose kind nobody said.
        let is_there = content.keys().any(|known| known.contains("json") == media.contains("json"));
        if !shape.is_empty() && !is_there {
            content.insert(media.to_owned(), json!({"schema": shape.schema()}));
        }
    }
    (!content.is_empty()).then_some(Value::Object(content))
}

/// `security` of an operation; the schemes that it names are put beside those of others.
fn security(learned: &Learned, schemes: &mut BTreeMap<String, Value>) -> Value {
    let mut alternatives = Vec::new();
    let wanted = learned.wanted();
    let is_open = wanted.iter().all(|proofs| proofs.is_empty());
    for proofs in wanted.into_iter().filter(|_| !is_open) {
        let mut alternative = Map::new();
        for proof in proofs {
            let (name, scheme) = scheme(proof);
            alternative.insert(name.clone(), json!([]));
            schemes.insert(name, scheme);
        }
        alternatives.push(Value::Object(alternative));
    }
    Value::Array(alternatives)
}

fn scheme(proof: &Proof) -> (String, Value) {
    match proof {
        Proof::Basic => ("basic".to_owned(), json!({"type": "http", "scheme": "basic"})),
        Proof::Bearer => ("bearer".to_owned(), json!({"type": "http", "scheme": "bearer"})),
        Proof::Digest => ("digest".to_owned(), json!({"type": "http", "scheme": "digest"})),
        Proof::MutualTls => ("mutual_tls".to_owned(), json!({"type": "mutualTLS"})),
        Proof::Key(place, name) => {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
            let word: String = name.chars().map(|c| if is_word(c) { c } else { '_' }).collect();
            let place = place.name();
            (format!("{place}_{word}"), json!({"type": "apiKey", "in": place, "name": name}))
        }
    }
}
