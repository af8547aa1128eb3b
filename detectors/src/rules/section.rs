//! One rule's configuration section: what every rule has, then the rule's own thresholds.
//! Written flat, `enabled` and `severity` stand beside the thresholds.
//! It promises that a key which is neither is refused by the thresholds' own list.

use crate::alert::Severity;
use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IntoDeserializer, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// `[detectors.<name>]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section<T> {
    /// Whether the rule runs (default: yes).
    pub enabled: bool,
    /// The operator's own severity for everything this rule says (default: the rule decides).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The rule's own keys.
    #[serde(flatten)]
    pub thresholds: T,
}

impl<T: Default> Default for Section<T> {
    fn default() -> Self {
        Self { enabled: true, severity: None, thresholds: T::default() }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SectionVisitor(PhantomData))
    }
}

struct SectionVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for SectionVisitor<T> {
    type Value = Section<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with a detector's settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Section<T>, A::Error> {
        let (mut enabled, mut severity) = (true, None);
        let own = OwnKeys { map, enabled: &mut enabled, severity: &mut severity };
        let thresholds = T::deserialize(serde::de::value::MapAccessDeserializer::new(own))?;
        Ok(Section { enabled, severity, thresholds })
    }
}

/// Passes a rule's own keys on and takes the common ones out on the way, so that errors keep their places.
struct OwnKeys<'a, A> {
    map: A,
    enabled: &'a mut bool,
    severity: &'a mut Option<Severity>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for OwnKeys<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            match key.as_str() {
                "enabled" => *self.enabled = self.map.next_value()?,
                "severity" => *self.severity = Some(self.map.next_value()?),
                _ => {
                    let key: StringDeserializer<A::Error> = key.into_deserializer();
                    return seed.deserialize(key).map(Some);
                }
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| {
            Error::invalid_value(Unexpected::Str(&name), &"one of info, low, medium, high, critical")
        })
    }
}
