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
      types: [{http: {extended: yes, custom: [Authorization, X-API-Key, Cookie, X-Forwarded-For]}}]
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

/// Whether a line of a program's records is one of a request.
type IsRequest = fn(&str) -> bool;

/// A program that reads captures.
pub(crate) struct Peer {
    pub name: &'static str,
    /// Slow ones get a capture a tenth as large, once.
    pub is_slow: bool,
    /// Whether it writes a file for each direction of a connection, which is too much for many connections.
    pub has_file_per_connection: bool,
    /// How it is asked for its version.
    version: &'static str,
    arguments: &'static [&'static str],
    /// The file with a record for each request, and what such a line holds; none for programs without records.
    records: Option<(&'static str, IsRequest)>,
}

/// Those that are known. In arguments, `{}` is the capture.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "suricata",
        is_slow: false,
        has_file_per_connection: false,
        version: "-V",
        arguments: &["-c", "suricata.yaml", "-r", "{}", "-k", "none", "-l", ".", "--runmode", "single"],
        records: Some(("eve.json", is_http_of_eve)),
    },
    Peer {
        name: "zeek",
        is_slow: true,
        has_file_per_connection: false,
        version: "--version",
        arguments: &["-b", "-C", "-r", "{}", "base/protocols/http"],
        records: Some(("http.log", |line| !line.starts_with('#'))),
    },
    Peer {
        name: "tshark",
        is_slow: true,
        has_file_per_connection: false,
        version: "--version",
        arguments: &[
            "-n",
            "-r",
            "{}",
            "-Y",
            "http.request",
            "-T",
            "fields",
            "-e",
            "http.request.method",
            "-e",
            "http.host",
            "-e",
            "http.request.uri",
        ],
        records: Some((OUTPUT, |line| !line.is_empty())),
    },
    Peer {
        name: "tcpflow",
        is_slow: false,
        has_file_per_connection: true,
        version: "--version",
        arguments: &["-r", "{}", "-o", "flows"],
        records: None,
    },
    Peer {
        name: "httpry",
        is_slow: false,
        has_file_per_connection: false,
        version: "-h",
        arguments: &["-q", "-r", "{}"],
        records: Some((OUTPUT, |line| line.split('\t').any(|field| field == ">"))),
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
    pub(crate) fn command(&self, program: &Path, capture: &Path, folder: &Path) -> Result<Command, String> {
        let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
        // It may not be there yet.
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).map_err(problem)?;
        std::fs::write(folder.join("suricata.yaml"), SURICATA).map_err(problem)?;
        let output = File::create(folder.join(OUTPUT)).map_err(problem)?;
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
        for argument in self.arguments {
            let is_capture = *argument == "{}";
            command.arg(if is_capture { capture.as_os_str().to_owned() } else { OsString::from(argument) });
        }
        Ok(command)
    }

    /// Requests among the records of its last run.
    pub(crate) fn found(&self, folder: &Path) -> Result<Option<u64>, String> {
        let Some((file, is_request)) = self.records else { return Ok(None) };
        lines(&folder.join(file), is_request).map(Some)
    }
}

/// Whether a line of Suricata's records is one of a request.
pub(crate) fn is_http_of_eve(line: &str) -> bool {
    line.contains("\"event_type\":\"http\"")
}

/// How many lines of a file are of that kind.
pub(crate) fn lines(path: &Path, is_one: IsRequest) -> Result<u64, String> {
    let problem = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = BufReader::new(File::open(path).map_err(problem)?);
    let mut count = 0;
    for line in file.split(b'\n') {
        count += u64::from(is_one(&String::from_utf8_lossy(&line.map_err(problem)?)));
    }
    Ok(count)
}

/// The first file of this name in the folders where programs are.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
