//! Captures of real authentication products with their labels and their list of true transactions.
//! A test gives the folder; it gets captures, labels and truth as JSON values.
//! It promises to fail loudly where a file cannot be read.

use super::replay::{Replay, replay};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Captures with their labels.
pub fn captures(realauth: &Path) -> Vec<(PathBuf, Value)> {
    let mut paths: Vec<_> = std::fs::read_dir(realauth)
        .expect("the folder is readable")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".labels.json"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("labels are readable");
        let labels = serde_json::from_str(&text).expect("labels are JSON");
        (PathBuf::from(path.to_string_lossy().replace(".labels.json", ".pcap")), labels)
    };
    paths.iter().map(read).collect()
}

/// What a capture is read with: the secrets of its connections, where it has some.
pub fn options(capture: &Path, labels: &Value) -> Vec<String> {
    let secrets = labels["keylog"].as_str().map(|name| capture.with_file_name(name));
    secrets.iter().flat_map(|path| ["--keylog".to_string(), path.to_string_lossy().into_owned()]).collect()
}

/// What is told of a capture.
pub fn told(capture: &Path, labels: &Value) -> Replay {
    let options = options(capture, labels);
    replay(&[capture], &options.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A list of the labels.
pub fn list<'a>(labels: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    labels[key].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// Every name an account goes by.
pub fn aliases(principal: &str, labels: &Value) -> Vec<String> {
    let known = labels["identities"][principal]["aliases"].as_array().cloned().unwrap_or_default();
    known.iter().filter_map(Value::as_str).chain([principal]).map(str::to_string).collect()
}

/// Every transaction of a capture, as its driver wrote it down.
pub fn truth(realauth: &Path, labels: &Value) -> Vec<Value> {
    let name = labels["name"].as_str().unwrap_or_default();
    let Ok(text) = std::fs::read_to_string(realauth.join(format!("{name}.txns.jsonl"))) else {
        return Vec::new();
    };
    text.lines().map(|line| serde_json::from_str(line).expect("the truth is JSON")).collect()
}

/// A record's time in seconds since 1970.
pub fn seconds(value: &Value) -> f64 {
    let text = value.as_str().expect("records have times");
    let parsed = humantime::parse_rfc3339(text).expect("times are RFC 3339");
    parsed.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64()
}
