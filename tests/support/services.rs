//! Kafka and ClickHouse for tests, started by the scripts in `services/`, real ones.
//! A test asks for the one that all tests of its program share, or starts one of its own to stop and kill.
//! None outlives the test's process, however that ends. Where one is not installed the test says loudly that it did
//! not run, and fails where `HEELGUARD_SERVICES` is `required`.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// What the scripts exit with where their service is not installed.
const NOT_INSTALLED: i32 = 3;

/// A running service. It ends when this is dropped.
pub struct Service {
    name: &'static str,
    folder: tempfile::TempDir,
    /// What its `env` tells: addresses, users, files.
    values: BTreeMap<String, String>,
    /// The script keeps the service while our end of its input is open; the system closes that end for a test that
    /// was killed.
    holder: Child,
}

impl Service {
    /// A Kafka broker with every kind of listener, for all tests of this program that leave it running.
    pub fn shared_kafka() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Service>> = OnceLock::new();
        SHARED.get_or_init(Self::kafka).as_ref()
    }

    /// A Kafka broker of one's own.
    pub fn kafka() -> Option<Self> {
        Self::start_new("kafka")
    }

    /// ClickHouse, for all tests of this program that leave it running.
    pub fn shared_clickhouse() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Service>> = OnceLock::new();
        SHARED.get_or_init(Self::clickhouse).as_ref()
    }

    /// ClickHouse of one's own.
    pub fn clickhouse() -> Option<Self> {
        Self::start_new("clickhouse")
    }

    /// A value of its `env`, without the prefix: `SSL` for `KAFKA_SSL`, `URL` for `CLICKHOUSE_URL`.
    pub fn get(&self, name: &str) -> &str {
        let name = format!("{}_{name}", self.name.to_uppercase());
        self.values.get(&name).unwrap_or_else(|| panic!("{name} is not among {:?}", self.values.keys()))
    }

    /// Its folder: `log`, `tls`, `data`. A test may keep files of its own there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it in its own time; data and ports stay.
    pub fn stop(&self) {
        self.tell(&["stop"]);
    }

    /// Ends it at once.
    pub fn kill(&self) {
        self.tell(&["kill"]);
    }

    /// Starts it again where it was stopped or killed; returns when it answers.
    pub fn start(&self) {
        self.tell(&["start"]);
    }

    /// Stops it if it runs, and starts it.
    pub fn restart(&self) {
        self.tell(&["restart"]);
    }

    /// Lets it stand still: connections stay, nothing answers.
    pub fn pause(&self) {
        self.tell(&["pause"]);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.tell(&["resume"]);
    }

    /// Makes a topic of Kafka; takes about two seconds.
    pub fn topic(&self, name: &str, partitions: u32) {
        self.tell(&["topic", name, &partitions.to_string()]);
    }

    fn start_new(name: &'static str) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("heelguard-test-").tempdir().expect("a folder is made");
        let mut holder = Command::new(script(name))
            .arg("hold")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let mut line = String::new();
        let output = holder.stdout.take().expect("standard output is piped");
        BufReader::new(output).read_line(&mut line).expect("the script speaks text");
        if line.trim() != "ready" {
            let status = holder.wait().expect("the script ends");
            assert!(status.code() == Some(NOT_INSTALLED), "{name} did not start: {status}");
            say_not_run(name);
            return None;
        }
        let text = std::fs::read_to_string(folder.path().join("env")).expect("the script tells its values");
        let values = text.lines().filter_map(|line| line.split_once('='));
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { name, folder, values, holder })
    }

    fn tell(&self, words: &[&str]) {
        let (verb, more) = words.split_first().expect("a verb");
        let mut told = Command::new(script(self.name));
        let told = told.arg(verb).arg(self.folder()).args(more).output().expect("bash starts");
        let said = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{} {words:?}: {}\n{said}", self.name, told.status);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/services").join(name).with_extension("sh")
}

fn say_not_run(name: &str) {
    let is_required = std::env::var("HEELGUARD_SERVICES").is_ok_and(|value| value == "required");
    assert!(!is_required, "{name} is not installed, and HEELGUARD_SERVICES=required");
    // Written past the test harness, which keeps what a passing test prints to itself.
    let told = format!("\n*** NOT RUN: {name} is not installed; `make services` installs it ***\n");
    std::io::stderr().write_all(told.as_bytes()).expect("standard error is open");
}
