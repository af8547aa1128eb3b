//! The part on files: every program on every capture, each run beside one of `touch` on the same file.
//! It is given a folder for captures and programs, and gives rows for the table and what was not there.
//! It promises that runs of all programs alternate, so that none has the quiet hour of the machine for itself.

use crate::captures::{self, Capture, Kind};
use crate::peers::{PEERS, Peer};
use crate::table::{Cost, Measured};
use crate::{found, say, spent};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is asked of the sensor, beside the file.
const WORKS: &[(&str, &[&str])] = &[
    ("heelguard, alerts only", &["--shards", "1"]),
    ("heelguard, every transaction written", &["--shards", "1", "--transactions", "/dev/null"]),
    ("heelguard, alerts only, two shards", &["--shards", "2"]),
];
/// Peers are run so often at most.
const PEER_RUNS_MAX: usize = 3;

/// All that was measured on files.
pub(crate) struct Files {
    pub rows: Vec<Measured>,
    absent: Vec<&'static str>,
}

impl Files {
    /// Names the peers that were not there.
    pub(crate) fn absent(&self) -> String {
        if self.absent.is_empty() {
            return String::new();
        }
        format!("Not installed, and so not compared: {}.\n", self.absent.join(", "))
    }
}

/// Measures the captures that are wanted.
pub(crate) fn measure(
    folder: &Path,
    runs: usize,
    is_quick: bool,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<Files, String> {
    let touch = compile_touch(folder)?;
    let absent = PEERS.iter().filter(|peer| peer.program().is_none()).map(|peer| peer.name).collect();
    let mut files = Files { rows: Vec::new(), absent };
    for kind in Kind::ALL.iter().copied().filter(|kind| is_wanted(kind.name())) {
        let bench = Bench { folder, touch: &touch, capture: captures::ready(folder, kind, is_quick)?, runs };
        files.rows.extend(bench.sensor()?);
        // A tenth for those that would take an hour.
        let tenth = Bench { capture: captures::ready(folder, kind, true)?, runs: 1, ..bench };
        let whole = Bench {
            capture: captures::ready(folder, kind, is_quick)?,
            runs: runs.min(PEER_RUNS_MAX),
            ..bench
        };
        for peer in PEERS {
            if peer.has_file_per_connection && kind == Kind::Idle {
                continue;
            }
            let bench = if peer.is_slow { &tenth } else { &whole };
            if let Some(program) = peer.program() {
                let note = if peer.is_slow && !is_quick { " (on a tenth of it)" } else { "" };
                files.rows.extend(bench.peer(peer, &program, note)?);
            }
        }
    }
    Ok(files)
}

/// One capture, and how often it is read.
struct Bench<'a> {
    folder: &'a Path,
    touch: &'a Path,
    capture: Capture,
    runs: usize,
}

impl Bench<'_> {
    /// The sensor's rows; its ways of working take turns.
    fn sensor(&self) -> Result<Vec<Measured>, String> {
        let stats = self.folder.join("stats.json");
        let mut rows: Vec<Measured> = WORKS.iter().map(|(work, _)| self.row(work)).collect();
        for run in 1..=self.runs {
            for (row, (work, options)) in rows.iter_mut().zip(WORKS) {
                say(&format!("{}, {work}: run {run} of {}", self.capture.kind.name(), self.runs));
                let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
                command.args(["replay", "--alerts", "/dev/null", "--stats"]).arg(&stats).args(*options);
                command.arg(&self.capture.path);
                row.pairs.push((self.touch()?, cost(quiet(command), "heelguard")?));
                row.found = Some(found(&stats)?);
            }
        }
        Ok(rows)
    }

    /// A peer's row; none when it fails, which is said.
    fn peer(&self, peer: &Peer, program: &Path, note: &str) -> Result<Option<Measured>, String> {
        let folder = self.folder.join(format!("peer-{}", peer.name));
        let mut row = self.row(&format!("{}{note}", peer.full_name(program)));
        for run in 1..=self.runs {
            say(&format!("{}, {}: run {run} of {}", self.capture.kind.name(), peer.name, self.runs));
            let least = self.touch()?;
            let command = peer.command(program, &self.capture.path, &folder)?;
            match spent::by(command).and_then(|cost| Ok((cost, peer.found(&folder)?))) {
                Ok((cost, found)) => {
                    row.pairs.push((least, cost));
                    row.found = found;
                }
                Err(problem) => {
                    say(&format!("{}: {problem}: it is left out", peer.name));
                    return Ok(None);
                }
            }
        }
        // What it wrote may be as large as the capture.
        let _ = std::fs::remove_dir_all(&folder);
        Ok(Some(row))
    }

    fn row(&self, program: &str) -> Measured {
        let truth = self.capture.truth;
        Measured {
            capture: self.capture.kind.name().to_owned(),
            program: program.to_owned(),
            transactions: truth.transactions,
            connections: truth.connections,
            bytes: truth.bytes,
            is_about_connections: self.capture.kind == Kind::Idle,
            ..Measured::default()
        }
    }

    fn touch(&self) -> Result<Cost, String> {
        let mut command = Command::new(self.touch);
        command.arg(&self.capture.path);
        cost(quiet(command), "touch")
    }
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn cost(command: Command, name: &str) -> Result<Cost, String> {
    spent::by(command).map_err(|problem| format!("{name}: {problem}"))
}

fn compile_touch(folder: &Path) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/touch.c");
    let program = folder.join("touch");
    let mut compiler = Command::new("gcc");
    compiler.args(["-O3", "-march=native", "-Wall", "-o"]).arg(&program).arg(&source).arg("-lpcap");
    let output = compiler.output().map_err(|error| {
        format!(
            "gcc cannot be run ({error}); the comparison needs gcc and libpcap: apt install gcc libpcap-dev"
        )
    })?;
    if output.status.success() {
        return Ok(program);
    }
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("touch.c cannot be compiled; it needs libpcap: apt install libpcap-dev\n{problem}"))
}
