//! An alert that is too large for a broker, made smaller.
//! It is given an alert in its native form and leaves out the evidence, and facts that are long.
//! It promises every part that the schema wants, in its order, and `"shortened":true` at the end.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::fmt;

/// A fact whose JSON is longer is left out: numbers and names are shorter, lists and texts may not be.
const FACT_BYTES_MAX: usize = 100;

/// A message is cut behind this many characters.
const MESSAGE_CHARS_MAX: usize = 200;

/// The parts of an object in their order, as they are written.
struct Parts(Vec<(String, Box<RawValue>)>);

/// The shorter form, or `None` where it is no object.
pub(super) fn shortened(body: &[u8]) -> Option<Vec<u8>> {
    let Parts(mut parts) = serde_json::from_slice(body).ok()?;
    for (name, value) in &mut parts {
        *value = match name.as_str() {
            "evidence" => to_raw_value::<[u8; 0]>(&[]),
            "facts" => serde_json::from_str(value.get()).and_then(|facts| to_raw_value(&short_facts(facts))),
            "message" => serde_json::from_str(value.get()).and_then(|text| to_raw_value(&cut(text))),
            _ => continue,
        }
        .ok()?;
    }
    parts.push(("shortened".to_owned(), to_raw_value(&true).ok()?));
    serde_json::to_vec(&Parts(parts)).ok()
}

fn short_facts(Parts(mut facts): Parts) -> Parts {
    facts.retain(|(_, fact)| fact.get().len() <= FACT_BYTES_MAX);
    Parts(facts)
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::record::{AlertRecord, samples};
    use heelguard_detectors::alert::Fact;
    use serde_json::Value;

    #[test]
    fn a_shortened_alert_has_every_part_in_its_order() {
        let mut alert = samples::alert();
        alert.message = "€".repeat(1000);
        alert.facts.push(("long", Fact::Text("x".repeat(1000).into())));
        let labels = samples::labels();
        let whole = serde_json::to_vec(&AlertRecord::new(&alert, &labels)).unwrap();
        let short = shortened(&whole).unwrap();
        assert!(short.len() < 2000, "{}", short.len());
        let names = |body: &[u8]| -> Vec<String> {
            let Parts(parts) = serde_json::from_slice(body).unwrap();
            parts.into_iter().map(|(name, _)| name).collect()
        };
        let mut expected = names(&whole);
        expected.push("shortened".to_owned());
        assert_eq!(names(&short), expected);
        let value: Value = serde_json::from_slice(&short).unwrap();
        assert_eq!(value["evidence"], serde_json::json!([]));
        assert_eq!(value["message"], format!("{}…", "€".repeat(200)));
        assert_eq!(value["facts"].as_object().unwrap().len(), alert.facts.len() - 1);
        assert_eq!(value["id"], "6f3f1a52-6f0c-5a43-9a52-6c1f6c1e9b10");
    }

    #[test]
    fn what_is_no_object_has_no_shorter_form() {
        for body in ["", "[]", "{", r#"{"facts":1}"#] {
            assert_eq!(shortened(body.as_bytes()), None, "{body}");
        }
    }
}
