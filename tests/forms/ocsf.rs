//! Classes and objects of the Open Cybersecurity Schema Framework, and whether an event keeps to them.
//! It is given the facts as text (`ocsf-1.8.0.txt`) and an event.
//! It promises to look at names, types, requirements, enumerations, constraints and profiles, at every depth.

use super::values::{Complaints, text_is};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Times before 2001 in milliseconds are no times of ours: they are seconds, or worse.
const MILLIS_MIN: u64 = 1_000_000_000_000;

/// The facts of the schema.
pub struct Ocsf {
    /// Classes by number.
    classes: BTreeMap<u64, Kind>,
    objects: BTreeMap<String, Kind>,
}

#[derive(Default)]
struct Kind {
    attributes: BTreeMap<String, Attribute>,
    at_least_one: Vec<String>,
}

struct Attribute {
    kind: String,
    array: bool,
    required: bool,
    deprecated: bool,
    profile: Option<String>,
    values: Option<Vec<String>>,
}

impl Ocsf {
    pub fn parse(text: &str) -> Self {
        let mut schema = Self { classes: BTreeMap::new(), objects: BTreeMap::new() };
        for part in text.split("\n\n").filter(|part| !part.starts_with('#')) {
            let mut lines = part.lines();
            let head: Vec<&str> = lines.next().expect("a part has a head").split_whitespace().collect();
            let one = head.iter().find_map(|word| word.strip_prefix("at_least_one:"));
            let kind = Kind {
                attributes: lines.map(Attribute::parse).collect(),
                at_least_one: one.map(list).unwrap_or_default(),
            };
            match head[0] {
                "class" => schema.classes.insert(head[2].parse().expect("a class has a number"), kind),
                _ => schema.objects.insert(head[1].to_owned(), kind),
            };
        }
        schema
    }

    /// What is wrong with `event`.
    pub fn complaints(&self, event: &Value) -> Complaints {
        let mut complaints = Complaints::default();
        let number = |name: &str| event[name].as_u64().unwrap_or_default();
        let profiles: Vec<&str> = event["metadata"]["profiles"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        match (self.classes.get(&number("class_uid")), event.as_object()) {
            (Some(class), Some(object)) => self.object("", class, object, &profiles, &mut complaints),
            _ => complaints.add("class_uid", "is none that is known"),
        }
        if number("type_uid") != number("class_uid") * 100 + number("activity_id") {
            complaints.add("type_uid", "is not made of class and activity");
        }
        complaints
    }

    fn object(
        &self,
        path: &str,
        kind: &Kind,
        object: &Map<String, Value>,
        profiles: &[&str],
        complaints: &mut Complaints,
    ) {
        for (name, value) in object {
            let path = format!("{path}{name}");
            match kind.attributes.get(name).filter(|attribute| attribute.counts(profiles)) {
                Some(attribute) => self.attribute(&path, attribute, value, profiles, complaints),
                None => complaints.add(&path, "is not known"),
            }
        }
        for (name, _) in
            kind.attributes.iter().filter(|(_, attribute)| attribute.required && attribute.counts(profiles))
        {
            if !object.contains_key(name) {
                complaints.add(&format!("{path}{name}"), "is missing");
            }
        }
        if !kind.at_least_one.is_empty() && !kind.at_least_one.iter().any(|name| object.contains_key(name)) {
            complaints.add(path, &format!("has none of {}", kind.at_least_one.join(", ")));
        }
    }

    fn attribute(
        &self,
        path: &str,
        attribute: &Attribute,
        value: &Value,
        profiles: &[&str],
        complaints: &mut Complaints,
    ) {
        if attribute.deprecated {
            complaints.add(path, "is deprecated");
        }
        match value.as_array() {
            Some(items) if attribute.array => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{path}[{index}]"), attribute, item, profiles, complaints);
                }
            }
            None if !attribute.array => self.value(path, attribute, value, profiles, complaints),
            _ => complaints.add(path, "is an array, or is none"),
        }
    }

    fn value(
        &self,
        path: &str,
        attribute: &Attribute,
        value: &Value,
        profiles: &[&str],
        complaints: &mut Complaints,
    ) {
        let is_whole = value.is_u64() || value.is_i64();
        let fits = match attribute.kind.as_str() {
            "integer_t" | "long_t" => is_whole,
            "timestamp_t" => value.as_u64().is_some_and(|millis| millis >= MILLIS_MIN),
            "port_t" => value.as_u64().is_some_and(|port| port <= 65_535),
            "float_t" => value.is_number(),
            "boolean_t" => value.is_boolean(),
            "json_t" => true,
            "object" => value.is_object(),
            kind => match (kind.strip_prefix("object:"), value) {
                (Some(name), Value::Object(inner)) => {
                    let known = self.objects.get(name);
                    let known = known.unwrap_or_else(|| panic!("{path}: no facts of the object {name}"));
                    self.object(&format!("{path}."), known, inner, profiles, complaints);
                    true
                }
                (None, Value::String(text)) => text_is(kind, text),
                _ => false,
            },
        };
        if !fits {
            complaints.add(path, &format!("is no {}: {value}", attribute.kind));
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // Methods are a list that may be added to; numbers are closed.
        let is_closed = attribute.kind != "string_t";
        if is_closed && attribute.values.as_ref().is_some_and(|values| !values.contains(&text)) {
            complaints.add(path, &format!("is outside its enumeration: {text}"));
        }
    }
}

impl Attribute {
    fn parse(line: &str) -> (String, Self) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
        let attribute = Self {
            kind: words[1].trim_end_matches("[]").to_owned(),
            array: words[1].ends_with("[]"),
            required: words[2] == "required",
            deprecated: words.contains(&"deprecated"),
            profile: after("profile:").map(str::to_owned),
            values: after("enum:").map(list),
        };
        (words[0].to_owned(), attribute)
    }

    /// An attribute of a profile is there only for events that name the profile.
    fn counts(&self, profiles: &[&str]) -> bool {
        self.profile.as_ref().is_none_or(|names| names.split(',').any(|name| profiles.contains(&name)))
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}
