//! A preset file as it is written: one product's names, words and routes, and conversations that show them.
//! It is given TOML text and gives raw values; `docs/presets.md` says what each key means.
//! It promises that an unknown key is an error that names the file, the line and what is allowed.

use crate::identity::config::RouteLabel;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Names by what they are: `session = ["x-session-token"]`.
pub(crate) type Roles = BTreeMap<String, Vec<String>>;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preset {
    /// The file, as messages name it.
    #[serde(skip)]
    pub(crate) file: String,
    /// The product or shape.
    pub(crate) title: String,
    /// Where the shapes come from.
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) headers: Roles,
    #[serde(default)]
    pub(crate) answer_headers: Roles,
    #[serde(default)]
    pub(crate) cookies: Roles,
    #[serde(default)]
    pub(crate) fields: Roles,
    #[serde(default)]
    pub(crate) answers: Roles,
    #[serde(default)]
    pub(crate) words: Roles,
    #[serde(default)]
    pub(crate) phrases: Roles,
    #[serde(default)]
    pub(crate) factors: Roles,
    #[serde(default)]
    pub(crate) routes: Vec<RouteLabel>,
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "tests hold the sensor to them"))]
    pub(crate) examples: Vec<Example>,
}

/// A conversation, in order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "tests hold the sensor to them"))]
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

/// One request and its answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "tests hold the sensor to them"))]
pub(crate) struct Step {
    pub(crate) request: String,
    pub(crate) response: String,
    #[serde(default)]
    pub(crate) expect: Expected,
}

/// What must be told of a step; what is left out may be anything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "tests hold the sensor to them"))]
pub(crate) struct Expected {
    pub(crate) activity: Option<String>,
    /// A login's outcome, or `none`.
    pub(crate) login: Option<String>,
    /// `attempt/totp/fail_code`, or `none`.
    pub(crate) mfa: Option<String>,
    pub(crate) outcome: Option<String>,
    /// `user:alice`, or a kind alone.
    pub(crate) principal: Option<String>,
    pub(crate) proof: Option<String>,
    /// `session/session_cookie`, all of them in order.
    pub(crate) credentials: Option<Vec<String>>,
    pub(crate) labels: Option<Vec<String>>,
    /// Whether the answer hands something out.
    pub(crate) issued: Option<bool>,
    pub(crate) codes_left: Option<u32>,
    /// Whether the step is tied to others by a ticket.
    pub(crate) ticket: Option<bool>,
}

impl Preset {
    /// Reads a file's text.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, String> {
        let mut preset: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            format!("{file}:{line}: {}", error.message().replace('\n', ", "))
        })?;
        for (key, value) in [("title", &preset.title), ("source", &preset.source)] {
            if value.trim().is_empty() {
                return Err(format!(
                    "{file}: `{key}` is empty; wanted the product's name and where its shapes come from"
                ));
            }
        }
        file.clone_into(&mut preset.file);
        Ok(preset)
    }
}
