//! ClickHouse filled by the sensor: a day of the demonstration, replayed through the sensor's own sink.
//! It gives answers as values with their columns, and what the same replay wrote into files.

use super::services::Service;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heelguard::demo::{Day, Options};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const DATABASE: &str = "boards";

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub type_name: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
}

/// The engine, and what the sensor wrote beside it.
pub struct Engine {
    service: &'static Service,
    folder: tempfile::TempDir,
    pub alerts: Vec<Value>,
    pub transactions: Vec<Value>,
    pub inventory: Vec<Value>,
    /// The day, in seconds since 1970.
    pub from: u64,
    pub to: u64,
}

impl Engine {
    /// Nothing where ClickHouse is not installed.
    pub fn filled() -> Option<Self> {
        let service = Service::shared_clickhouse()?;
        let options = Options { users: 24, ..Options::default() };
        let from = options.start.as_nanos() / 1_000_000_000;
        let folder = tempfile::tempdir().unwrap();
        let mut capture = std::fs::File::create(folder.path().join("day.pcap")).unwrap();
        Day::new(options).write_pcap(&mut capture).unwrap();
        let mut engine = Self {
            service,
            folder,
            alerts: Vec::new(),
            transactions: Vec::new(),
            inventory: Vec::new(),
            from,
            to: from + 86_400,
        };
        engine.replay("once");
        engine.alerts = engine.lines("once", "alerts");
        engine.transactions = engine.lines("once", "transactions");
        engine.inventory = engine.lines("once", "inventory");
        Some(engine)
    }

    /// Replays the day into the same tables, as a sensor that knows nothing of an earlier run.
    pub fn replay(&self, run: &str) {
        let path = |name: &str| self.folder.path().join(format!("{run}.{name}")).display().to_string();
        let set = |key: &str, value: &str| ["--set".to_owned(), format!("sinks.clickhouse.{key}={value}")];
        let mut sensor = Command::new(env!("CARGO_BIN_EXE_heelguard"));
        sensor.arg("replay").args(set("url", self.service.get("URL"))).args(set("database", DATABASE));
        sensor
            .args(set("user", self.service.get("USER")))
            .args(set("password", self.service.get("PASSWORD")));
        // The same key: fingerprints are the same in both runs. No `state.dir`: nothing is kept from run to run.
        sensor.arg("--set").arg(format!("privacy.key_file={}", self.folder.path().join("key").display()));
        for kind in ["alerts", "transactions", "inventory"] {
            sensor.arg(format!("--{kind}")).arg(path(kind));
        }
        let ended = sensor.arg(self.folder.path().join("day.pcap")).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }

    /// The answer to `sql`, or the server's words.
    pub fn ask(&self, sql: &str) -> Result<Answer, String> {
        let text = self.post(&format!("{sql} FORMAT JSONCompact"));
        let value: Value = serde_json::from_str(&text).map_err(|_| text)?;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let columns = value["meta"].as_array().unwrap().iter();
        let columns =
            columns.map(|column| Column { name: text(&column["name"]), type_name: text(&column["type"]) });
        let rows = value["data"].as_array().unwrap().iter().map(|row| row.as_array().unwrap().clone());
        Ok(Answer { columns: columns.collect(), rows: rows.collect() })
    }

    /// Has the server do something that has no answer.
    pub fn run(&self, sql: &str) {
        assert_eq!(self.post(sql), "", "{sql}");
    }

    /// The body of the answer, of any length: the sensor's own client reads no more of one than it needs.
    fn post(&self, sql: &str) -> String {
        let address = self.service.get("URL").trim_start_matches("http://");
        let login = STANDARD.encode(format!("{}:{}", self.service.get("USER"), self.service.get("PASSWORD")));
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /?database={DATABASE} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Basic {login}\r\n\
             Content-Length: {}\r\n\r\n",
            sql.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(sql.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
    }

    fn lines(&self, run: &str, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join(format!("{run}.{kind}"))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
