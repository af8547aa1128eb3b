//! The sensor inside the test's own process: one capture in, the bytes of its records out.
//! A test gives captures and a number of shards; settings are the built-in defaults with a fixed key.
//! It promises what the program promises, without the cost of starting it a thousand times.

use heelguard::capture::CaptureError;
use heelguard::capture::replay::Timeline;
use heelguard::config;
use heelguard::identity::Settings;
use heelguard::identity::geo::Geo;
use heelguard::identity::secret::Keyring;
use heelguard::ledger::Ledger;
use heelguard::metrics::Counters;
use heelguard::pipeline::{self, Outputs, Progress, Summary};
use heelguard::report::{Form, Kind, Range, Sight, Source, Told, of_ledger};
use heelguard::sinks::record::{AlertRecord, Labels, TlsRecord, TransactionRecord};
use heelguard::web::{self, Shown};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::tls::TlsConnection;
use heelguard_detectors::transaction::Transaction;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The records of one run.
#[derive(PartialEq, Eq)]
pub struct Run {
    pub alerts: Vec<u8>,
    pub transactions: Vec<u8>,
    /// Connections under TLS that were not read.
    pub connections: Vec<u8>,
    pub counters: Counters,
}

/// Runs the sensor over captures; a damaged one gives what came before the damage.
pub fn run(captures: &[&Path], shards: usize) -> Result<Run, CaptureError> {
    let paths: Vec<_> = captures.iter().map(|path| path.to_path_buf()).collect();
    let mut timeline = Timeline::open(&paths)?;
    let raw = config::load(None, &[]).expect("the defaults are valid");
    let (alerts, transactions, connections) = Default::default();
    let mut records = Records { labels: raw.labels(), alerts, transactions, connections };
    let summary = pipeline::run(&mut timeline, &raw.options(settings(), shards), &mut records)
        .expect("records go to memory");
    assert_eq!(summary.counters.imbalance(), None, "{captures:?} with {shards} shards");
    let Records { alerts, transactions, connections, .. } = records;
    Ok(Run { alerts, transactions, connections, counters: summary.counters })
}

/// Runs the sensor over captures and renders every page that would be served of it, and every form of its report.
pub fn pages(captures: &[&Path]) -> Result<Vec<String>, CaptureError> {
    let paths: Vec<_> = captures.iter().map(|path| path.to_path_buf()).collect();
    let raw = config::load(None, &[]).expect("the defaults are valid");
    let (ledger, summary) = seen(&mut Timeline::open(&paths)?);
    let labels = raw.labels();
    let source = Source { kind: Kind::Capture, name: "a capture".to_owned() };
    let sight = Sight::of(&summary.counters);
    let told = Told { labels: &labels, source, range: Range::default(), sight };
    let report = of_ledger(&ledger, told);
    let shown = Shown {
        labels: raw.labels(),
        source: "a capture".to_owned(),
        ledger,
        survey: Arc::default(),
        state_dir: None,
    };
    let mut pages = web::pages(shown, &summary.counters, &[]).expect("every row has its page");
    pages.extend([Form::Html, Form::Markdown, Form::Json].map(|form| report.write(form)));
    Ok(pages)
}

/// What the sensor has seen of a source, by its defaults.
pub fn seen(source: &mut dyn pipeline::Source) -> (Arc<Ledger>, Summary) {
    let raw = config::load(None, &[]).expect("the defaults are valid");
    let ledger = Arc::new(Ledger::default());
    let summary = pipeline::run(source, &raw.options(settings(), 1), &mut Seen(Arc::clone(&ledger)))
        .expect("nothing is written");
    (ledger, summary)
}

/// What pages show.
struct Seen(Arc<Ledger>);

impl Outputs for Seen {
    fn alert(&mut self, alert: &Alert) -> anyhow::Result<()> {
        self.0.alert(alert);
        Ok(())
    }

    fn transaction(&mut self, transaction: &Transaction) -> anyhow::Result<()> {
        self.0.observe(transaction);
        Ok(())
    }

    fn progress(&mut self, _: &Progress) {}
}

impl Run {
    /// The transactions as JSON values.
    pub fn transaction_values(&self) -> Vec<Value> {
        values(&self.transactions)
    }

    /// The connections that were not read as JSON values.
    pub fn connection_values(&self) -> Vec<Value> {
        values(&self.connections)
    }
}

fn values(records: &[u8]) -> Vec<Value> {
    let lines = records.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a record is JSON")).collect()
}

/// One settings value for all runs: the country table is read once, the key never changes.
pub fn settings() -> Arc<Settings> {
    static SETTINGS: OnceLock<Arc<Settings>> = OnceLock::new();
    let build = || {
        let raw = config::load(None, &[]).expect("the defaults are valid");
        let keyring = Keyring::from_bytes(&[7; 32]).expect("32 bytes are a key");
        Settings::build(&raw.network, &raw.identity, &raw.privacy, keyring, Geo::builtin())
            .map(Arc::new)
            .expect("the defaults are valid")
    };
    SETTINGS.get_or_init(build).clone()
}

struct Records {
    labels: Labels,
    alerts: Vec<u8>,
    transactions: Vec<u8>,
    connections: Vec<u8>,
}

impl Outputs for Records {
    fn alert(&mut self, alert: &Alert) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.alerts, &AlertRecord::new(alert, &self.labels))?;
        self.alerts.push(b'\n');
        Ok(())
    }

    fn transaction(&mut self, transaction: &Transaction) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.transactions, &TransactionRecord::new(transaction))?;
        self.transactions.push(b'\n');
        Ok(())
    }

    fn connection(&mut self, connection: &TlsConnection) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.connections, &TlsRecord::new(connection))?;
        self.connections.push(b'\n');
        Ok(())
    }

    fn progress(&mut self, _: &Progress) {}
}
