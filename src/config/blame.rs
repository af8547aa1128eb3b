//! Which key is at fault: a refused configuration, told by its first culprit.
//! It is given the leaves in order and lays one after another over the defaults until the whole is refused.
//! It promises an answer for errors of every kind, whichever layer found them.

use super::document::{self, Leaf};
use super::nearest::nearest;
use super::{ConfigError, Raw, effective, understand};
use toml::{Table, Value};

/// The first leaf with which the configuration is refused.
pub(super) fn first_culprit(leaves: &[Leaf]) -> ConfigError {
    let mut table = Table::new();
    for leaf in leaves {
        document::put(&mut table, leaf);
        if let Err(message) = understand(table.clone()) {
            return ConfigError::Refused { place: leaf.place.clone(), problem: problem(leaf, &message) };
        }
    }
    // Only reached when a later leaf repaired an earlier one, and then the whole was accepted.
    ConfigError::Refused { place: "configuration".to_owned(), problem: "refused".to_owned() }
}

/// The key, what is wrong with it, and what is allowed.
fn problem(leaf: &Leaf, message: &str) -> String {
    match message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
        Some((unknown, expected)) => unknown_key(leaf, unknown, expected),
        None => named_once(leaf, plain_words(message)),
    }
}

/// A message about a leaf's key. An override's place is its key; some messages begin with it, and may say more of it.
fn named_once(leaf: &Leaf, message: String) -> String {
    let key = leaf.path.join(".");
    let place_names_it = leaf.place.strip_prefix("--set ") == Some(&key);
    match message.strip_prefix(&key) {
        Some(rest) if place_names_it => rest.strip_prefix(": ").map(str::to_owned).unwrap_or(message),
        Some(rest) if rest.starts_with([':', '.']) => message,
        _ if place_names_it => message,
        _ => format!("{key}: {message}"),
    }
}

/// An unknown key, with the nearest known one.
fn unknown_key(leaf: &Leaf, unknown: &str, expected: &str) -> String {
    let position = leaf.path.iter().position(|word| word == unknown);
    // An unknown key inside a list of tables is below the leaf itself.
    let parent = leaf.path.get(..position.unwrap_or(leaf.path.len())).unwrap_or_default();
    let full = [parent, &[unknown.to_owned()]].concat().join(".");
    let mut allowed: Vec<String> = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    if allowed.is_empty() {
        allowed = known_keys(parent);
    }
    let hint = nearest(unknown, allowed.iter().map(String::as_str))
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    if allowed.is_empty() {
        format!("unknown key `{full}`{hint}")
    } else {
        format!("unknown key `{full}`{hint}\n  allowed: {}", allowed.join(", "))
    }
}

/// The keys of a section, by the defaults.
fn known_keys(parent: &[String]) -> Vec<String> {
    let mut here = Value::Table(effective::table(&Raw::default()));
    for word in parent {
        match here.as_table_mut().and_then(|table| table.remove(word)) {
            Some(inner) => here = inner,
            None => return Vec::new(),
        }
    }
    let mut keys: Vec<String> = here.as_table().into_iter().flat_map(|table| table.keys().cloned()).collect();
    // The one key without a default: left out, the rule itself decides.
    if matches!(parent, [section, _] if section == "detectors") {
        keys.push("severity".to_owned());
    }
    keys
}

/// Rust's names of types, in words.
fn plain_words(message: &str) -> String {
    let words = [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected f64", "expected a number"),
        ("expected a sequence", "expected a list, as in [\"a\", \"b\"]"),
        ("expected a boolean", "expected true or false"),
        ("expected path string", "expected a path in quotes"),
    ];
    words
        .iter()
        .find_map(|(rust, plain)| message.strip_suffix(rust).map(|start| format!("{start}{plain}")))
        .unwrap_or_else(|| message.replace('\n', ", "))
}
