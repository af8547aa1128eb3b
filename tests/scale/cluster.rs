//! A deployment in a folder: sensors, workers, and topics of its own on the broker that all tests share.
//! It is given names and captures; it starts, kills and ends processes and puts together what the workers wrote.
//! It promises that everything ends with the test, and to wait for what must come instead of hoping that it has.

use crate::alerts::{Alerts, Outlines, differences};
use crate::process::Process;
use crate::services::Service;
use serde_json::Value;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The key of the deployment, and one that is not.
const KEY: &str = "8d1f0c4b6ae27395d0b14e88f3a65c7127c9be403d6f81a5e2940b7cd8316f5a";
const OTHER_KEY: &str = "1b7e55c0942fd3a8e6617c0b39d4f2a85c8e0197be64d230af9b5871c6e2d043";
/// What must come has come by then; a group that has to miss a killed member takes its time.
const PATIENCE: Duration = Duration::from_secs(90);
/// What should not come has this long to come.
const STILL: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What one process and a cluster of them have in common. The cap on alerts is a partition's, and how well a sensor sees
/// is each sensor's own: neither is what is compared.
const COMMON: [&str; 4] = [
    "limits.alerts_per_minute_max=1000000",
    "limits.route_hosts_max=1000000",
    "detectors.sensor_self_check.enabled=false",
    "privacy.key_file=key",
];

/// What a cluster has beside it: small, quick, and with a snapshot every second.
const QUICK: [&str; 9] = [
    // Every worker has a page of its own.
    "web.listen=127.0.0.1:0",
    "sinks.kafka.manage_topics=true",
    "sinks.kafka.transactions_topic=",
    "sinks.kafka.inventory_topic=",
    "sinks.kafka.health_topic=",
    "spool.bytes_max=33554432",
    "scale.partitions=4",
    "scale.lateness_ms=200",
    "scale.snapshot_s=1",
];

/// Sensors and workers around a broker.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    folder: tempfile::TempDir,
    settings: Vec<String>,
    workers: Vec<Process>,
    /// Workers that were killed.
    kills: usize,
    began: Instant,
}

/// What is left when all have ended.
#[derive(Debug)]
pub struct Ended {
    pub alerts: Alerts,
    /// The counters of each worker's last run.
    pub stats: Vec<Value>,
    /// Workers that told of anything.
    pub tellers: usize,
}

impl Ended {
    /// A counter of the scale-out, over all workers. One that had nothing to do has none of them.
    pub fn count(&self, name: &str) -> u64 {
        let counted = self.stats.iter().map(|stats| &stats["scale"]).filter(|scale| scale.is_object());
        counted.map(|scale| scale[name].as_u64().unwrap_or_else(|| panic!("scale.{name}: {scale}"))).sum()
    }
}

impl Cluster {
    /// A deployment whose topics have its name in theirs. Nothing is judged before all of `sensors` were heard of.
    pub fn new(kafka: &Service, name: &str, sensors: &[&str], more: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("heelguard-scale-").tempdir().expect("a folder");
        write_key(&folder.path().join("key"), KEY);
        write_key(&folder.path().join("other-key"), OTHER_KEY);
        let mut settings: Vec<String> = COMMON.iter().chain(&QUICK).map(|set| (*set).to_owned()).collect();
        settings.push(format!("sinks.kafka.brokers={}", kafka.get("PLAINTEXT")));
        settings.push(format!("sinks.kafka.alerts_topic={name}-alerts"));
        for topic in ["sightings", "lanes", "keys", "state"] {
            settings.push(format!("scale.{topic}_topic={name}-{topic}"));
        }
        settings.push(format!("scale.group={name}"));
        settings.push(format!("scale.sensors={sensors:?}"));
        settings.extend(more.iter().map(|set| (*set).to_owned()));
        let (workers, kills, began) = (Vec::new(), 0, Instant::now());
        Self { name: name.to_owned(), folder, settings, workers, kills, began }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with one of its commands, by the deployment's settings.
    fn command(&self, verb: &str, name: &str, more: &[&str]) -> Command {
        let mut command = program(self.folder.path(), verb);
        command.args(self.settings.iter().flat_map(|set| ["--set", set]));
        command.args(["--set", &format!("state.dir={name}.state")]);
        command.args(more.iter().flat_map(|set| ["--set", set]));
        command
    }

    /// Starts so many workers.
    pub fn start_workers(&mut self, count: usize) {
        for number in self.workers.len()..self.workers.len() + count {
            self.workers.push(self.worker(number));
        }
    }

    fn worker(&self, number: usize) -> Process {
        let name = format!("w{number}");
        let mut command = self.command("detect", &name, &[]);
        command.args(["--alerts", &format!("{name}.alerts"), "--stats", &format!("{name}.stats")]);
        Process::start(command, &self.path(&format!("{name}.said")))
    }

    /// Kills a worker with its hands full, and starts it again in its place.
    pub fn kill_and_start(&mut self, number: usize) {
        self.assert_all_run();
        self.workers[number].kill();
        self.kills += 1;
        self.workers[number] = self.worker(number);
    }

    fn forwarding(&self, name: &str, more: &[&str]) -> Command {
        let own_name = format!("sensor.name={name}");
        self.command("replay", name, &[&["scale.forward=true", own_name.as_str()][..], more].concat())
    }

    /// A sensor on a capture.
    pub fn sensor(&self, name: &str, capture: &[u8], more: &[&str]) -> Process {
        let file = format!("{name}.pcap");
        std::fs::write(self.path(&file), capture).expect("a capture is written");
        let mut command = self.forwarding(name, more);
        command.args(["--shards", "1", &file]);
        Process::start(command, &self.path(&format!("{name}.said")))
    }

    /// A sensor that reads what it is given.
    pub fn piped(&self, name: &str) -> Process {
        let mut command = self.forwarding(name, &[]);
        command.args(["--shards", "1", "-"]).stdin(Stdio::piped());
        Process::start(command, &self.path(&format!("{name}.said")))
    }

    /// What the workers wrote so far.
    pub fn alerts(&self) -> Alerts {
        Alerts::read(self.files("alerts").iter().map(PathBuf::as_path))
    }

    fn files(&self, kind: &str) -> Vec<PathBuf> {
        (0..self.workers.len()).map(|number| self.path(&format!("w{number}.{kind}"))).collect()
    }

    /// What the workers said so far.
    pub fn said(&self) -> String {
        self.workers.iter().map(Process::said).collect()
    }

    /// Waits until `look` finds something, as long as it may take.
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            self.assert_all_run();
            assert!(began.elapsed() < PATIENCE, "{}: {what} never came: {}", self.name, self.said());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn assert_all_run(&mut self) {
        for worker in &mut self.workers {
            let ended = worker.status();
            assert!(ended.is_none(), "a worker ended, {ended:?}: {}", worker.said());
        }
    }

    /// Waits until exactly this is told, ends the workers in order, and looks again. Episodes of detectors that are
    /// `bounded` may be missing.
    #[track_caller]
    pub fn tells(mut self, expected: &Outlines, bounded: &[&str]) -> Ended {
        let began = Instant::now();
        let is_told = |this: &Self| differences(expected, &this.alerts().outlines(), bounded).is_empty();
        while !is_told(&self) && began.elapsed() < PATIENCE {
            self.assert_all_run();
            std::thread::sleep(LOOK_EVERY);
        }
        let (settled, whole) = (began.elapsed().as_secs_f64(), self.began.elapsed().as_secs_f64());
        std::thread::sleep(STILL);
        let (name, kills) = (self.name.clone(), self.kills);
        let (ended, said) = self.end();
        let Alerts { altered, again, torn, .. } = &ended.alerts;
        let count = ended.alerts.outlines().len();
        eprintln!("{name}: {count} alerts, {kills} kills, {again} states again, {torn} torn lines");
        eprintln!("{name}: told {settled:.1} s after the sensors' end, {whole:.1} s after its begin");
        let wrong = differences(expected, &ended.alerts.outlines(), bounded);
        assert!(wrong.is_empty(), "{name}: {} differences\n{}\n{said}", wrong.len(), wrong.join("\n"));
        assert!(altered.is_empty(), "{name}: {} states differ, such as {:#?}", altered.len(), altered[0]);
        assert!(*torn <= kills, "{name}: {torn} lines are cut, by {kills} kills");
        ended
    }

    /// Ends all workers; what they leave, and what they said.
    pub fn end(mut self) -> (Ended, String) {
        self.workers.iter().for_each(Process::terminate);
        for worker in &mut self.workers {
            let status = worker.ended();
            let said = worker.said();
            assert!(status.success() && !said.contains("panicked"), "{status}: {said}");
        }
        let counted = |path: PathBuf| {
            let text = std::fs::read(&path).expect("counters are written");
            serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let stats = self.files("stats").into_iter().map(counted).collect();
        let wrote = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
        let tellers = self.files("alerts").into_iter().filter(wrote).count();
        (Ended { alerts: self.alerts(), stats, tellers }, self.said())
    }
}

/// What one process says of a capture.
pub fn alone(capture: &[u8]) -> Outlines {
    let folder = tempfile::tempdir().expect("a folder");
    write_key(&folder.path().join("key"), KEY);
    std::fs::write(folder.path().join("whole.pcap"), capture).expect("a capture is written");
    let mut command = program(folder.path(), "replay");
    command.args(COMMON.iter().flat_map(|set| ["--set", set]));
    command.args(["--alerts", "alerts", "whole.pcap"]);
    let told = command.output().expect("the program starts");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let alerts = Alerts::read(std::iter::once(folder.path().join("alerts").as_path()));
    assert_eq!((alerts.torn, alerts.again, alerts.altered.len()), (0, 0, 0));
    alerts.outlines()
}

/// The program in a folder, without what the tester's own environment says.
fn program(folder: &Path, verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
    command.arg(verb).current_dir(folder).env("XDG_STATE_HOME", folder.join("home"));
    command.env_remove("HEELGUARD_LOG").env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
    command.stdin(Stdio::null());
    command
}

fn write_key(path: &Path, key: &str) {
    let opened = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path);
    writeln!(opened.expect("a file is made"), "{key}").expect("a key is written");
}
