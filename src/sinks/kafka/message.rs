//! One record as a message of Kafka: topic, key, headers, payload.
//! It is given a record of a batch and the sensor's labels.
//! It promises keys and headers of a closed list and fixed sizes: nothing that crossed the wire shapes them.

use super::super::record::Labels;
use super::super::spool::{Kind, Record};
use rdkafka::message::{Header, OwnedHeaders};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// A message that can be sent. Its time is that of sending; the record holds its own times.
pub(super) struct Message<'a> {
    pub(super) topic: &'a str,
    pub(super) key: &'a str,
    pub(super) headers: OwnedHeaders,
    pub(super) payload: &'a [u8],
}

/// The key of a record as text.
pub(super) struct Key {
    text: [u8; Hyphenated::LENGTH],
    bytes: usize,
}

impl Key {
    /// An episode's alerts have its id, as it stands in them; the other records the hex digits of their key.
    pub(super) fn of(record: &Record<'_>) -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        let bytes = match record.kind {
            Kind::Alert => Uuid::from_u128(record.id).hyphenated().encode_lower(&mut text).len(),
            Kind::Transaction | Kind::Connection | Kind::Inventory | Kind::Health | Kind::Sightings => {
                Uuid::from_u128(record.key).simple().encode_lower(&mut text).len()
            }
        };
        Self { text, bytes }
    }

    pub(super) fn as_str(&self) -> &str {
        self.text.get(..self.bytes).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

/// The headers of a record in a form that names itself `schema`.
pub(super) fn headers(schema: &str, labels: &Labels, id: u128) -> OwnedHeaders {
    let mut text = [0; Hyphenated::LENGTH];
    let id: &str = Uuid::from_u128(id).hyphenated().encode_lower(&mut text);
    OwnedHeaders::new_with_capacity(4)
        .insert(Header { key: "schema", value: Some(schema) })
        .insert(Header { key: "tenant", value: Some(labels.tenant.as_str()) })
        .insert(Header { key: "sensor", value: Some(labels.sensor.as_str()) })
        .insert(Header { key: "id", value: Some(id) })
}
