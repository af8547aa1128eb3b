//! The text of a description as a tree: JSON, or YAML with its anchors and merge keys.
//! It is given text of any kind and gives a value, with notes on what was odd in it.
//! It promises bounded memory whatever aliases say, no recursion by depth, and a line for every fault.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Values in a document, each counted as often as aliases repeat it.
const VALUES_MAX: usize = 2_000_000;
/// Lists and objects within each other.
const DEPTH_MAX: usize = 100;
/// The name under which an object takes over what is in others.
const MERGE: &str = "<<";

/// What was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Value,
    /// What is odd and was read all the same.
    pub(super) notes: Vec<String>,
}

/// The document of this text; the error says where it ends to be one.
pub(super) fn read(text: &str) -> Result<Document, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        let root = serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))?;
        return Ok(Document { root, notes: Vec::new() });
    }
    Builder::default().read(text)
}

/// Lists and objects that are not closed yet.
enum Open {
    List(Vec<Value>),
    /// With the key whose value comes next.
    Object(Map<String, Value>, Option<String>),
}

#[derive(Default)]
struct Builder {
    open: Vec<(usize, usize, Open)>,
    /// What each anchor stands for, and how many values that is.
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
    notes: Vec<String>,
    root: Option<Value>,
}

impl Builder {
    fn read(mut self, text: &str) -> Result<Document, String> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| broken(&error))?;
            let line = line(span.start);
            match event {
                Event::DocumentEnd => break,
                Event::Alias(anchor) => self.alias(anchor, line)?,
                Event::Scalar(text, style, anchor, _) => {
                    self.count(1, line)?;
                    // A key is text, whatever it looks like.
                    let is_text = style != ScalarStyle::Plain || self.wants_key();
                    let value = if is_text { Value::String(text.into_owned()) } else { plain(&text) };
                    self.put(value, anchor, 1, line)?;
                }
                Event::SequenceStart(anchor, _) => self.begin(anchor, Open::List(Vec::new()), line)?,
                Event::MappingStart(anchor, _) => self.begin(anchor, Open::Object(Map::new(), None), line)?,
                Event::SequenceEnd | Event::MappingEnd => self.end(line)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            }
        }
        let root = self.root.ok_or("is empty")?;
        Ok(Document { root, notes: self.notes })
    }

    fn begin(&mut self, anchor: usize, open: Open, line: usize) -> Result<(), String> {
        self.count(1, line)?;
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("line {line}: more than {DEPTH_MAX} lists and objects within each other"));
        }
        self.open.push((anchor, self.values, open));
        Ok(())
    }

    fn end(&mut self, line: usize) -> Result<(), String> {
        let Some((anchor, before, open)) = self.open.pop() else { return Ok(()) };
        let value = match open {
            Open::List(list) => Value::Array(list),
            Open::Object(object, _) => Value::Object(object),
        };
        let size = self.values.saturating_sub(before).saturating_add(1);
        self.put(value, anchor, size, line)
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<(), String> {
        let Some((value, size)) = self.anchors.get(&anchor) else {
            return Err(format!("line {line}: an alias stands inside of what it stands for"));
        };
        let size = *size;
        self.values = self.values.saturating_add(size);
        if self.values > VALUES_MAX {
            return self.count(0, line);
        }
        let value = value.clone();
        self.put(value, 0, size, line)
    }

    /// Whether what comes next is the key of an object.
    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some((_, _, Open::Object(_, None))))
    }

    fn count(&mut self, values: usize, line: usize) -> Result<(), String> {
        self.values = self.values.saturating_add(values);
        if self.values > VALUES_MAX {
            return Err(format!(
                "line {line}: more than {VALUES_MAX} values, aliases counted as often as they are used"
            ));
        }
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, value: Value, anchor: usize, size: usize, line: usize) -> Result<(), String> {
        if anchor != 0 {
            self.count(size, line)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        match self.open.last_mut().map(|(_, _, open)| open) {
            None => self.root = Some(value),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Object(object, next)) => match next.take() {
                Some(name) if name == MERGE => merge(object, value),
                Some(name) => {
                    if object.contains_key(&name) {
                        self.notes
                            .push(format!("line {line}: `{name}` is there twice; the later one counts"));
                    }
                    object.insert(name, value);
                }
                None if value.is_array() || value.is_object() => {
                    return Err(format!("line {line}: a list or an object cannot be a key"));
                }
                None => *next = Some(text_of(&value)),
            },
        }
        Ok(())
    }
}

/// Takes over what is not there yet; with its own keys behind the merge, those win all the same.
fn merge(object: &mut Map<String, Value>, from: Value) {
    match from {
        Value::Object(from) => {
            for (key, value) in from {
                object.entry(key).or_insert(value);
            }
        }
        Value::Array(list) => list.into_iter().for_each(|one| merge(object, one)),
        _ => {}
    }
}

/// A plain scalar by YAML's core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            // Versions and codes such as 3.0.3 and 1e are texts; serde_json knows what a number is.
            let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
            let number = number.then(|| serde_json::from_str::<Number>(text).ok()).flatten();
            number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
        }
    }
}

/// A scalar as text.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    }
}

fn broken(error: &ScanError) -> String {
    format!("line {}: is no YAML: {}", line(*error.marker()), error.info())
}

fn line(marker: Marker) -> usize {
    marker.line()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn root(text: &str) -> Value {
        read(text).unwrap().root
    }

    fn fault(text: &str) -> String {
        read(text).unwrap_err()
    }

    #[test]
    fn yaml_and_json_say_the_same() {
        let yaml = "openapi: 3.1.0\npaths:\n  /a:\n    get: {deprecated: true, x: [1, 2.5, ~, 'true', \"no\"]}\nresponses:\n  200: yes\n";
        let expected = json!({
            "openapi": "3.1.0",
            "paths": {"/a": {"get": {"deprecated": true, "x": [1, 2.5, null, "true", "no"]}}},
            "responses": {"200": "yes"},
        });
        assert_eq!(root(yaml), expected);
        assert_eq!(root(&expected.to_string()), expected);
        assert_eq!(root(&format!("\u{feff}  {expected}")), expected);
    }

    #[test]
    fn anchors_and_merges_are_filled_in() {
        let yaml = "base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\nlist: [*b]\n&k key: *k\n";
        let expected = json!({
            "base": {"x": 1, "y": 2}, "one": {"x": 1, "y": 3}, "list": [{"x": 1, "y": 2}], "key": "key",
        });
        assert_eq!(root(yaml), expected);
    }

    #[test]
    fn aliases_cannot_grow_beyond_the_limit() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [below.as_str(); 10].join(", ")));
        }
        let fault = fault(&bomb);
        assert!(fault.contains("more than 2000000 values"), "{fault}");
    }

    #[test]
    fn an_alias_within_itself_is_a_fault() {
        assert!(fault("a: &a [1, *a]\n").starts_with("line 1: "), "{}", fault("a: &a [1, *a]\n"));
    }

    #[test]
    fn depth_has_a_limit_in_both() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&deep(DEPTH_MAX)).is_ok());
        assert!(fault(&deep(DEPTH_MAX + 1)).contains("within each other"));
        let json = format!("{{\"a\":{}}}", deep(100_000));
        assert!(fault(&json).contains("recursion limit"), "{}", fault(&json));
    }

    #[test]
    fn faults_have_a_line() {
        assert!(fault("a: b\n  c: d\n").starts_with("line 2: is no YAML"), "{}", fault("a: b\n  c: d\n"));
        assert!(fault("{\"a\":\n1,}").contains("line 2"), "{}", fault("{\"a\":\n1,}"));
        assert_eq!(fault(""), "is empty");
        assert_eq!(fault("? [a, b]\n: 1\n"), "line 1: a list or an object cannot be a key");
        let twice = read("a: 1\na: 2\n").unwrap();
        assert_eq!((twice.root, twice.notes.len()), (json!({"a": 2}), 1));
    }
}
