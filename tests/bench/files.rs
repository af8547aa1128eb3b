//! The part on files: every program on every capture, each run beside one of `touch` on the same file.
//! It is given a folder for captures and programs, and gives rows for the table and what was not there.
//! It promises that runs of all programs alternate, so that none has the quiet hour of the machine for itself.

use crate::captures::{self, Capture, Kind};
use crate::peers::{PEERS, Peer};
use crate::table::{Cost, Measured, Peak};
use crate::{found, say, spent};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is asked of the sensor, beside the file.
struct Work {
    name: &'static str,
    options: &'static [&'static str],
    /// Whether it is given the secrets of what is sealed.
    has_keys: bool,
}

const ALERTS: Work = Work { name: "heelguard, alerts only", options: &["--shards", "1"], has_keys: true };
const WRITTEN: Work = Work {
    name: "heelguard, every transaction written",
    options: &["--shards", "1", "--transactions", "/dev/null"],
    has_keys: true,
};
const SHARDS: Work =
    Work { name: "heelguard, alerts only, two shards", options: &["--shards", "2"], has_keys: true };
const DARK: Work =
    Work { name: "heelguard, without the key log", options: &["--shards", "1"], has_keys: false };

/// How the sensor works on a capture; alerts only comes first.
fn works(kind: Kind) -> &'static [Work] {
    match kind {
        Kind::Mixed | Kind::Tiny | Kind::Downloads | Kind::Elephant | Kind::Idle | Kind::Http2 => {
            &[ALERTS, WRITTEN, SHARDS]
        }
        Kind::Tls13 => &[ALERTS, WRITTEN, DARK],
        Kind::Resets | Kind::IdleHttp2 | Kind::IdleTls13 => &[ALERTS],
    }
}

/// Where all connections are to stay open, which are more than the default has room for.
const ROOM_FOR_ALL: &str = "limits.memory_mib=12288";
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
    let mut absent: Vec<_> =
        PEERS.iter().filter(|peer| peer.program().is_none()).map(|peer| peer.name).collect();
    absent.dedup();
    let mut files = Files { rows: Vec::new(), absent };
    for kind in Kind::ALL.iter().copied().filter(|kind| is_wanted(kind.name())) {
        let bench = Bench { folder, touch: &touch, capture: captures::ready(folder, kind, is_quick)?, runs };
        let mut rows = bench.sensor()?;
        // A tenth for those that would take an hour.
        let tenth = Bench { capture: captures::ready(folder, kind, true)?, runs: 1, ..bench };
        if let Some(row) = rows.first_mut().filter(|_| !is_quick && (kind.is_idle() || kind == Kind::Resets))
        {
            row.tenth = Some(tenth.peak(bench.capture.keys())?);
        }
        files.rows.extend(rows);
        let whole = Bench {
            capture: captures::ready(folder, kind, is_quick)?,
            runs: runs.min(PEER_RUNS_MAX),
            ..bench
        };
        for peer in PEERS {
            if !peer.captures.contains(&kind.name()) {
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
        let works = works(self.capture.kind);
        let mut rows: Vec<Measured> = works.iter().map(|work| self.row(work.name)).collect();
        for run in 1..=self.runs {
            for (row, work) in rows.iter_mut().zip(works) {
                say(&format!("{}, {}: run {run} of {}", self.capture.kind.name(), work.name, self.runs));
                let least = self.touch()?;
                let (spent, found) = self.work(work, self.capture.keys().filter(|_| work.has_keys))?;
                row.pairs.push((least, spent));
                row.found = (work.has_keys || !self.capture.kind.is_sealed()).then_some(found);
            }
        }
        Ok(rows)
    }

    /// One run of the sensor: its cost, and the transactions that it found.
    fn work(&self, work: &Work, keys: Option<PathBuf>) -> Result<(Cost, u64), String> {
        let stats = self.folder.join("stats.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
        command.args(["replay", "--alerts", "/dev/null", "--stats"]).arg(&stats).args(work.options);
        if self.capture.kind.is_idle() {
            command.args(["--set", ROOM_FOR_ALL]);
        }
        if let Some(keys) = keys {
            command.arg("--keylog").arg(keys);
        }
        command.arg(&self.capture.path);
        Ok((cost(quiet(command), "heelguard")?, found(&stats)?))
    }

    /// What memory the sensor needs for this capture. The secrets are those of the whole one: how many are kept does not
    /// depend on what is open.
    fn peak(&self, keys: Option<PathBuf>) -> Result<Peak, String> {
        let (spent, _) = self.work(&ALERTS, keys)?;
        Ok(Peak { connections: self.capture.truth.connections, bytes: spent.peak_bytes })
    }

    /// A peer's row; none when it fails, which is said.
    fn peer(&self, peer: &Peer, program: &Path, note: &str) -> Result<Option<Measured>, String> {
        let folder = self.folder.join(format!("peer-{}", peer.name));
        let mut row = self.row(&format!("{}{note}", peer.full_name(program)));
        for run in 1..=self.runs {
            say(&format!("{}, {}: run {run} of {}", self.capture.kind.name(), peer.name, self.runs));
            let least = self.touch()?;
            let command =
                peer.command(program, &self.capture.path, self.capture.keys().as_deref(), &folder)?;
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
            content: truth.content,
            is_about_connections: self.capture.kind.is_idle(),
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
