//! `[sinks.<name>]`: which far sides there are, and the registry of their kinds.
//! It is given tables by name; a table's kind is its `type`, or else its name.
//! It promises that every kind stands here in one line, and that a sink without an address is off.

use super::destination::Destination;
use super::record::Labels;
use super::spool::Lane;
use super::{clickhouse, files, kafka, webhook};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

macro_rules! registry {
    ($($kind:literal => $variant:ident($module:ident),)*) => {
        /// One far side, as configured.
        #[expect(clippy::large_enum_variant, reason = "there are a handful, read once")]
        #[derive(Clone, Debug, PartialEq)]
        enum Sink { $($variant($module::Config),)* }

        /// The kinds of sinks, which are also the names that need no `type`.
        pub const KINDS: &[&str] = &[$($kind,)*];

        impl Sink {
            fn of_kind(kind: &str, table: Table) -> Option<Result<Self, toml::de::Error>> {
                match kind {
                    $($kind => Some(Value::Table(table).try_into().map(Self::$variant)),)*
                    _ => None,
                }
            }

            fn table(&self) -> Result<(&'static str, Table), toml::ser::Error> {
                match self { $(Self::$variant(config) => Table::try_from(config).map(|table| ($kind, table)),)* }
            }

            fn is_on(&self) -> bool {
                match self { $(Self::$variant(config) => config.is_on(),)* }
            }

            fn check(&self, name: &str) -> Result<(), String> {
                match self { $(Self::$variant(config) => config.check(name),)* }
            }

            fn lanes(&self) -> Vec<Lane> {
                match self { $(Self::$variant(config) => config.lanes(),)* }
            }

            fn open(&self, name: &str, labels: &Labels, lane: Lane) -> Result<Box<dyn Destination>, String> {
                match self { $(Self::$variant(config) => $module::open(config, name, labels, lane),)* }
            }
        }
    };
}

registry! {
    "clickhouse" => Clickhouse(clickhouse),
    "jsonl" => Files(files),
    "kafka" => Kafka(kafka),
    "webhook" => Webhook(webhook),
}

/// Names are parts of file names and labels.
const NAME_BYTES_MAX: usize = 32;

/// All far sides, by name; one of each kind is always there, and off until it has an address.
#[derive(Clone, Debug, PartialEq)]
pub struct Sinks(BTreeMap<String, Sink>);

/// A sink that is on, with one of its lanes.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) lane: Lane,
    sink: &'a Sink,
}

impl Wanted<'_> {
    /// Its destination; reads files, asks no network.
    pub(super) fn open(&self, labels: &Labels) -> Result<Box<dyn Destination>, String> {
        self.sink.open(self.name, labels, self.lane)
    }
}

impl Default for Sinks {
    fn default() -> Self {
        let standard = |kind: &&str| Some(((*kind).to_owned(), Sink::of_kind(kind, Table::new())?.ok()?));
        Self(KINDS.iter().filter_map(standard).collect())
    }
}

impl Sinks {
    /// Refuses sinks that no far side could be made of.
    pub fn check(&self) -> Result<(), String> {
        self.0.iter().try_for_each(|(name, sink)| sink.check(name))?;
        let mut written: BTreeMap<&Path, &str> = BTreeMap::new();
        for (name, path) in self.files() {
            if let Some(other) = written.insert(path, name).filter(|other| *other != name) {
                return Err(format!("sinks.{name}: {} is written by sinks.{other} too", path.display()));
            }
        }
        Ok(())
    }

    /// The sink of this name that is always there.
    pub fn clickhouse(&self) -> Option<&clickhouse::Config> {
        match self.0.get("clickhouse")? {
            Sink::Clickhouse(config) => Some(config),
            _ => None,
        }
    }

    /// The Kafka section of this name, if it is on.
    pub fn kafka(&self, name: &str) -> Option<&kafka::Config> {
        match self.0.get(name)? {
            Sink::Kafka(config) if config.is_on() => Some(config),
            _ => None,
        }
    }

    /// Sends sightings to a topic of this Kafka section, and by no other.
    pub fn send_sightings(&mut self, name: &str, topic: &str) {
        if let Some(Sink::Kafka(config)) = self.0.get_mut(name) {
            topic.clone_into(&mut config.sightings_topic);
        }
    }

    /// Files that sinks write to, each with the sink's name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.0.iter().flat_map(|(name, sink)| {
            let files = if let Sink::Files(files) = sink { Some(files) } else { None };
            files.into_iter().flat_map(files::Config::paths).map(move |path| (name.as_str(), path))
        })
    }

    /// Sinks that are on, once for each lane they take.
    pub(super) fn wanted(&self) -> impl Iterator<Item = Wanted<'_>> {
        self.0
            .iter()
            .filter(|(_, sink)| sink.is_on())
            .flat_map(|(name, sink)| sink.lanes().into_iter().map(move |lane| Wanted { name, lane, sink }))
    }

    /// Opens every destination that is on and closes it again: whether files and secrets are there.
    pub fn try_open(&self, labels: &Labels) -> Result<(), String> {
        self.wanted().try_for_each(|wanted| wanted.open(labels).map(drop))
    }
}

impl Serialize for Sinks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tables = BTreeMap::new();
        for (name, sink) in &self.0 {
            let (kind, mut table) = sink.table().map_err(serde::ser::Error::custom)?;
            if kind != name {
                table.insert("type".to_owned(), Value::String(kind.to_owned()));
            }
            tables.insert(name, table);
        }
        tables.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sinks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut sinks = Self::default();
        for (name, mut table) in BTreeMap::<String, Table>::deserialize(deserializer)? {
            check_name(&name).map_err(D::Error::custom)?;
            let kind = match table.remove("type") {
                Some(Value::String(kind)) => kind,
                Some(_) => return Err(D::Error::custom(format!("sinks.{name}.type: {}", wanted_kind()))),
                None => name.clone(),
            };
            let sink = Sink::of_kind(&kind, table).ok_or_else(|| {
                let key = if kind == name { format!("sinks.{name}") } else { format!("sinks.{name}.type") };
                D::Error::custom(format!("{key}: no kind of sink is called `{kind}`; {}", wanted_kind()))
            })?;
            let sink = sink.map_err(|error| D::Error::custom(error.message()))?;
            sinks.0.insert(name, sink);
        }
        Ok(sinks)
    }
}

fn wanted_kind() -> String {
    format!("wanted type = one of {}", KINDS.join(", "))
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(fits) {
        return Err(format!(
            "`{name}` cannot name a sink; wanted 1 to {NAME_BYTES_MAX} of a-z, 0-9, `_` and `-`"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Sinks, String> {
        let sinks: Sinks = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        sinks.check().map(|()| sinks)
    }

    fn on(text: &str) -> Vec<(String, &'static str)> {
        let sinks = read(text).unwrap();
        sinks.wanted().map(|wanted| (wanted.name.to_owned(), wanted.lane.name())).collect()
    }

    #[test]
    fn a_sink_is_on_when_it_has_an_address() {
        assert_eq!(on(""), []);
        assert_eq!(on("[jsonl]\nalerts = \"a.jsonl\""), [("jsonl".to_owned(), "alerts")]);
        let two = "[jsonl]\nalerts = \"a\"\n[more]\ntype = \"jsonl\"\ntransactions = \"t\"\nhealth = \"h\"";
        let more = |lane| ("more".to_owned(), lane);
        assert_eq!(on(two), [("jsonl".to_owned(), "alerts"), more("transactions"), more("reports")]);
    }

    #[test]
    fn what_was_read_is_written_the_same() {
        let sinks = read("[more]\ntype = \"jsonl\"\nalerts = \"a\"").unwrap();
        let written = toml::to_string(&sinks).unwrap();
        assert_eq!(read(&written), Ok(sinks));
    }

    #[test]
    fn unknown_kinds_names_and_keys_are_refused_by_name() {
        let kinds = "wanted type = one of clickhouse, jsonl, kafka, webhook";
        let said = |text: &str| read(text).unwrap_err();
        assert_eq!(
            said("[pager]\nurl = \"x\""),
            format!("sinks.pager: no kind of sink is called `pager`; {kinds}")
        );
        assert_eq!(
            said("[pager]\ntype = \"pagr\""),
            format!("sinks.pager.type: no kind of sink is called `pagr`; {kinds}")
        );
        let twice = "[jsonl]\nalerts = \"a\"\n[more]\ntype = \"jsonl\"\nhealth = \"a\"";
        assert_eq!(said(twice), "sinks.more: a is written by sinks.jsonl too");
        assert!(said("[jsonl]\nalert = \"x\"").starts_with("unknown field `alert`"));
        assert!(said("[\"../x\"]\ntype = \"jsonl\"").contains("cannot name a sink"));
    }
}
