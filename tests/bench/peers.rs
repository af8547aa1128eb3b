//! The programs that the sensor is compared with, where they are installed.
//! Each is given a capture and an empty folder, and leaves its records of requests there.
//! They promise nothing; that a program is not there is no failure, and is said.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a program writes to standard output is kept here.
const OUTPUT: &str = "output.txt";

/// Records HTTP and nothing else, without rules, and looks at a stream's whole length.
pub(crate) const SURICATA: &str = "\
%YAML 1.1
---
default-log-dir: .
stats: {enabled: no}
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: eve.json
      types: [{http: {extended: yes, custom: [Authorization, X-API-Key, Cookie, X-Forwarded-For]}}, http2]
logging:
  default-log-level: notice
  outputs: [{console: {enabled: yes}}]
vars:
  address-groups: {HOME_NET: any, EXTERNAL_NET: any}
  port-groups: {HTTP_PORTS: \"80\"}
default-rule-path: .
rule-files: []
flow: {memcap: 2gb, hash-size: 262144, prealloc: 10000, managers: 1, recyclers: 1}
stream:
  memcap: 2gb
  checksum-validation: no
  reassembly: {memcap: 2gb, depth: 0}
app-layer:
  protocols:
    http: {enabled: yes}
    http2: {enabled: yes}
threading: {set-cpu-affinity: no}
af-packet:
  - interface: default
    threads: 1
    cluster-id: 99
    cluster-type: cluster_flow
    use-mmap: yes
    tpacket-v3: yes
    ring-size: 100000
    block-size: 1048576
    checksum-checks: no
";

/// How many requests a line of a program's records is about.
type Requests = fn(&str) -> u64;

/// A program that reads captures.
pub(crate) struct Peer {
    pub name: &'static str,
    /// Slow ones get a capture a tenth as large, once.
    pub is_slow: bool,
    /// What it can read.
    pub captures: &'static [&'static str],
    /// How it is asked for its version.
    version: &'static str,
    arguments: &'static [&'static str],
    /// The file with its records, and the requests of a line; none for programs without records.
    records: Option<(&'static str, Requests)>,
}

/// Captures of HTTP/1 in the clear.
const CLEAR: &[&str] = &["mixed", "tiny", "downloads", "elephant", "idle"];

/// On HTTP/1 in the clear.
const TSHARK: Peer = Peer {
    name: "tshark",
    is_slow: true,
    captures: CLEAR,
    version: "--version",
    arguments: &[
        "-nr",
        "{}",
        "-Yhttp.request",
        "-Tfields",
        "-ehttp.request.method",
        "-ehttp.host",
        "-ehttp.request.uri",
    ],
    records: Some((OUTPUT, |line| u64::from(!line.is_empty()))),
};

/// Those that are known. In arguments, `{}` is the capture and `{keys}` its key log.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "suricata",
        is_slow: false,
        captures: &["mixed", "tiny", "downloads", "elephant", "idle", "http2", "resets"],
        version: "-V",
        arguments: &["-c", "suricata.yaml", "-r", "{}", "-k", "none", "-l", ".", "--runmode", "single"],
        records: Some(("eve.json", http_of_eve)),
    },
    Peer {
        name: "zeek",
        is_slow: true,
        captures: CLEAR,
        version: "--version",
        arguments: &["-b", "-C", "-r", "{}", "base/protocols/http"],
        records: Some(("http.log", |line| u64::from(!line.starts_with('#')))),
    },
    TSHARK,
    Peer {
        captures: &["tls13"],
        arguments: &[
            "-o",
            "tls.keylog_file:{keys}",
            "-nr",
            "{}",
            "-Yhttp.request",
            "-Tfields",
            "-ehttp.request.method",
            "-ehttp.host",
            "-ehttp.request.uri",
        ],
        ..TSHARK
    },
    Peer {
        captures: &["http2"],
        arguments: &[
            // It takes port 80 for HTTP/1 otherwise, and loses connections that begin so.
            "-d",
            "tcp.port==80,http2",
            "-nr",
            "{}",
            "-Yhttp2.headers.method",
            "-Tfields",
            "-ehttp2.headers.method",
            "-ehttp2.headers.authority",
            "-ehttp2.headers.path",
        ],
        records: Some((OUTPUT, values)),
        ..TSHARK
    },
    Peer {
        name: "tcpflow",
        is_slow: false,
        // It writes a file for each direction of a connection, which is too much for many connections.
        captures: &["mixed", "tiny", "downloads", "elephant"],
        version: "--version",
        arguments: &["-r", "{}", "-o", "flows"],
        records: None,
    },
    Peer {
        name: "httpry",
        is_slow: false,
        captures: CLEAR,
        version: "-h",
        arguments: &["-q", "-r", "{}"],
        records: Some((OUTPUT, |line| u64::from(line.split('\t').any(|field| field == ">")))),
    },
];

impl Peer {
    /// Where it is installed; `None` when it is not on the path.
    pub(crate) fn program(&self) -> Option<PathBuf> {
        on_path(self.name)
    }

    /// Its name with the version that it tells, if it tells one.
    pub(crate) fn full_name(&self, program: &Path) -> String {
        let told = Command::new(program).arg(self.version).stdin(Stdio::null()).output();
        let told =
            told.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
        match told.split_whitespace().find(is_version) {
            Some(version) => format!("{} {}", self.name, version.trim_end_matches(['.', ','])),
            None => self.name.to_owned(),
        }
    }

    /// The program as it is to be run, in a folder that is emptied first.
    pub(crate) fn command(
        &self,
        program: &Path,
        capture: &Path,
        keys: Option<&Path>,
        folder: &Path,
    ) -> Result<Command, String> {
        let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
        // It may not be there yet.
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).map_err(problem)?;
        std::fs::write(folder.join("suricata.yaml"), SURICATA).map_err(problem)?;
        let output = File::create(folder.join(OUTPUT)).map_err(problem)?;
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
        for argument in self.arguments {
            command.arg(match (argument.strip_suffix("{keys}"), keys) {
                _ if *argument == "{}" => capture.as_os_str().to_owned(),
                (Some(option), Some(keys)) => {
                    let mut option = OsString::from(option);
                    option.push(keys);
                    option
                }
                _ => OsString::from(argument),
            });
        }
        Ok(command)
    }

    /// Requests among the records of its last run.
    pub(crate) fn found(&self, folder: &Path) -> Result<Option<u64>, String> {
        let Some((file, requests)) = self.records else { return Ok(None) };
        lines(&folder.join(file), requests).map(Some)
    }
}

/// Whether a line of Suricata's records is one of a request: one, or none. Stream 0 of HTTP/2 carries settings.
pub(crate) fn http_of_eve(line: &str) -> u64 {
    u64::from(line.contains("\"event_type\":\"http\"") && !line.contains("\"stream_id\":0,"))
}

/// The values of a line's first field: a frame may have several requests.
fn values(line: &str) -> u64 {
    line.split('\t').next().unwrap_or_default().split(',').filter(|value| !value.is_empty()).count() as u64
}

/// How many requests the lines of a file are about.
pub(crate) fn lines(path: &Path, requests: Requests) -> Result<u64, String> {
    let problem = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = BufReader::new(File::open(path).map_err(problem)?);
    let mut count = 0;
    for line in file.split(b'\n') {
        count += requests(&String::from_utf8_lossy(&line.map_err(problem)?));
    }
    Ok(count)
}

/// The first file of this name in the folders where programs are.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
