//! Everything between a raised record and its far sides: the spool, a worker a sink and lane, and their end.
//! It is given alerts, transactions and reports, writes them into the spool, and tells how each sink is doing.
//! It promises that nothing waits for a far side: a record is on disk, and a sink that is down holds up nobody.

use super::clock::now_ms;
use super::config::Sinks;
use super::dead_letter::DeadLetters;
use super::escape;
use super::guard::Guard;
use super::inventory::Take;
use super::record::{AlertRecord, Labels, TlsRecord, TransactionRecord};
use super::spool::{self, Full, Kind, Lane, Reading, Record, Spool};
use super::status::{State, Status, Told, Watch};
use super::worker::{self, Job, Worker};
use crate::metrics::SinkCounters;
use heelguard_detectors::alert::Alert;
use heelguard_detectors::health;
use heelguard_detectors::identity::PrincipalKind;
use heelguard_detectors::tls::TlsConnection;
use heelguard_detectors::transaction::Transaction;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Says a line to the operator, from any thread.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// After a wish to end, this is left for delivery.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How long workers may take to leave what they are at when all is over.
const LEAVE_WITHIN: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The open way out.
pub struct Delivery {
    labels: Labels,
    spool: Spool,
    queues: Arc<[Queue]>,
    workers: Vec<Worker>,
    line: Vec<u8>,
    guard: Guard,
}

struct Queue {
    reading: Reading,
    watch: Watch,
}

/// Asks how the sinks are doing, from any thread, for as long as it likes.
#[derive(Clone)]
pub struct Observer {
    spool: Spool,
    queues: Arc<[Queue]>,
}

impl Observer {
    /// How each queue is doing.
    pub fn statuses(&self) -> Vec<Status> {
        self.queues.iter().map(|queue| queue.status(&self.spool)).collect()
    }
}

/// Why nothing can be delivered.
#[derive(Debug, PartialEq, Eq)]
pub enum OpenError {
    /// A setting, or what it names, is at fault.
    Setting(String),
    /// The system refused.
    System(String),
}

/// How delivery ended.
pub struct Closed {
    /// Each queue at its end.
    pub statuses: Vec<Status>,
    /// What could not be delivered, a line a queue.
    pub left: Vec<String>,
}

impl Delivery {
    /// Opens the spool and starts a worker for each sink that is on; `None` when none is. Without a folder what waits
    /// is kept in memory. What an operator should know is told now and later.
    pub fn open(
        sinks: &Sinks,
        config: &spool::Config,
        folder: Option<&Path>,
        full: Full,
        labels: &Labels,
        tell: &Tell,
    ) -> Result<Option<Self>, OpenError> {
        let mut destinations = Vec::new();
        for wanted in sinks.wanted() {
            let reading = Reading { sink: wanted.name.into(), lane: wanted.lane };
            destinations.push((reading, wanted.open(labels).map_err(OpenError::Setting)?));
        }
        if destinations.is_empty() {
            return Ok(None);
        }
        let readings: Vec<Reading> = destinations.iter().map(|(reading, _)| reading.clone()).collect();
        let spool = match folder {
            Some(folder) => {
                let opened = Spool::open(&folder.join("spool"), config, full, &readings);
                let (spool, told) = opened.map_err(of_spool)?;
                for line in told {
                    tell(&line);
                }
                spool
            }
            None => Spool::in_memory(config, full, &readings).map_err(of_spool)?,
        };
        let (mut queues, mut workers) = (Vec::new(), Vec::new());
        let mut told: BTreeMap<Arc<str>, Told> = BTreeMap::new();
        for (reading, destination) in destinations {
            let Some(reader) = spool.reader(&reading) else { continue };
            let letters = folder.map_or_else(DeadLetters::default, |f| DeadLetters::of(f, &reading.sink));
            let watch = Watch::new(told.entry(reading.sink.clone()).or_default().clone());
            let job = Job {
                sink: reading.sink.clone(),
                lane: reading.lane,
                destination,
                reader,
                letters,
                watch: watch.clone(),
                tell: Arc::clone(tell),
            };
            let started = Worker::start(job).map_err(no_thread)?;
            workers.push(started);
            queues.push(Queue { reading, watch });
        }
        let guard = Guard::start(spool.clone(), Arc::clone(tell)).map_err(no_thread)?;
        let (labels, queues) = (labels.clone(), queues.into());
        Ok(Some(Self { labels, spool, queues, workers, line: Vec::new(), guard }))
    }

    /// Takes one state of one episode. Its key is the episode: states stay in order.
    pub fn alert(&mut self, alert: &Alert) {
        let Self { labels, spool, line, .. } = self;
        let id = alert.id.0;
        append(spool, line, Head { kind: Kind::Alert, id, key: id }, &AlertRecord::new(alert, labels));
    }

    /// Takes a transaction. Its key is who it is of: what one principal did stays in order.
    pub fn transaction(&mut self, transaction: &Transaction) {
        if self.takes(Lane::Transactions) {
            let head = Head { kind: Kind::Transaction, id: transaction.id.0, key: owner(transaction) };
            append(&self.spool, &mut self.line, head, &TransactionRecord::new(transaction));
        }
    }

    /// Takes a connection that was not read. Its key is its client.
    pub fn connection(&mut self, connection: &TlsConnection) {
        if self.takes(Lane::Transactions) {
            let key = key_of(&["client", &connection.client.ip.to_string()]);
            let head = Head { kind: Kind::Connection, id: connection.id.0, key };
            append(&self.spool, &mut self.line, head, &TlsRecord::new(connection));
        }
    }

    /// Takes a frame of sightings as it is. Its key is the tenant: what its sensors saw stays in order.
    pub fn sightings(&mut self, id: u128, frame: &[u8]) {
        let key = key_of(&[self.labels.tenant.as_str()]);
        self.spool.append(&Record { kind: Kind::Sightings, raised_ms: now_ms(), id, key, body: frame });
    }

    /// Takes what is known of a thing; a later record with the same key replaces this one.
    pub fn report(&mut self, kind: Kind, key: u128, record: &impl Serialize) {
        append(&self.spool, &mut self.line, Head { kind, id: key, key }, record);
    }

    /// Whether any sink takes records of this lane.
    pub fn takes(&self, lane: Lane) -> bool {
        self.queues.iter().any(|queue| queue.reading.lane == lane)
    }

    /// Waits until what was raised is on disk; false when some of it could not be kept.
    pub fn settle(&self) -> bool {
        self.spool.sync()
    }

    /// Whether nothing of this lane waits for any sink.
    pub fn has_delivered(&self, lane: Lane) -> bool {
        let mut queues = self.queues.iter().filter(|queue| queue.reading.lane == lane);
        queues.all(|queue| self.spool.account(&queue.reading).spooled == 0)
    }

    /// What waits, and for whom, for the rule that watches the sensor.
    pub fn spool(&self) -> health::Spool {
        let waiting = |queue: &Queue| {
            let records = self.spool.account(&queue.reading).spooled;
            (records > 0)
                .then(|| (format!("{} ({})", queue.reading.sink, queue.reading.lane.name()), records))
        };
        let sinks = self.queues.iter().filter_map(waiting).collect();
        health::Spool { fill_pct: self.spool.fill_pct(), sinks }
    }

    /// Somebody who can ask how each queue is doing.
    pub fn observer(&self) -> Observer {
        Observer { spool: self.spool.clone(), queues: Arc::clone(&self.queues) }
    }

    /// How each queue is doing.
    pub fn statuses(&self) -> Vec<Status> {
        self.observer().statuses()
    }

    /// Ends it: goes on as long as some sink gets on, `patience` after the last record that arrived at the most, and no
    /// longer than `STOP_WITHIN` once somebody wishes it to end.
    pub fn close(self, patience: Duration, is_stopped: impl Fn() -> bool) -> Closed {
        self.spool.sync();
        // Nobody waits for more: what lingers goes out now.
        self.spool.hasten();
        let began = Instant::now();
        let mut stopped = None;
        while self.queues.iter().any(|queue| self.spool.account(&queue.reading).spooled > 0) {
            let last = self.queues.iter().map(|queue| queue.watch.progress()).fold(began, Instant::max);
            let is_at_it = self.queues.iter().any(|queue| queue.watch.is_delivering());
            if stopped.is_none() && is_stopped() {
                stopped = Some(Instant::now());
            }
            let is_over = stopped.is_some_and(|since: Instant| since.elapsed() >= STOP_WITHIN);
            if is_over || (last.elapsed() >= patience && !is_at_it) {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let threads = self.workers.into_iter().map(Worker::stop).collect();
        worker::join(threads, Instant::now() + LEAVE_WITHIN);
        drop(self.guard);
        self.spool.close();
        let statuses: Vec<Status> = self.queues.iter().map(|queue| queue.status(&self.spool)).collect();
        let left = statuses.iter().filter(|status| status.waiting > 0).map(words_of_what_is_left).collect();
        Closed { statuses, left }
    }
}

impl Take for Delivery {
    fn take(&mut self, names: &[&str], record: &impl Serialize) {
        self.report(Kind::Inventory, key_of(names), record);
    }
}

impl Queue {
    fn status(&self, spool: &Spool) -> Status {
        let Self { reading, watch } = self;
        watch.status(&reading.sink, reading.lane, &spool.account(reading))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn no_thread(error: std::io::Error) -> OpenError {
    OpenError::System(format!("cannot start a thread: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn of_spool(error: spool::OpenError) -> OpenError {
    let message = error.to_string();
    match error {
        spool::OpenError::Io(..) | spool::OpenError::Random(_) => OpenError::System(message),
        spool::OpenError::InUse(_) | spool::OpenError::Unsafe(..) | spool::OpenError::Newer(..) => {
            OpenError::Setting(message)
        }
    }
}

/// What a record is known by.
struct Head {
    kind: Kind,
    id: u128,
    key: u128,
}

fn append(spool: &Spool, line: &mut Vec<u8>, Head { kind, id, key }: Head, record: &impl Serialize) {
    line.clear();
    // A record that has no JSON form does not exist; writing to memory cannot fail.
    if escape::write_json_line(line, record).is_ok() {
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        spool.append(&Record { kind, raised_ms: now_ms(), id, key, body });
    }
}

/// Whom a transaction belongs to, as a key of fixed size: the principal, or the client where there is none.
fn owner(transaction: &Transaction) -> u128 {
    let principal = &transaction.principal;
    if principal.kind == PrincipalKind::Anonymous {
        return key_of(&["client", &transaction.client.ip.to_string()]);
    }
    key_of(&[principal.kind.name(), &principal.id])
}

/// A key of fixed size for a thing with these names.
pub fn key_of(names: &[&str]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for name in names {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
    }
    let mut key = [0; 16];
    key.copy_from_slice(hasher.finalize().as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]));
    u128::from_be_bytes(key)
}

fn words_of_what_is_left(status: &Status) -> String {
    let why = match (&status.trouble, status.state) {
        (Some(trouble), _) => trouble.clone(),
        (None, State::Starting) => format!("sinks.{} did not answer yet", status.sink),
        (None, _) => format!("sinks.{} was not fast enough", status.sink),
    };
    format!("{} {} wait for {}: {why}", status.waiting, status.lane, status.sink)
}

/// Statuses by sink, lanes added up, for the counters.
pub fn by_sink(statuses: &[Status]) -> Vec<(String, SinkCounters)> {
    let mut sums: BTreeMap<&str, SinkCounters> = BTreeMap::new();
    for status in statuses {
        sums.entry(&status.sink).or_default().add(&status.counters);
    }
    sums.into_iter().map(|(sink, counters)| (sink.to_owned(), counters)).collect()
}
