//! Names that a description allows at one place: in a query, or in a body with all that is nested in it.
//! It is given parameters and schemas, and asked for names as requests have them: `items[].id`, `filter[name]`.
//! It promises bounded work for schemas that refer to themselves or grow without end: what is beyond is allowed.

use super::pointer::Root;
use serde_json::Value;
use std::collections::BTreeSet;

/// Names of one body.
const NAMES_MAX: usize = 2_000;
/// Schemas looked at for one body.
const SCHEMAS_MAX: usize = 20_000;
/// Objects within each other.
const DEPTH_MAX: usize = 12;

/// The names that are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    known: BTreeSet<Box<str>>,
    /// Beginnings behind which any name may stand; the empty one allows all.
    open: BTreeSet<Box<str>>,
}

impl Names {
    /// Whether a request may have this name.
    pub(super) fn allow(&self, name: &str) -> bool {
        let bare = name.trim_end_matches("[]");
        let outer = bare.find('[').filter(|at| *at > 0).and_then(|at| bare.get(..at)).unwrap_or(bare);
        // Objects in queries and forms are written `filter[name]`.
        let is_nested = outer.len() < bare.len() && !bare.contains("[]");
        self.known.contains(bare)
            || self.known.contains(name)
            || is_nested && self.known.contains(outer)
            || bare.is_empty()
            || self.open.iter().any(|beginning| name.starts_with(&**beginning))
    }

    pub(super) fn add(&mut self, name: &str) {
        self.known.insert(name.trim_end_matches("[]").into());
    }

    /// Allows every name.
    pub(super) fn open(&mut self) {
        self.open.insert("".into());
    }

    /// Allows what the other one does, too.
    pub(super) fn join(&mut self, other: Self) {
        self.known.extend(other.known);
        self.open.extend(other.open);
    }

    /// The names that a schema has, from the outermost in.
    pub(super) fn of_schema<'r>(schema: &'r Value, root: Root<'r>) -> Self {
        let mut reading = Reading { root, names: Self::default(), left: SCHEMAS_MAX, within: Vec::new() };
        reading.schema(schema, "", 0);
        reading.names
    }
}

struct Reading<'r> {
    root: Root<'r>,
    names: Names,
    left: usize,
    /// References that are being followed.
    within: Vec<&'r str>,
}

impl<'r> Reading<'r> {
    fn schema(&mut self, schema: &'r Value, at: &str, depth: usize) {
        let spent = self.left == 0 || depth > DEPTH_MAX || self.names.known.len() >= NAMES_MAX;
        self.left = self.left.saturating_sub(1);
        let Some(object) = schema.as_object().filter(|_| !spent) else { return self.any(at) };
        let followed = self.within.len();
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            match self.root.target(reference) {
                Ok(target) if !self.within.contains(&reference) => {
                    self.within.push(reference);
                    self.schema(target, at, depth);
                    self.within.truncate(followed);
                }
                _ => self.any(at),
            }
        }
        let mut says_something = object.contains_key("$ref");
        for several in ["allOf", "oneOf", "anyOf"] {
            for one in object.get(several).and_then(Value::as_array).into_iter().flatten() {
                says_something = true;
                self.schema(one, at, depth);
            }
        }
        for (name, property) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            says_something = true;
            if self.names.known.len() >= NAMES_MAX {
                self.any(at);
                break;
            }
            let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            self.names.add(&at);
            self.schema(property, &at, depth + 1);
        }
        let lists = ["items", "contains"].into_iter().filter_map(|key| object.get(key));
        let tuple = object.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
        for item in lists.chain(tuple) {
            says_something = true;
            self.schema(item, &format!("{at}[]"), depth + 1);
        }
        let others = ["additionalProperties", "unevaluatedProperties", "patternProperties"];
        let may_have_more =
            others.into_iter().any(|key| object.get(key).is_some_and(|it| *it != Value::Bool(false)));
        if may_have_more || !says_something && !is_scalar(object.get("type")) && !object.contains_key("enum")
        {
            self.any(at);
        }
    }

    fn any(&mut self, at: &str) {
        let beginning = if at.is_empty() || at.ends_with("[]") { at.to_owned() } else { format!("{at}.") };
        self.names.open.insert(beginning.into());
        if !at.is_empty() {
            self.names.open.insert(format!("{at}[]").into());
        }
    }
}

/// Whether a schema's type has nothing in it.
fn is_scalar(kind: Option<&Value>) -> bool {
    let is_plain =
        |name: &Value| matches!(name.as_str(), Some("string" | "number" | "integer" | "boolean" | "null"));
    match kind {
        Some(Value::Array(kinds)) => kinds.iter().all(is_plain),
        Some(kind) => is_plain(kind),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(document: &Value) -> Names {
        Names::of_schema(&document["schema"], Root(document))
    }

    #[test]
    fn properties_are_known_by_their_way() {
        let names = names(&json!({
            "schema": {"type": "object", "properties": {
                "name": {"type": "string"},
                "owner": {"$ref": "#/person"},
                "items": {"type": "array", "items": {"properties": {"id": {"type": "integer"}}}},
            }},
            "person": {"allOf": [{"properties": {"mail": {"type": "string"}}}, {"properties": {"age": {"type": "integer"}}}]},
        }));
        for known in
            ["name", "owner", "owner.mail", "owner.age", "items", "items[]", "items[].id", "owner[mail]"]
        {
            assert!(names.allow(known), "{known}");
        }
        for unknown in ["nam", "names", "owner.admin", "items[].price", "admin", "id"] {
            assert!(!names.allow(unknown), "{unknown}");
        }
    }

    #[test]
    fn what_may_have_any_name_has_none_that_is_unknown() {
        let names = names(&json!({"schema": {"properties": {
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {}, "closed": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false},
        }}}));
        assert!(
            names.allow("labels.team")
                && names.allow("free.a.b")
                && names.allow("free[].x")
                && names.allow("closed.a")
        );
        assert!(!names.allow("closed.b") && !names.allow("labelled"));
    }

    #[test]
    fn a_schema_within_itself_ends() {
        let names = names(&json!({
            "schema": {"$ref": "#/node"},
            "node": {"properties": {"value": {"type": "string"}, "next": {"$ref": "#/node"}}},
        }));
        assert!(names.allow("value") && names.allow("next") && names.allow("next.next.other"));
        assert!(!names.allow("other"));
    }

    #[test]
    fn a_list_at_the_top_and_schemas_that_branch_have_limits() {
        let list =
            names(&json!({"schema": {"type": "array", "items": {"properties": {"id": {"type": "string"}}}}}));
        assert!(list.allow("[].id") && !list.allow("[].x"));
        let mut wide = json!({"type": "string"});
        for level in 0..11 {
            wide = json!({"properties": {format!("a{level}"): wide.clone(), format!("b{level}"): wide}});
        }
        assert!(Names::of_schema(&wide, Root(&wide)).known.len() == NAMES_MAX);
    }
}
