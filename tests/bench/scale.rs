//! `cargo bench --bench scale`: what sensors and workers do on Kafka here, and what that means for larger loads.
//! It sends a capture of mixed traffic to a broker of its own, lets one worker and then two judge it, adds and kills
//! workers, and computes a model from what one core did.
//! It promises that every figure of docs/scale-out.md comes from one run of this command.
//!
//! Options behind `--`: `--quick` (a tenth of the traffic), `--write` (renews docs/scale-out.md), `--transactions` (only what
//! transactions of Kafka would cost).

#[allow(dead_code, reason = "of the captures only one kind is needed")]
mod captures;
mod document;
mod machine;
#[path = "scale/model.rs"]
mod model;
#[path = "../support/services.rs"]
mod services;
#[path = "scale/transactions.rs"]
mod transactions;

use captures::{Capture, Kind};
use model::{Measured, grouped};
use services::Service;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use transactions::Cost;

const PROGRAM: &str = env!("CARGO_BIN_EXE_heelguard");
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_mins(10);
const PARTITIONS: usize = 12;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(made) = captures::make_as_asked(&arguments) {
        return made.map_or_else(|problem| told(&problem), |()| ExitCode::SUCCESS);
    }
    let is = |name: &str| arguments.iter().any(|argument| argument == name);
    let outcome =
        if is("--transactions") { transactions_alone() } else { bench(is("--quick"), is("--write")) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => told(&problem),
    }
}

fn told(problem: &str) -> ExitCode {
    say(&format!("scale: {problem}"));
    ExitCode::FAILURE
}

/// Progress and problems; the tables alone go to standard output.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn transactions_alone() -> Result<(), String> {
    let kafka = Service::kafka().ok_or("Kafka is not installed: make services")?;
    let Cost { plain_ms, committed_ms } = transactions::measure(kafka.get("PLAINTEXT"))?;
    say(&format!("twelve parcels, written: {plain_ms:.1} ms; in a transaction: {committed_ms:.1} ms"));
    Ok(())
}

fn bench(is_quick: bool, write: bool) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let capture = captures::ready(&folder, Kind::Mixed, is_quick)?;
    let kafka = Service::kafka().ok_or("Kafka is not installed: make services")?;
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let place = Place { kafka: &kafka, folder: scratch.path() };
    say("sensor: judging by itself, then sending");
    let alone = place.replay(&capture, &[])?;
    let principals = principals(&scratch.path().join("inventory"))?;
    let mut forward = place.brokers();
    forward.push("scale.forward=true".to_owned());
    let forward: Vec<&str> = forward.iter().map(String::as_str).collect();
    let sending = place.replay(&capture, &forward)?;
    let transactions = capture.truth.transactions as f64;
    let sightings_bytes = place.bytes_of("heelguard.sightings.v1");
    say("one worker");
    let one = place.drain("one", 1, transactions)?;
    let lanes_bytes = place.bytes_of("lanes-one");
    let state_bytes = place.bytes_of("state-one-sightings") + place.bytes_of("state-one-lanes");
    say("two workers");
    let two = place.drain("two", 2, transactions)?;
    say("a worker that comes, and one that is lost");
    let moved = place.moves("one")?;
    say("what Kafka's transactions would cost");
    let committed = transactions::measure(kafka.get("PLAINTEXT"))?;

    let shares = one.shares / transactions;
    let measured = Measured {
        sensor_per_core: transactions / sending.cpu,
        attribution_per_core: transactions / one.cpu_attribution,
        lanes_per_core: one.shares / one.cpu_lanes,
        beside_per_core: transactions / one.cpu_beside.max(0.01),
        shares,
        sighting_bytes: sightings_bytes / transactions,
        share_bytes: lanes_bytes / one.shares,
        state_bytes: state_bytes / principals.max(1.0),
    };
    let made_on = format!("{}; made by `cargo bench --bench scale`.", machine::machine());
    let mut text = format!("{made_on}\n\n| | |\n|---|---|\n");
    let mut row = |what: &str, figure: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {what} | {figure} |");
    };
    row("transactions of mixed traffic", grouped(transactions));
    row("sensor that judges by itself, a core", format!("{}/s", grouped(transactions / alone.cpu)));
    row("sensor that sends, a core", format!("{}/s", grouped(measured.sensor_per_core)));
    row("one worker, from the first record to the last", format!("{}/s", grouped(transactions / one.wall)));
    row("two workers on two cores, Kafka beside them", format!("{}/s", grouped(transactions / two.wall)));
    row("attribution, a core", format!("{}/s", grouped(measured.attribution_per_core)));
    row("shares of a transaction", format!("{shares:.2}"));
    row("lanes, a core", format!("{} shares/s", grouped(measured.lanes_per_core)));
    row(
        "librdkafka beside both: packing, sending, fetching",
        format!("{:.1} µs a transaction", one.cpu_beside / transactions * 1e6),
    );
    row("bytes of a sighting, packed", format!("{:.0}", measured.sighting_bytes));
    row("bytes of a share, packed", format!("{:.0}", measured.share_bytes));
    row("a burst of all of it: waits at most", format!("{} records", grouped(one.lag)));
    row("and is judged after", format!("{:.1} s", one.wall));
    row("a second worker has its share after", format!("{:.1} s", moved.joined));
    row("a worker killed: its share goes on after", format!("{:.1} s", moved.lost));
    row("twelve parcels, written", format!("{:.1} ms", committed.plain_ms));
    row("the same, each twelve in a Kafka transaction", format!("{:.1} ms", committed.committed_ms));
    row("memory of the worker, peak", format!("{:.0} MiB", one.peak_mib));
    let model = model::markdown(&measured);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}\n{model}").and_then(|()| out.flush()).map_err(|error| error.to_string())?;
    if write {
        document::renew("docs/scale-out.md", "measured", &text)?;
        document::renew("docs/scale-out.md", "model", &model)?;
    }
    Ok(())
}

/// How many principals an inventory has.
fn principals(path: &Path) -> Result<f64, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.lines().filter(|line| line.contains(r#""kind":"principal""#)).count() as f64)
}

/// What a program took.
struct Took {
    cpu: f64,
}

/// What a group of workers took for all that was sent.
struct Drained {
    wall: f64,
    shares: f64,
    cpu_attribution: f64,
    cpu_lanes: f64,
    /// Of librdkafka: packing, sending, fetching.
    cpu_beside: f64,
    lag: f64,
    peak_mib: f64,
}

/// How long it took until others had a share.
struct Moved {
    joined: f64,
    lost: f64,
}

/// Where everything runs.
struct Place<'a> {
    kafka: &'a Service,
    folder: &'a Path,
}

/// A worker at work.
struct Worker {
    child: Child,
    port: u16,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Place<'_> {
    fn command(&self, verb: &str, settings: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg(verb);
        let own = [
            format!("privacy.key_file={}", self.folder.join("key").display()),
            "scale.lateness_ms=0".to_owned(),
            "limits.alerts_per_minute_max=1000000".to_owned(),
        ];
        for setting in own.iter().map(String::as_str).chain(settings.iter().copied()) {
            command.args(["--set", setting]);
        }
        command.stdout(Stdio::null());
        command
    }

    /// Kafka, for those who have to do with it.
    fn brokers(&self) -> Vec<String> {
        let brokers = format!("sinks.kafka.brokers={}", self.kafka.get("PLAINTEXT"));
        let others = ["manage_topics=true", "transactions_topic=", "inventory_topic=", "health_topic="];
        let others = others.iter().map(|setting| format!("sinks.kafka.{setting}"));
        std::iter::once(brokers).chain(others).collect()
    }

    fn replay(&self, capture: &Capture, settings: &[&str]) -> Result<Took, String> {
        let mut command = self.command("replay", settings);
        command.args(["--shards", "1", "--inventory"]).arg(self.folder.join("inventory")).arg(&capture.path);
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut cpu = 0.0;
        loop {
            cpu = cpu_of(child.id(), false).unwrap_or(cpu);
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                return if status.success() { Ok(Took { cpu }) } else { Err(format!("replay: {status}")) };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn worker(&self, name: &str, number: usize) -> Result<Worker, String> {
        let port = free_port()?;
        let own = [
            format!("scale.lanes_topic=lanes-{name}"),
            format!("scale.state_topic=state-{name}"),
            format!("scale.group=group-{name}"),
            format!("scale.partitions={PARTITIONS}"),
            format!("web.listen=127.0.0.1:{port}"),
            format!("state.dir={}", self.folder.join(format!("{name}-{number}")).display()),
            "scale.snapshot_s=5".to_owned(),
        ];
        let brokers = self.brokers();
        let settings: Vec<&str> = own.iter().chain(&brokers).map(String::as_str).collect();
        let child = self.command("detect", &settings).spawn().map_err(|error| error.to_string())?;
        Ok(Worker { child, port })
    }

    /// Lets so many workers judge all that was sent.
    fn drain(&self, name: &str, count: usize, transactions: f64) -> Result<Drained, String> {
        let workers: Vec<Worker> =
            (0..count).map(|number| self.worker(name, number)).collect::<Result<_, _>>()?;
        let began = Instant::now();
        let (mut first, mut lag) = (None, 0.0_f64);
        loop {
            let sum = |metric: &str| workers.iter().map(|worker| worker.metric(metric)).sum::<f64>();
            if first.is_none() && sum("heelguard_scale_partitions") > 0.0 {
                first = Some(Instant::now());
            }
            let released = sum("heelguard_scale_released_total");
            lag = lag.max(sum("heelguard_queue_filled"));
            let (dealt, judged) =
                (sum("heelguard_scale_lanes_out_total"), sum("heelguard_scale_lanes_in_total"));
            if released >= transactions && dealt > 0.0 && judged >= dealt {
                let wall = first.unwrap_or(began).elapsed().as_secs_f64();
                let busy = |half: &str| sum(&format!("heelguard_scale_{half}_busy_ms_total"));
                // Both halves are one thread's; what it spent is shared by how long each took.
                let (sightings, lanes) = (busy("sightings"), busy("lanes"));
                let spent: f64 = workers.iter().filter_map(|worker| cpu_of(worker.child.id(), true)).sum();
                let all: f64 = workers.iter().filter_map(|worker| cpu_of(worker.child.id(), false)).sum();
                return Ok(Drained {
                    wall,
                    shares: judged,
                    cpu_attribution: spent * sightings / (sightings + lanes).max(1.0),
                    cpu_lanes: spent * lanes / (sightings + lanes).max(1.0),
                    cpu_beside: all - spent,
                    lag,
                    peak_mib: workers.iter().map(Worker::peak_mib).fold(0.0, f64::max),
                });
            }
            if began.elapsed() > PATIENCE {
                return Err(format!(
                    "{count} workers: {released} of {transactions} attributed, {judged} of {dealt} judged"
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// A second worker joins the group of the first, and is killed.
    fn moves(&self, name: &str) -> Result<Moved, String> {
        let first = self.worker(name, 0)?;
        until("the first worker has all", || {
            first.metric("heelguard_scale_partitions") >= (PARTITIONS + 1) as f64
        })?;
        let began = Instant::now();
        let mut second = self.worker(name, 1)?;
        until("the second worker has a share", || second.metric("heelguard_scale_partitions") >= 1.0)?;
        let joined = began.elapsed().as_secs_f64();
        let killed = Instant::now();
        second.child.kill().map_err(|error| error.to_string())?;
        until("the first worker has all again", || {
            first.metric("heelguard_scale_partitions") >= (PARTITIONS + 1) as f64
        })?;
        Ok(Moved { joined, lost: killed.elapsed().as_secs_f64() })
    }

    /// Bytes of a topic on the broker's disk, without its indexes.
    fn bytes_of(&self, topic: &str) -> f64 {
        let mut folders: Vec<PathBuf> = vec![self.kafka.folder().to_owned()];
        let mut bytes = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (path, is_folder) = (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
                if is_folder {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "log")
                    && is_of(&folder, topic)
                {
                    bytes += entry.metadata().map_or(0, |metadata| metadata.len());
                }
            }
        }
        bytes as f64
    }
}

/// Whether a folder of the broker holds a partition of the topic.
fn is_of(folder: &Path, topic: &str) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.rsplit_once('-').is_some_and(|(known, number)| known == topic && number.parse::<u32>().is_ok())
}

fn until(what: &str, is_so: impl Fn() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() > PATIENCE {
            return Err(format!("not so after {} s: {what}", PATIENCE.as_secs()));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

impl Worker {
    /// The sum of a metric's samples; zero while nobody answers.
    fn metric(&self, name: &str) -> f64 {
        let is_it = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
        };
        let text = self.page().unwrap_or_default();
        text.lines().filter(is_it).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    fn page(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.port)
            .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn peak_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1_024.0
    }
}

/// Seconds of processor time of a process so far, or of its main thread.
fn cpu_of(pid: u32, is_main: bool) -> Option<f64> {
    let place = if is_main { format!("/proc/{pid}/task/{pid}/stat") } else { format!("/proc/{pid}/stat") };
    let text = std::fs::read_to_string(place).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}
