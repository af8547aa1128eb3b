//! A closed list of paths with their types, and whether a record keeps to it: for ECS and EVE.
//! It is given facts as text, one path a line, and a record.
//! It promises a complaint for each unknown name, wrong type, missing part and value outside an enumeration.

use super::values::{Complaints, text_is};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The facts of one schema.
pub struct Facts {
    paths: BTreeMap<String, Fact>,
    /// What goes with what, by name.
    expected: BTreeMap<String, Vec<String>>,
}

struct Fact {
    kind: String,
    array: bool,
    required: bool,
    values: Option<Vec<String>>,
}

impl Facts {
    pub fn parse(text: &str) -> Self {
        let mut facts = Self { paths: BTreeMap::new(), expected: BTreeMap::new() };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let list = |text: &str| text.split(',').map(str::to_owned).collect();
            if words[0] == "expected" {
                facts.expected.insert(words[1].to_owned(), list(words[2]));
                continue;
            }
            let fact = Fact {
                kind: words[1].to_owned(),
                array: words.contains(&"array"),
                required: words.contains(&"required"),
                values: words.iter().find_map(|word| word.strip_prefix("enum:")).map(list),
            };
            assert!(facts.paths.insert(words[0].to_owned(), fact).is_none(), "{} stands twice", words[0]);
        }
        facts
    }

    /// What goes with `name`.
    pub fn expected(&self, name: &str) -> &[String] {
        self.expected.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// What is wrong with `record`.
    pub fn complaints(&self, record: &Value) -> Complaints {
        let mut complaints = Complaints::default();
        match record.as_object() {
            Some(object) => self.object("", object, &mut complaints),
            None => complaints.add("", "is no object"),
        }
        complaints
    }

    fn object(&self, path: &str, object: &Map<String, Value>, complaints: &mut Complaints) {
        if object.is_empty() {
            complaints.add(path, "is empty");
        }
        for (name, value) in object {
            let path = join(path, name);
            if let Some(fact) = self.paths.get(&path) {
                fact.member(&path, value, complaints);
            } else if let Some(inner) = value.as_object().filter(|_| self.is_object(&path)) {
                self.object(&path, inner, complaints);
            } else {
                complaints.add(&path, "is not known");
            }
        }
        for (known, _) in self.paths.iter().filter(|(_, fact)| fact.required) {
            let (parent, name) = known.rsplit_once('.').unwrap_or(("", known));
            if parent == path && !object.contains_key(name) {
                complaints.add(known, "is missing");
            }
        }
    }

    fn is_object(&self, path: &str) -> bool {
        let inside = format!("{path}.");
        self.paths.keys().any(|known| known.starts_with(&inside))
    }
}

impl Fact {
    fn member(&self, path: &str, value: &Value, complaints: &mut Complaints) {
        match value.as_array() {
            Some(items) if self.array => {
                if items.is_empty() {
                    complaints.add(path, "is empty");
                }
                for item in items {
                    self.value(path, item, complaints);
                }
            }
            None if !self.array => self.value(path, value, complaints),
            _ => complaints.add(path, "is an array, or is none"),
        }
    }

    fn value(&self, path: &str, value: &Value, complaints: &mut Complaints) {
        let fits = match self.kind.as_str() {
            "open" => value.is_object(),
            "long" | "integer" => value.is_u64() || value.is_i64(),
            "boolean" => value.is_boolean(),
            "geo_point" => value["lat"].is_number() && value["lon"].is_number(),
            kind => value.as_str().is_some_and(|text| text_is(kind, text)),
        };
        if !fits {
            complaints.add(path, &format!("is no {}: {value}", self.kind));
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if self.values.as_ref().is_some_and(|values| !values.contains(&text)) {
            complaints.add(path, &format!("is outside its enumeration: {text}"));
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
