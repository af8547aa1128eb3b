//! An alert that is too large for a broker, made smaller.
//! It is given an alert in its native form and leaves out the evidence, and facts that are long.
//! It promises the order and the parts that the schema wants, and `"shortened":true` at the end.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;

/// A fact whose JSON is longer is left out: numbers and names are shorter, lists and texts may not be.
const FACT_BYTES_MAX: usize = 100;

/// A text is cut behind this many characters.
const TEXT_CHARS_MAX: usize = 200;

/// The parts of an alert in their order.
struct Parts(Vec<(String, Value)>);

/// The shorter form, or `None` where it is no alert.
pub(super) fn shortened(body: &[u8]) -> Option<Vec<u8>> {
    let Parts(mut parts) = serde_json::from_slice(body).ok()?;
    for (name, value) in &mut parts {
        match value {
            Value::Array(list) if name == "evidence" => list.clear(),
            Value::Object(facts) if name == "facts" => {
                facts.retain(|_, fact| fact.to_string().len() <= FACT_BYTES_MAX);
            }
            Value::String(text) if name == "message" => cut(text),
            _ => {}
        }
    }
    parts.push(("shortened".to_owned(), Value::Bool(true)));
    serde_json::to_vec(&Parts(parts)).ok()
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
}

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Parts;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = map.next_entry()? {
                    parts.push(part);
                }
                Ok(Parts(parts))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Parts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
