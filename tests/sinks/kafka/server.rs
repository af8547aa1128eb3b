//! A broker of the tests.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/services/kafka.sh");

/// A running broker; it ends when this or the test does.
pub(super) struct Server {
    folder: tempfile::TempDir,
    values: BTreeMap<String, String>,
    /// The script holds the broker for as long as our end of its input is open.
    holder: Child,
}

impl Server {
    /// The one that all tests share, or `None` where Kafka is not installed.
    pub(super) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// A broker of one's own.
    pub(super) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut holder = Command::new("bash")
            .args([SCRIPT.as_ref(), "hold".as_ref(), folder.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() != "ready" {
            let is_required = std::env::var("HEELGUARD_SERVICES").is_ok_and(|value| value == "required");
            assert!(!is_required, "Kafka did not start");
            holder.wait().unwrap();
            eprintln!("NOT RUN: Kafka did not start, so this test against it was left out");
            return None;
        }
        let text = std::fs::read_to_string(folder.path().join("env")).unwrap();
        let values = text.lines().filter_map(|line| line.split_once('='));
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { folder, values, holder })
    }

    /// A value of its `env`, without the prefix.
    pub(super) fn get(&self, name: &str) -> &str {
        &self.values[&format!("KAFKA_{name}")]
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `kill`, `start`, `pause`, `resume`.
    pub(super) fn tell(&self, verb: &str) {
        let told = Command::new("bash").args([SCRIPT.as_ref(), verb.as_ref(), self.folder()]).status();
        assert!(told.unwrap().success(), "kafka.sh {verb}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
