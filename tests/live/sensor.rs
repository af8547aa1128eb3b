//! The built program as a sensor, and what can be seen of it from outside.
//! It is given a folder and arguments, and gives what the sensor said, wrote and answered.
//! It promises that a sensor ends with its test, and waits for what must come for as long as a busy machine may take.

use crate::network::Cable;
use crate::page;
use crate::program::program;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What must come has come by then, on any machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder for the sensors of one test.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `heelguard run` that writes alerts, transactions and stats into files of this name.
    pub fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = Command::new(program());
        self.arguments(&mut command, name, more);
        command
    }

    /// Adds the same to another command.
    pub fn arguments(&self, command: &mut Command, name: &str, more: &[&str]) {
        command.arg("run");
        for records in ["alerts", "transactions", "stats"] {
            command.arg(format!("--{records}")).arg(self.path(&format!("{name}.{records}")));
        }
        let state = format!("state.dir={}", self.path("state").display());
        let settings = [state.as_str(), "web.listen=127.0.0.1:0", "capture.ring_mib=8"];
        command.args(settings.iter().flat_map(|setting| ["--set", setting])).args(more);
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").stdin(Stdio::null());
    }

    /// Starts a sensor and waits until it listens.
    pub fn start(&self, name: &str, more: &[&str]) -> Sensor {
        self.start_command(name, self.command(name, more))
    }

    pub fn start_command(&self, name: &str, mut command: Command) -> Sensor {
        let said = self.path(&format!("{name}.said"));
        command.stdout(Stdio::null()).stderr(File::create(&said).unwrap());
        let child = Guard(command.spawn().unwrap());
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut sensor = Sensor { child, said, records: self.path(name), address };
        sensor.address = sensor.until("its first word", |sensor| {
            let said = sensor.said();
            let address = said.split_once("metrics are at http://")?.1.split_once("/metrics")?.0;
            address.parse().ok()
        });
        sensor
    }

    /// Exit code and words of a sensor that does not start.
    pub fn refused(&self, more: &[&str]) -> (i32, String) {
        refused(self.command("refused", more))
    }
}

/// Exit code and words of a command that does not start a sensor.
pub fn refused(mut command: Command) -> (i32, String) {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A sensor that listens.
pub struct Sensor {
    child: Guard,
    said: PathBuf,
    records: PathBuf,
    pub address: SocketAddr,
}

impl Sensor {
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }

    /// How often it said these words.
    pub fn said_times(&self, words: &str) -> usize {
        self.said().matches(words).count()
    }

    /// Waits until it has said these words so often.
    pub fn says(&mut self, words: &str, times: usize) {
        self.until(words, |sensor| (sensor.said_times(words) >= times).then_some(()));
    }

    /// Waits for what `look` finds.
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let ended = self.child.0.try_wait().unwrap();
            assert!(ended.is_none(), "{what}: it ended, {ended:?}: {}", self.said());
            assert!(began.elapsed() < PATIENCE, "{what} never came: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the kernel has handed over, or dropped, all that came out of a cable.
    pub fn hears(&mut self, cable: &Cable) -> u64 {
        let arrived = cable.arrived();
        self.receives(cable.near, arrived);
        arrived
    }

    /// Waits until so many packets came to an interface.
    pub fn receives(&mut self, interface: &str, count: u64) {
        self.until(&format!("packet {count} at {interface}"), |sensor| {
            let rows = page::readiness(sensor.address);
            let row = rows["interfaces"].as_array()?.iter().find(|row| row["name"] == interface)?;
            row["received"].as_u64().filter(|received| *received >= count)
        });
    }

    /// Alerts so far.
    pub fn alerts(&self) -> Vec<Value> {
        lines(&self.records.with_extension("alerts"))
    }

    /// Transactions so far.
    pub fn transactions(&self) -> Vec<Value> {
        lines(&self.records.with_extension("transactions"))
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Tells it to end; gives what it counted.
    pub fn end(self) -> Ended {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits until it has ended by itself.
    pub fn ended(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        };
        let counted = std::fs::read(self.records.with_extension("stats")).unwrap_or_default();
        Ended {
            status,
            said: self.said(),
            stats: serde_json::from_slice(&counted).unwrap_or_default(),
            alerts: self.alerts(),
            transactions: self.transactions(),
        }
    }
}

/// What a sensor leaves behind.
pub struct Ended {
    pub status: ExitStatus,
    pub said: String,
    pub stats: Value,
    pub alerts: Vec<Value>,
    pub transactions: Vec<Value>,
}

impl Ended {
    /// It ended well, its account adds up, and so many packets came to it.
    #[track_caller]
    pub fn has_received(&self, count: u64) {
        assert!(self.status.success(), "{}: {}", self.status, self.said);
        assert_eq!(self.stats["balanced"], true, "{}", self.stats);
        assert_eq!(self.live("received"), count, "{}", self.stats);
        let known = self.read() + self.live("kernel_dropped") + self.live("lost");
        assert_eq!(known, count, "{}", self.stats);
        assert_eq!(self.live("waiting"), 0, "{}", self.stats);
    }

    /// The same, and all of them were read.
    #[track_caller]
    pub fn has_read(&self, count: u64) {
        self.has_received(count);
        assert_eq!(self.read(), count, "{}", self.stats);
    }

    /// Packets read.
    pub fn read(&self) -> u64 {
        self.stats["packets"]["read"].as_u64().unwrap()
    }

    /// A count of the live capture.
    pub fn live(&self, name: &str) -> u64 {
        self.stats["live"][name].as_u64().unwrap_or_else(|| panic!("{name}: {}", self.stats))
    }

    /// Whole transactions.
    pub fn whole(&self) -> u64 {
        self.stats["transactions"]["whole"].as_u64().unwrap()
    }
}

/// Ends with the test, however that ends.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Records of a file, without the line that is still being written.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}
