//! Alerts that several workers wrote, put together by id.
//! It is given files of lines, of which some are still being written and some were cut by a kill.
//! It promises to name what is lost, what is invented and what differs, and what came twice with other words.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Of each episode, by its id, what must be the same however it was found: rule, severity, subject, its first event, its
/// count and that it is over.
pub type Outlines = BTreeMap<String, String>;

/// What was told.
#[derive(Debug, Default)]
pub struct Alerts {
    /// Lines by id and revision.
    records: BTreeMap<(String, u64), String>,
    /// States that came again with other words, both of each.
    pub altered: Vec<[String; 2]>,
    /// States that came again as they were.
    pub again: usize,
    /// Lines that are no record: a kill cut them.
    pub torn: usize,
}

impl Alerts {
    /// What stands in these files, without lines that have no end yet.
    pub fn read<'a>(paths: impl Iterator<Item = &'a Path>) -> Self {
        let mut alerts = Self::default();
        for path in paths {
            let text = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
            let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            whole.for_each(|line| alerts.add(line));
        }
        alerts
    }

    fn add(&mut self, line: &str) {
        let record: Value = serde_json::from_str(line).unwrap_or_default();
        let Some(name) = record["id"].as_str().map(str::to_owned).zip(record["rev"].as_u64()) else {
            self.torn += 1;
            return;
        };
        match self.records.get(&name) {
            None => drop(self.records.insert(name, line.to_owned())),
            Some(known) if known == line => self.again += 1,
            Some(known) => self.altered.push([known.clone(), line.to_owned()]),
        }
    }

    /// The last state of each episode.
    pub fn outlines(&self) -> Outlines {
        // Revisions of one id follow each other, so that the last one stays.
        self.records.iter().map(|((id, _), line)| (id.clone(), outline(line))).collect()
    }
}

fn outline(line: &str) -> String {
    let record: Value = serde_json::from_str(line).expect("it was read before");
    let text = |place: &str| {
        let value = record.pointer(place).cloned().unwrap_or_default();
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    format!(
        "{} {} {} {} {} since {} x{} {}",
        text("/rule"),
        text("/detector"),
        text("/severity"),
        text("/subject/scope"),
        text("/subject/value"),
        text("/first_seen"),
        text("/count"),
        text("/status")
    )
}

/// The rules of episodes.
pub fn rules(outlines: &Outlines) -> Vec<&str> {
    outlines.values().filter_map(|outline| outline.split(' ').next()).collect()
}

/// What is not as it should be. Episodes of detectors that are `bounded` may be missing, or begin later.
pub fn differences(expected: &Outlines, found: &Outlines, bounded: &[&str]) -> Vec<String> {
    let detector = |outline: &str| outline.split(' ').nth(1).unwrap_or_default().to_owned();
    let is_bounded = |outline: &str| bounded.contains(&detector(outline).as_str());
    let mut told = Vec::new();
    for (id, outline) in expected {
        match found.get(id) {
            Some(other) if other == outline => {}
            Some(other) => told.push(format!("differs {id}: {other}\n    not: {outline}")),
            None if is_bounded(outline) => {}
            None => told.push(format!("lost {id}: {outline}")),
        }
    }
    let strangers = found.iter().filter(|(id, outline)| !expected.contains_key(*id) && !is_bounded(outline));
    told.extend(strangers.map(|(id, outline)| format!("invented {id}: {outline}")));
    told
}

#[test]
fn differences_are_named_by_their_kind() {
    let line = |id: &str, rev: u64, count: u64| {
        format!(
            r#"{{"id":"{id}","rev":{rev},"status":"closed","rule":"A","detector":"a","severity":"low","count":{count},"subject":{{"scope":"client","value":"x"}},"first_seen":"t"}}"#
        )
    };
    let of = |lines: &[String]| {
        let mut alerts = Alerts::default();
        for line in lines {
            alerts.add(line);
        }
        alerts
    };
    let one = of(&[line("1", 1, 3), line("1", 2, 9), line("1", 2, 9), line("2", 1, 1), "{\"id\"".to_owned()]);
    assert_eq!((one.again, one.torn, one.altered.len()), (1, 1, 0));
    assert_eq!(one.outlines()["1"], "A a low client x since t x9 closed");
    assert_eq!(of(&[line("1", 1, 3), line("1", 1, 4)]).altered.len(), 1);
    let other = of(&[line("1", 2, 8), line("3", 1, 1)]).outlines();
    let told = differences(&one.outlines(), &other, &[]);
    let kinds: Vec<&str> = told.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(kinds, ["differs", "lost", "invented"]);
    assert_eq!(
        differences(&one.outlines(), &other, &["a"]).len(),
        1,
        "what is bounded may be missing or new"
    );
}
