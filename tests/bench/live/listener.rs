//! Who listens at the near end: the sensor, or a peer it is compared with.
//! It is given a folder for files, starts the program, waits until it listens, and stops it.
//! It promises counts from the program's own mouth: packets that came, packets dropped, transactions found.

use super::page::{self, Counts};
use super::used::Used;
use super::wire::Wire;
use crate::peers::{self, SURICATA};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// In the namespace nobody else has taken this port.
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_470);
/// A program that does not listen by then is broken.
const START_MAX: Duration = Duration::from_mins(1);
/// Nor one that does not end by then.
const STOP_MAX: Duration = Duration::from_secs(90);
/// What was sent is behind the listener's eyes by then.
const SETTLE: Duration = Duration::from_millis(1_500);
/// The capture buffer of tcpdump, in KiB: as large as the sensor's by default.
const BUFFER_KIB: u32 = 65_536;

/// A program that can listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Heelguard {
        shards: u16,
    },
    Tcpdump,
    /// One thread that records HTTP.
    Suricata,
}

/// A program that listens now.
pub(crate) struct Listening {
    listener: Listener,
    child: Child,
    folder: PathBuf,
}

/// What it said at its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub received: u64,
    pub dropped: u64,
    /// Packets that it took, as it says.
    pub read: u64,
    /// `None` when it does not look for any.
    pub transactions: Option<u64>,
    /// `None` when it keeps no accounts.
    pub balanced: Option<bool>,
}

impl Listener {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Heelguard { .. } => "heelguard",
            Self::Tcpdump => "tcpdump",
            Self::Suricata => "suricata",
        }
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(self, _wire: &Wire, folder: &Path) -> Result<Listening, String> {
        let problem = |error: std::io::Error| format!("{}: {error}", self.name());
        let log = File::create(self.log(folder)).map_err(problem)?;
        let mut command = self.command(folder)?;
        let too = log.try_clone().map_err(problem)?;
        command.stdin(Stdio::null()).stdout(too).stderr(log);
        let child = command.spawn().map_err(problem)?;
        let mut listening = Listening { listener: self, child, folder: folder.to_owned() };
        let begun = Instant::now();
        while !listening.is_ready() {
            let ended = listening.child.try_wait().map_err(problem)?;
            if ended.is_some() || begun.elapsed() > START_MAX {
                return Err(format!("{} does not listen: {}", self.name(), listening.last_words()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(listening)
    }

    fn command(self, folder: &Path) -> Result<Command, String> {
        match self {
            Self::Heelguard { shards } => {
                let state = folder.join("state");
                // What an earlier run learned is not for this one.
                let _ = std::fs::remove_dir_all(&state);
                std::fs::create_dir_all(&state).map_err(|error| format!("{}: {error}", state.display()))?;
                let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
                command.args(["run", "-i", Wire::NEAR, "--alerts", "/dev/null", "--shards"]);
                command.arg(shards.to_string()).arg("--stats").arg(folder.join("live.json"));
                command.arg("--set").arg(format!("web.listen={PAGE}"));
                command.arg("--set").arg(format!("state.dir={}", state.display()));
                Ok(command)
            }
            Self::Tcpdump => {
                let mut command = Command::new("tcpdump");
                command.args(["-n", "-i", Wire::NEAR, "-w", "/dev/null", "-Z", "root", "-B"]);
                command.arg(BUFFER_KIB.to_string());
                Ok(command)
            }
            Self::Suricata => {
                let records = folder.join("peer-suricata");
                let problem = |error: std::io::Error| format!("{}: {error}", records.display());
                // What an earlier run recorded is not for this one.
                let _ = std::fs::remove_dir_all(&records);
                std::fs::create_dir_all(&records).map_err(problem)?;
                std::fs::write(records.join("suricata.yaml"), SURICATA).map_err(problem)?;
                let mut command = Command::new("suricata");
                command.args(["-c", "suricata.yaml", "-k", "none", "-l", ".", "--runmode", "workers"]);
                command.arg(format!("--af-packet={}", Wire::NEAR)).current_dir(&records);
                Ok(command)
            }
        }
    }

    fn log(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.log", self.name()))
    }
}

impl Listening {
    /// What it uses at this moment.
    pub(crate) fn used(&self) -> Result<Used, String> {
        Used::by(self.child.id())
    }

    /// What it counted so far, if it tells.
    pub(crate) fn counts(&self) -> Option<Counts> {
        matches!(self.listener, Listener::Heelguard { .. }).then(|| page::counts(PAGE))?
    }

    /// Lets it see what is still on the way, tells it to end, and reads its counts.
    pub(crate) fn stop(mut self) -> Result<Outcome, String> {
        std::thread::sleep(SETTLE);
        let name = self.listener.name();
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT).map_err(|error| format!("{name}: {error}"))?;
        let status = self.end()?;
        if !status.success() {
            return Err(format!("{name} ended with {status}: {}", self.last_words()));
        }
        match self.listener {
            Listener::Heelguard { .. } => from_stats(&self.folder.join("live.json")),
            Listener::Tcpdump => {
                let log = self.log()?;
                from_tcpdump(&log).ok_or_else(|| format!("tcpdump gave no counts: {log}"))
            }
            Listener::Suricata => {
                let log = self.log()?;
                let found = peers::lines(&self.folder.join("peer-suricata/eve.json"), peers::http_of_eve)?;
                let outcome = from_suricata(&log).ok_or_else(|| format!("suricata gave no counts: {log}"))?;
                Ok(Outcome { transactions: Some(found), ..outcome })
            }
        }
    }

    fn end(&mut self) -> Result<ExitStatus, String> {
        let asked = Instant::now();
        loop {
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if let Some(status) = ended {
                return Ok(status);
            }
            if asked.elapsed() > STOP_MAX {
                return Err(format!("{} does not end", self.listener.name()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        match self.listener {
            Listener::Heelguard { .. } => self.counts().is_some(),
            Listener::Tcpdump => self.log().is_ok_and(|log| log.contains("listening on")),
            Listener::Suricata => self.log().is_ok_and(|log| log.contains("Engine started")),
        }
    }

    fn log(&self) -> Result<String, String> {
        let path = self.listener.log(&self.folder);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn last_words(&self) -> String {
        let log = self.log().unwrap_or_default();
        log.lines().last().unwrap_or("it said nothing").to_owned()
    }
}

impl Drop for Listening {
    /// A measurement that fails leaves nothing behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The sensor's own account.
fn from_stats(path: &Path) -> Result<Outcome, String> {
    let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| problem(&error))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| problem(&error))?;
    let number = |pointer: &str| {
        let value = json.pointer(pointer).and_then(serde_json::Value::as_u64);
        value.ok_or_else(|| problem(&format!("{pointer} is missing")))
    };
    let transactions = json.get("transactions").and_then(serde_json::Value::as_object);
    Ok(Outcome {
        received: number("/live/received")?,
        // Lost are those that were in a ring when its interface went away.
        dropped: number("/live/kernel_dropped")? + number("/live/lost")?,
        read: number("/packets/read")?,
        transactions: transactions.map(|all| all.values().filter_map(serde_json::Value::as_u64).sum()),
        balanced: json.get("balanced").and_then(serde_json::Value::as_bool),
    })
}

/// `veth1: packets: 12, drops: 0 (0.00%), invalid chksum: 0`.
fn from_suricata(log: &str) -> Option<Outcome> {
    let line = log.lines().rfind(|line| line.contains("packets: ") && line.contains("drops: "))?;
    let count = |what: &str| {
        let rest = line.split_once(what)?.1;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    let (received, dropped) = (count("packets: ")?, count("drops: ")?);
    Some(Outcome { received, dropped, read: received.saturating_sub(dropped), ..Outcome::default() })
}

/// `12 packets captured`, `12 packets received by filter`, `0 packets dropped by kernel`.
fn from_tcpdump(log: &str) -> Option<Outcome> {
    let count = |what: &str| {
        let line = log.lines().find(|line| line.contains(what))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (read, dropped) = (count("captured")?, count("dropped by kernel")?);
    Some(Outcome { received: read + dropped, dropped, read, ..Outcome::default() })
}
