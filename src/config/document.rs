//! What was written, and where: the leaves of the file and of the overrides, in order.
//! It is given TOML text and `KEY=VALUE` words and keeps each value with its place.
//! It promises places in lines and columns from 1, columns in characters.

use super::ConfigError;
use crate::files;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// A file larger than this is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One value that was written.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// The keys from the top.
    pub(super) path: Vec<String>,
    /// What was written.
    pub(super) value: Value,
    /// `FILE:LINE:COLUMN` or `--set KEY`.
    pub(super) place: String,
}

/// All that was written.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) leaves: Vec<Leaf>,
}

impl Document {
    /// The leaves of the file at `path`.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
        let bytes = files::read(path, FILE_BYTES_MAX).map_err(unreadable)?;
        let name = path.display().to_string();
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, &name),
            Err(error) => {
                let (line, column) = Lines::of(&String::from_utf8_lossy(&bytes)).place(error.valid_up_to());
                let place = format!("{name}:{line}:{column}");
                Err(ConfigError::Refused { place, problem: "a byte that is not UTF-8".to_owned() })
            }
        }
    }

    /// The leaves of `text`, which came from `name`.
    pub(super) fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let mut lines = Lines::of(text);
        let mut place = |at: usize| {
            let (line, column) = lines.place(at);
            format!("{name}:{line}:{column}")
        };
        let mut refuse = |error: &toml::de::Error| ConfigError::Refused {
            place: place(error.span().map_or(0, |span| span.start)),
            problem: error.message().replace('\n', ", "),
        };
        // The first parse knows places, the second gives values that own their text.
        let spans = DeTable::parse(text).map_err(|error| refuse(&error))?;
        let values: Table = toml::from_str(text).map_err(|error| refuse(&error))?;
        let mut leaves = Vec::new();
        walk(spans.get_ref(), &values, &mut Vec::new(), &mut |path, value, at| {
            leaves.push((at, path.to_vec(), value.clone()));
        });
        // Tables are sorted by key; errors are told in the order of the file.
        leaves.sort_by_key(|(at, ..)| *at);
        let leaf = |(at, path, value)| Leaf { path, value, place: place(at) };
        Ok(Self { leaves: leaves.into_iter().map(leaf).collect() })
    }

    /// Adds one `KEY=VALUE`. The value is TOML; what is not TOML is a string.
    pub(super) fn add_override(&mut self, text: &str) -> Result<(), ConfigError> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let place = format!("--set {}", key.trim());
        let refused =
            |problem: &str| ConfigError::Refused { place: place.clone(), problem: problem.to_owned() };
        if !text.contains('=') {
            return Err(refused("wanted KEY=VALUE, as in --set web.listen=127.0.0.1:0"));
        }
        let path =
            dotted(key).ok_or_else(|| refused("a key is words joined by dots, as in limits.flows_max"))?;
        self.leaves.push(Leaf { path, value: word_or_value(value.trim()), place });
        Ok(())
    }

    /// One table of all leaves; later ones win.
    pub(super) fn merged(&self) -> Table {
        let mut table = Table::new();
        self.leaves.iter().for_each(|leaf| put(&mut table, leaf));
        table
    }
}

/// Puts a leaf into a table, making the tables on its way.
pub(super) fn put(table: &mut Table, leaf: &Leaf) {
    let Some((last, way)) = leaf.path.split_last() else { return };
    let mut here = table;
    for key in way {
        let next = here.entry(key).or_insert_with(|| Value::Table(Table::new()));
        if !next.is_table() {
            *next = Value::Table(Table::new());
        }
        match next {
            Value::Table(inner) => here = inner,
            _ => return,
        }
    }
    here.insert(last.clone(), leaf.value.clone());
}

/// Walks both trees together and tells each leaf with the place of its key; an empty table is a leaf.
fn walk(
    spans: &DeTable<'_>,
    values: &Table,
    path: &mut Vec<String>,
    tell: &mut impl FnMut(&[String], &Value, usize),
) {
    for (key, spanned) in spans {
        let name = key.get_ref().as_ref();
        let Some(value) = values.get(name) else { continue };
        path.push(name.to_owned());
        match (spanned.get_ref(), value) {
            (DeValue::Table(inner), Value::Table(values)) if !values.is_empty() => {
                walk(inner, values, path, tell);
            }
            _ => tell(path, value, key.span().start),
        }
        path.pop();
    }
}

/// The words of a dotted key, read as TOML reads them.
fn dotted(key: &str) -> Option<Vec<String>> {
    let mut value = Value::Table(toml::from_str(&format!("{key} = 0")).ok()?);
    let mut path = Vec::new();
    while let Value::Table(table) = value {
        let mut entries = table.into_iter();
        let (word, inner) = entries.next()?;
        if entries.next().is_some() {
            return None;
        }
        path.push(word);
        value = inner;
    }
    Some(path)
}

/// A TOML value, or the text itself.
fn word_or_value(text: &str) -> Value {
    let mut table: Table = toml::from_str(&format!("value = {text}")).unwrap_or_default();
    match table.remove("value") {
        Some(value) if table.is_empty() => value,
        _ => Value::String(text.to_owned()),
    }
}

/// Lines and columns of bytes, from 1. What is asked for in order costs one look at the text, not one each.
struct Lines<'a> {
    text: &'a str,
    /// Where the line begins in which the last byte was, and its number.
    begins: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, begins: 0, number: 1 }
    }

    fn place(&mut self, at: usize) -> (usize, usize) {
        if at < self.begins {
            (self.begins, self.number) = (0, 1);
        }
        let between = self.text.get(self.begins..at).unwrap_or_default();
        if let Some(end) = between.rfind('\n') {
            self.number += between.matches('\n').count();
            self.begins += end + 1;
        }
        let column = self.text.get(self.begins..at).unwrap_or_default().chars().count() + 1;
        (self.number, column)
    }
}
