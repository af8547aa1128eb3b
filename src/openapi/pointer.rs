//! References within a document: `#/components/schemas/User`.
//! It is given the document's root and a reference, and gives what it points at.
//! It promises never to look outside of the document, and an end for references that go in a circle.

use crate::identity::urlencoded::decode_path;
use serde_json::Value;

/// References that lead to references.
const HOPS_MAX: usize = 32;

/// A document that is referred to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root<'a>(pub(super) &'a Value);

impl<'a> Root<'a> {
    /// What a reference points at.
    pub(super) fn target(self, reference: &str) -> Result<&'a Value, String> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(format!(
                "`{reference}` is outside of this file and is not fetched; bundle the description into one file"
            ));
        };
        let decoded = decode_path(fragment.as_bytes());
        let pointer = std::str::from_utf8(&decoded).unwrap_or_default();
        self.0.pointer(pointer).ok_or_else(|| format!("`{reference}` points at nothing"))
    }

    /// The value itself, or what it refers to.
    pub(super) fn resolve(self, value: &'a Value) -> Result<&'a Value, String> {
        let mut value = value;
        for _ in 0..HOPS_MAX {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
            value = self.target(reference)?;
        }
        Err("its reference leads back to itself".to_owned())
    }
}

/// The pointer of a member: RFC 6901.
pub(super) fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_lead_inside_only() {
        let document = json!({
            "a": {"$ref": "#/b/x~1y"}, "b": {"x/y": {"z": 1}}, "c": {"$ref": "#/c"},
            "d": {"$ref": "other.yaml#/x"}, "e": {"$ref": "#/none"}, "f": {"$ref": "https://198.51.100.1/x"},
        });
        let root = Root(&document);
        let resolve = |name: &str| root.resolve(&document[name]);
        assert_eq!(resolve("a"), Ok(&json!({"z": 1})));
        assert_eq!(resolve("c").unwrap_err(), "its reference leads back to itself");
        assert!(resolve("d").unwrap_err().contains("is not fetched; bundle"));
        assert_eq!(resolve("e").unwrap_err(), "`#/none` points at nothing");
        assert!(resolve("f").unwrap_err().contains("outside of this file"));
        assert_eq!(below("#/paths", "/a~b"), "#/paths/~1a~0b");
    }
}
