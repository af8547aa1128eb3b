//! What should have arrived, what did, and the difference.
//! It is given the records of a run that nobody disturbed and what a client of Kafka's own project reads from the
//! topic, or the lines of a file.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an alert is known by: its id and revision.
pub type Name = (String, u64);

/// Records by name, as the bytes they should be.
pub type Expected = BTreeMap<Name, String>;

/// What arrived, held against what should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Names that should arrive, and those that did.
    pub expected: usize,
    pub arrived: usize,
    /// Should have, and did not.
    pub lost: usize,
    /// Should not have, and did.
    pub invented: usize,
    /// Came again.
    pub again: usize,
    /// Came with other bytes.
    pub altered: usize,
    /// Lines that are no record: a kill cut them.
    pub torn: usize,
}

impl Verdict {
    /// Of lines that arrived, in any order.
    pub fn of<'a>(arrived: impl Iterator<Item = &'a str>, expected: &Expected) -> Self {
        let mut verdict = Self { expected: expected.len(), ..Self::default() };
        let mut times: BTreeMap<Name, usize> = BTreeMap::new();
        for line in arrived {
            let Some(name) = name(line) else {
                verdict.torn += 1;
                continue;
            };
            match expected.get(&name) {
                None => verdict.invented += 1,
                Some(right) => verdict.altered += usize::from(right != line),
            }
            *times.entry(name).or_default() += 1;
        }
        verdict.arrived = times.len();
        verdict.again = times.values().map(|times| times - 1).sum();
        verdict.lost = expected.keys().filter(|name| !times.contains_key(name)).count();
        verdict
    }

    /// Nothing is lost, invented or altered.
    pub fn is_clean(&self) -> bool {
        (self.lost, self.invented, self.altered) == (0, 0, 0)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, arrived, lost, invented, again, altered, torn } = self;
        write!(f, "{arrived} of {expected}, lost {lost}, invented {invented}, altered {altered}, ")?;
        write!(f, "again {again}, torn {torn}")
    }
}

/// Records by name.
pub fn by_name(lines: &str) -> Expected {
    lines.lines().map(|line| (name(line).expect("a record"), line.to_owned())).collect()
}

/// What a record is known by; `None` if it is none.
pub fn name(line: &str) -> Option<Name> {
    let record: Value = serde_json::from_str(line).ok()?;
    Some((record["id"].as_str()?.to_owned(), record["rev"].as_u64()?))
}

const READER: &str = r"
import sys
from kafka import KafkaConsumer, TopicPartition
consumer = KafkaConsumer(bootstrap_servers=sys.argv[1], enable_auto_commit=False)
parts = [TopicPartition(sys.argv[2], part) for part in consumer.partitions_for_topic(sys.argv[2])]
consumer.assign(parts)
consumer.seek_to_beginning(*parts)
ends = consumer.end_offsets(parts)
while any(consumer.position(part) < ends[part] for part in parts):
    for records in consumer.poll(1000).values():
        for record in records:
            sys.stdout.buffer.write(b'%d %s\n' % (record.partition, record.value))
";

/// Every body in a topic with its partition, as kafka-python reads it: in order within each.
pub fn partitions(broker: &str, topic: &str) -> Vec<(u32, String)> {
    let read = Command::new(python()).args(["-c", READER, broker, topic]).output().expect("python starts");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let text = String::from_utf8(read.stdout).expect("records are UTF-8");
    let lines = text.lines().map(|line| line.split_once(' ').expect("a partition"));
    lines.map(|(partition, line)| (partition.parse().expect("a number"), line.to_owned())).collect()
}

/// Where the services' Python is.
fn python() -> PathBuf {
    let services = std::env::var_os("HEELGUARD_SERVICES_DIR").map(PathBuf::from);
    let services = services.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/services"));
    services.join("python/bin/python")
}
