//! Descriptions of APIs (OpenAPI 3.0 and 3.1), and how traffic stands to them.
//! It is given files of the operator, and transactions in order, and says of each what is declared and what differs.
//! It promises to read nothing but these files, to go on with what is right in them, and not to slow down with their
//! size.

mod book;
mod document;
mod draft;
mod learn;
mod names;
mod pointer;
mod security;
mod shape;
mod spec;
mod survey;
mod tree;
mod yaml;

pub use book::{Book, Reading};
pub use learn::Learner;
pub use survey::{Row, State, Survey};

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[openapi]`: descriptions to compare traffic with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The descriptions.
    pub specs: Vec<File>,
}

/// One `[[openapi.specs]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The file, JSON or YAML.
    pub file: PathBuf,
    /// The hosts that it speaks of, with or without a port; `*` stands for all that no other description names. Left
    /// out: those of its servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}
