//! What records look like on Kafka.

use serde::{Deserialize, Serialize};

/// What records look like.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As the contract says.
    #[default]
    Native,
}
