//! The shape of messages, joined from the names and types of many: objects, lists, and what is in them.
//! It is given names as requests and answers have them (`items[].id`) and gives a schema.
//! It promises bounded memory: of a shape with too many names any name is allowed.

use heelguard_detectors::contents::ValueType;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The types a value had.
pub(super) type Types = BTreeSet<ValueType>;

/// Names of one shape.
const NAMES_MAX: usize = 500;
/// Bytes of a name with the way to it.
const NAME_BYTES_MAX: usize = 256;

/// What stood at one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    root: Node,
    names: usize,
    any: bool,
}

#[derive(Clone, Debug, Default)]
struct Node {
    types: Types,
    members: BTreeMap<Box<str>, Node>,
    items: Option<Box<Node>>,
}

impl Shape {
    /// Whether anything was noted.
    pub(super) fn is_empty(&self) -> bool {
        self.names == 0 && !self.any
    }

    /// Notes a value by the way to it.
    pub(super) fn note(&mut self, name: &str, kind: ValueType) {
        if self.names >= NAMES_MAX || name.len() > NAME_BYTES_MAX {
            self.any |= !self.root.has(name);
            return;
        }
        let mut node = &mut self.root;
        for member in name.split('.') {
            let bare = member.trim_end_matches("[]");
            if !bare.is_empty() {
                node = node.members.entry(bare.into()).or_default();
            }
            for _ in 0..(member.len() - bare.len()) / 2 {
                node = node.items.get_or_insert_default();
            }
        }
        self.names += usize::from(node.types.is_empty());
        node.types.insert(kind);
    }

    /// Takes over another shape.
    pub(super) fn join(&mut self, other: &Self) {
        self.names = self.names.saturating_add(other.names);
        self.any |= other.any;
        self.root.join(&other.root);
    }

    /// The schema of it.
    pub(super) fn schema(&self) -> Value {
        let mut schema = self.root.schema();
        if self.any {
            schema = json!({"anyOf": [schema, {}]});
        }
        schema
    }
}

impl Node {
    fn has(&self, name: &str) -> bool {
        let mut node = self;
        for member in name.split('.') {
            let bare = member.trim_end_matches("[]");
            if !bare.is_empty() {
                let Some(next) = node.members.get(bare) else { return false };
                node = next;
            }
            for _ in 0..(member.len() - bare.len()) / 2 {
                let Some(next) = &node.items else { return false };
                node = next;
            }
        }
        true
    }

    fn join(&mut self, other: &Self) {
        self.types.extend(&other.types);
        for (name, node) in &other.members {
            self.members.entry(name.clone()).or_default().join(node);
        }
        if let Some(items) = &other.items {
            self.items.get_or_insert_default().join(items);
        }
    }

    fn schema(&self) -> Value {
        let mut types = self.types.clone();
        if !self.members.is_empty() {
            types.insert(ValueType::Object);
        }
        if self.items.is_some() {
            types.insert(ValueType::Array);
        }
        let mut schema = schema_of(&types);
        if !self.members.is_empty() {
            let members = self.members.iter().map(|(name, node)| (name.to_string(), node.schema()));
            schema["properties"] = Value::Object(members.collect::<Map<_, _>>());
        }
        if let Some(items) = &self.items {
            schema["items"] = items.schema();
        }
        schema
    }
}

/// The schema of a value that had these types.
pub(super) fn schema_of(types: &Types) -> Value {
    let mut names = BTreeSet::new();
    let mut formats = BTreeSet::new();
    for kind in types {
        let (name, format) = match kind {
            ValueType::Null => ("null", None),
            ValueType::Boolean => ("boolean", None),
            ValueType::Integer => ("integer", None),
            ValueType::Number => ("number", None),
            ValueType::Uuid => ("string", Some("uuid")),
            ValueType::Email => ("string", Some("email")),
            // With a time or without: two formats.
            ValueType::Date | ValueType::String => ("string", None),
            ValueType::Array => ("array", None),
            ValueType::Object => ("object", None),
        };
        names.insert(name);
        if name == "string" {
            formats.insert(format);
        }
    }
    if names.contains("number") {
        names.remove("integer");
    }
    let names: Vec<&str> = names.into_iter().collect();
    let mut schema = match names.as_slice() {
        [] => json!({}),
        [name] => json!({"type": name}),
        names => json!({"type": names}),
    };
    if let [Some(format)] = formats.into_iter().collect::<Vec<_>>()[..] {
        schema["format"] = json!(format);
    }
    schema
}
