//! The boards against what Grafana publishes of their form, kept as a list of fields in `grafana-13.2.txt`.
//! Grafana's own files are types of TypeScript, which a test of ours cannot load; the list was made from them.
//! It promises to go red for a field that Grafana does not know, for a value it does not take and for one that it lacks.

use super::source;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const LIST: &str = include_str!("grafana-13.2.txt");

/// What is published of a field.
struct Field {
    is_required: bool,
    /// Types, and `=` with each allowed value.
    kinds: Vec<&'static str>,
    /// Anything may follow.
    is_open: bool,
}

struct Schema(BTreeMap<&'static str, Field>);

impl Schema {
    fn read() -> Self {
        let lines = LIST.lines().filter(|line| !line.starts_with('#'));
        let fields = lines.map(|line| {
            let (path, rest) = line.split_once(' ').unwrap();
            let words: Vec<&str> = rest.split(' ').collect();
            let is = |mark: &str| words.contains(&mark);
            let (is_required, is_open) = (is("!"), is("…") || is("any"));
            (path, Field { is_required, is_open, kinds: words })
        });
        Self(fields.collect())
    }

    /// What is wrong with a value that stands at a path.
    fn complaints(&self, path: &str, value: &Value, complaints: &mut Vec<String>) {
        let Some(field) = self.0.get(path) else {
            complaints.push(format!("{path} is not known"));
            return;
        };
        let allowed = format!("={value}");
        let takes =
            field.kinds.iter().any(|kind| *kind == kind_of(value) || *kind == allowed || *kind == "any");
        if !takes {
            complaints.push(format!("{path} does not take {value}"));
        }
        match value {
            _ if field.is_open => {}
            Value::Array(items) => {
                for item in items {
                    self.complaints(&format!("{path}[]"), item, complaints);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let named = format!("{path}.{name}");
                    let any = format!("{path}.*");
                    let path = if self.0.contains_key(named.as_str()) || !self.0.contains_key(any.as_str()) {
                        named
                    } else {
                        any
                    };
                    self.complaints(&path, value, complaints);
                }
                for name in self.required(path).filter(|name| !fields.contains_key(*name)) {
                    complaints.push(format!("{path} lacks {name}"));
                }
            }
            _ => {}
        }
    }

    fn required<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        self.0.iter().filter(|(_, field)| field.is_required).filter_map(move |(full, _)| {
            full.strip_prefix(path)?.strip_prefix('.').filter(|name| !name.contains(['.', '[']))
        })
    }

    fn all(&self, board: &Value) -> Vec<String> {
        let mut complaints = Vec::new();
        self.complaints("board", board, &mut complaints);
        for panel in board["panels"].as_array().unwrap() {
            let kind = panel["type"].as_str().unwrap();
            self.complaints(&format!("{kind}.options"), &panel["options"], &mut complaints);
            if self.0.contains_key(format!("{kind}.custom").as_str()) {
                let custom = &panel["fieldConfig"]["defaults"]["custom"];
                self.complaints(&format!("{kind}.custom"), custom, &mut complaints);
            }
        }
        complaints
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn board(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(format!("{}/{name}", source::FOLDER)).unwrap()).unwrap()
}

#[test]
fn boards_have_the_published_form() {
    let schema = Schema::read();
    for name in source::names(source::FOLDER).iter().filter(|name| name.ends_with(".json")) {
        assert_eq!(schema.all(&board(name)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_is_not_of_that_form_is_seen() {
    let schema = Schema::read();
    for (pointer, name, value, complaint) in [
        ("", "tilte", json!("x"), "board.tilte is not known"),
        ("/panels/0/gridPos", "x", json!("0"), "board.panels[].gridPos.x does not take \"0\""),
        ("/panels/0/options", "colorMode", json!("loud"), "stat.options.colorMode does not take \"loud\""),
        ("/panels/0/links/0", "title", Value::Null, "board.panels[].links[] lacks title"),
    ] {
        let mut board = board("overview.json");
        let object = board.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.to_owned(), value);
        }
        assert_eq!(schema.all(&board), [complaint]);
    }
}
