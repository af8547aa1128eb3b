//! The records of a run: what the pipeline finds, on its way to the outputs that were asked for.
//! It is given alerts and transactions in order and writes them; at the end inventory and counters.
//! It promises that a full disk under one output stops no other, and is told with what was lost.

mod outputs;
mod shipping;

pub(super) use outputs::OutputArgs;
pub(super) use shipping::Shipping;

use super::explain::Explainer;
use super::progress::Progress;
use super::systemd::Notifier;
use super::way_out::WayOut;
use super::{Failure, described, inform, warn};
use crate::capture::live;
use crate::http::Services;
use crate::metrics::{Counters, InterfaceRow, LiveRows, SinkCounters};
use crate::openapi::{Book, Learner, Survey};
use crate::pipeline::{self, Forward, Options};
use crate::sinks::delivery::Tell;
use crate::sinks::inventory::Inventory;
use crate::sinks::jsonl::Jsonl;
use crate::sinks::readable;
use crate::sinks::record::{AlertRecord, Labels, ServiceRow, StatsRecord, TlsRecord, TransactionRecord};
use crate::sinks::spool::Lane;
use crate::web::Live;
use crossbeam_channel::Receiver;
use heelguard_detectors::alert::{Alert, Severity, Status};
use heelguard_detectors::health::Spool;
use heelguard_detectors::saved::Damaged;
use heelguard_detectors::tls::TlsConnection;
use heelguard_detectors::transaction::Transaction;
use outputs::Form;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Alerts kept for the page; later ones are written and not kept.
const KEPT_MAX: usize = 100_000;
/// How often the counters that can be read are renewed.
const LIVE_EVERY: Duration = Duration::from_secs(1);

/// What was raised, for `--fail-on` and the closing words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Episodes opened, by severity in the order of the list.
    pub(super) opened: [u64; Severity::ALL.len()],
    /// The worst state of any episode.
    pub(super) worst: Option<Severity>,
}

/// The open outputs of a run.
pub(super) struct Records {
    labels: Labels,
    form: Form,
    alerts: Jsonl,
    transactions: Option<Jsonl>,
    inventory: Option<Inventory>,
    inventory_sink: Option<Jsonl>,
    stats: Option<Jsonl>,
    /// Learns a description of what is called, and where it goes.
    learner: Option<(Box<Learner>, PathBuf)>,
    /// What descriptions declare, beside what is seen, and where that is written.
    survey: Arc<Survey>,
    openapi_table: Option<Jsonl>,
    tally: Tally,
    /// Alerts for whoever asked to keep them.
    kept: Option<Vec<Alert>>,
    explainer: Option<Explainer>,
    /// The sinks of the configuration.
    way_out: Option<WayOut>,
    /// Makes frames of what is seen, where workers judge it.
    shipping: Option<Shipping>,
    /// Whether traffic is read while it happens.
    is_live: bool,
    /// What was told of outputs that take nothing more.
    complaints: Vec<String>,
    /// Where the counters can be read while the run goes on, and when they were put there last.
    live: Option<(Arc<Live>, Instant)>,
    /// What is told of a live sensor with its counters.
    rows: LiveRows,
    /// Another configuration, when somebody asked for it.
    changes: Option<Receiver<Box<Options>>>,
    notifier: Notifier,
    /// The interfaces that traffic comes from.
    interfaces: Option<live::Observer>,
    progress: Progress,
}

/// The reader of stdout went away, and nothing else is wanted of this run.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads any more")]
pub(super) struct ReaderGone;

impl pipeline::Outputs for Records {
    fn alert(&mut self, alert: &Alert) -> anyhow::Result<()> {
        if alert.status == Status::Open
            && let Some(count) = self.tally.opened.get_mut(alert.severity as usize)
        {
            *count += 1;
        }
        self.tally.worst = self.tally.worst.max(Some(alert.severity));
        if let Some(kept) = self.kept.as_mut().filter(|kept| kept.len() < KEPT_MAX) {
            kept.push(alert.clone());
        }
        if let Some((live, _)) = &self.live {
            live.alert(alert);
        }
        if let Some(way_out) = &mut self.way_out {
            way_out.delivery.alert(alert);
        }
        let (sink, labels) = (&mut self.alerts, &self.labels);
        match self.form {
            Form::Jsonl => sink.write(&AlertRecord::new(alert, labels)),
            // A person is watching: each alert is shown at once.
            Form::Text(colours) => self.progress.aside(|| {
                sink.write_with(|out| readable::write_alert(out, alert, colours));
                sink.flush();
            }),
        }
        self.go_on()
    }

    fn transaction(&mut self, transaction: &Transaction) -> anyhow::Result<()> {
        if let Some(inventory) = &mut self.inventory {
            inventory.observe(transaction);
        }
        self.survey.observe(transaction);
        if let Some((learner, _)) = &mut self.learner {
            learner.observe(transaction);
        }
        if let Some(explainer) = &mut self.explainer {
            explainer.look_at(transaction);
        }
        if let Some(sink) = &mut self.transactions {
            sink.write(&TransactionRecord::new(transaction));
        }
        if let Some(way_out) = &mut self.way_out {
            way_out.delivery.transaction(transaction);
        }
        self.go_on()
    }

    fn connection(&mut self, connection: &TlsConnection) -> anyhow::Result<()> {
        if let Some(sink) = &mut self.transactions {
            sink.write(&TlsRecord::new(connection));
        }
        if let Some(way_out) = &mut self.way_out {
            way_out.delivery.connection(connection);
        }
        self.go_on()
    }

    fn forward(&mut self, released: Forward) -> anyhow::Result<u64> {
        let (Some(shipping), Some(way_out)) = (&mut self.shipping, &mut self.way_out) else {
            anyhow::bail!("nobody takes what is seen here");
        };
        Ok(shipping.ship(released, |id, frame| way_out.delivery.sightings(id, frame)))
    }

    fn explained(&mut self, lines: &[String]) {
        // Alerts that were raised before are printed before.
        self.alerts.flush();
        self.progress.aside(|| Explainer::print(lines));
    }

    fn settle(&mut self) -> bool {
        let files = [Some(&mut self.alerts), self.transactions.as_mut()];
        let written = files.into_iter().flatten().fold(true, |all, sink| {
            sink.flush();
            all && !sink.has_failed()
        });
        self.way_out.as_ref().is_none_or(|way_out| way_out.delivery.settle()) && written
    }

    fn is_delivered(&mut self) -> bool {
        self.way_out.as_ref().is_none_or(|way_out| way_out.delivery.has_delivered(Lane::Alerts))
    }

    fn spool(&self) -> Option<Spool> {
        // What is read from files is told the same way however the sinks do.
        self.way_out.as_ref().filter(|_| self.is_live).map(|way_out| way_out.delivery.spool())
    }

    fn wants_counters(&mut self) -> bool {
        let shown = self.live.as_ref().is_some_and(|(_, shown)| shown.elapsed() >= LIVE_EVERY);
        shown || self.way_out.as_ref().is_some_and(WayOut::health_is_due)
    }

    fn live(&mut self, rows: &LiveRows) {
        self.rows = rows.clone();
        if let Some(observer) = &self.interfaces {
            let statuses = observer.statuses().into_iter();
            let row = |status: live::Status| {
                let live::Status { name, up, received, dropped, freezes, .. } = status;
                InterfaceRow { name, up, received, dropped, freezes }
            };
            self.rows.interfaces = statuses.map(row).collect();
        }
    }

    fn counters(&mut self, counters: &Counters, services: &Services) {
        if let Some((live, shown)) = &mut self.live {
            live.put(counters, super::replay::service_rows(services));
            live.put_rows(&self.rows);
            *shown = Instant::now();
            // Who follows the file of a quiet interface waits for no buffer to fill.
            if let Some(sink) = self.transactions.as_mut().filter(|_| self.is_live) {
                sink.flush();
            }
        }
        if let Some(way_out) = self.way_out.as_mut().filter(|way_out| way_out.health_is_due()) {
            way_out.tell_health(counters, &super::replay::service_rows(services), &self.rows, false);
        }
    }

    fn tell(&mut self, line: &str) {
        self.progress.aside(|| warn(line));
    }

    fn reload(&mut self) -> Option<Box<Options>> {
        self.changes.as_ref()?.try_recv().ok()
    }

    fn reloaded(&mut self, outcome: anyhow::Result<()>) {
        self.progress.aside(|| match outcome {
            Ok(()) => inform("the configuration was read anew and is in force"),
            Err(why) => warn(&format!("the configuration stays as it was: {why}")),
        });
        self.notifier.ready();
    }

    fn parts(&self) -> Vec<String> {
        self.inventory.as_ref().map(Inventory::parts).unwrap_or_default()
    }

    fn memory(&self, part: &str) -> Option<Vec<u8>> {
        self.inventory.as_ref()?.save(part)
    }

    fn remember(&mut self, part: &str, bytes: &[u8]) -> Result<(), Damaged> {
        self.inventory.get_or_insert_default().load(part, bytes)
    }

    fn progress(&mut self, progress: &pipeline::Progress) {
        self.alerts.flush();
        self.progress.show(progress);
        self.notifier.alive();
        if self.is_live {
            self.complain();
        }
    }
}

impl Records {
    /// Tells once that an output takes nothing more: the end of the run, where it is told again, may be weeks away.
    fn complain(&mut self) {
        let outputs = [Some(&self.alerts), self.transactions.as_ref()].into_iter().flatten();
        for complaint in outputs.filter_map(Jsonl::complaint) {
            if !self.complaints.contains(&complaint) {
                self.progress.aside(|| warn(&complaint));
                self.complaints.push(complaint);
            }
        }
    }

    /// Stops the run when its only reader has gone.
    fn go_on(&self) -> anyhow::Result<()> {
        let gone = |sink: &Option<Jsonl>| sink.as_ref().is_none_or(Jsonl::reader_gone);
        let nothing_else = gone(&self.transactions)
            && self.inventory_sink.is_none()
            && self.stats.is_none()
            && self.way_out.is_none();
        if self.alerts.reader_gone() && nothing_else { Err(ReaderGone.into()) } else { Ok(()) }
    }

    /// Writes inventory and counters, closes everything, and gives the first failure.
    pub(super) fn finish(self, counters: &Counters, services: &[ServiceRow]) -> (Tally, Result<(), Failure>) {
        self.progress.end();
        if let Some((live, _)) = &self.live {
            live.put_last(counters, services.to_vec());
        }
        if let Some(explainer) = self.explainer {
            explainer.finish();
        }
        let mut outcome = Ok(());
        let mut jsonl = SinkCounters::default();
        let mut text = SinkCounters::default();
        let mut close = |sink: Jsonl, counters: &mut SinkCounters| {
            let (counted, closed) = sink.finish();
            counters.add(&counted);
            if let Err(error) = closed {
                keep_first(&mut outcome, Failure::running(error));
            }
        };
        close(self.alerts, if self.form == Form::Jsonl { &mut jsonl } else { &mut text });
        if let Some(sink) = self.transactions {
            close(sink, &mut jsonl);
        }
        let (mut inventory, mut way_out) = (self.inventory, self.way_out);
        if let (Some(inventory), Some(way_out)) = (&inventory, &mut way_out) {
            way_out.tell_inventory(inventory);
        }
        if let (Some(inventory), Some(mut sink)) = (inventory.take(), self.inventory_sink) {
            inventory.write(&mut sink);
            close(sink, &mut jsonl);
            if inventory.left_out() > 0 {
                warn(&format!(
                    "the inventory is full: {} things were left out, or made room",
                    inventory.left_out()
                ));
            }
        }
        if let Some(mut sink) = self.openapi_table {
            sink.write_with(|out| out.write_all(self.survey.table().as_bytes()));
            close(sink, &mut jsonl);
        }
        let mut sinks = vec![("jsonl".to_owned(), jsonl)];
        if self.form != Form::Jsonl {
            sinks.push(("text".to_owned(), text));
        }
        if let Some(mut way_out) = way_out {
            way_out.tell_health(counters, services, &self.rows, true);
            let (counted, closed) = way_out.close();
            for (name, counted) in counted {
                // The command line's own lines have their name already.
                let taken = sinks.iter().any(|(known, _)| *known == name);
                sinks.push((if taken { format!("sinks.{name}") } else { name }, counted));
            }
            if let Err(failure) = closed {
                keep_first(&mut outcome, failure);
            }
        }
        if let Some((learner, path)) = self.learner
            && let Err(failure) = described::write(&learner, &path)
        {
            keep_first(&mut outcome, failure);
        }
        if let Some(mut sink) = self.stats {
            sink.write(&StatsRecord::new(counters, &sinks, services));
            if let (_, Err(error)) = sink.finish() {
                keep_first(&mut outcome, Failure::running(error));
            }
        }
        (self.tally, outcome)
    }

    /// Tells why the detectors spoke of a subject, or did not.
    pub(super) fn explain_by(&mut self, explainer: Explainer) {
        self.explainer = Some(explainer);
    }

    /// What is seen beside what these descriptions declare.
    pub(super) fn survey(&self, book: Option<&Arc<Book>>) -> Arc<Survey> {
        self.survey.describe(book.cloned());
        Arc::clone(&self.survey)
    }

    /// Sends records to the sinks of the configuration, too.
    pub(super) fn leave_by(&mut self, way_out: WayOut) {
        if way_out.wants_inventory() {
            self.inventory.get_or_insert_default();
        }
        self.way_out = Some(way_out);
    }

    /// Sends what is seen to workers, who judge it, by the sinks.
    pub(super) fn forward_by(&mut self, shipping: Option<Shipping>) {
        self.shipping = shipping;
    }

    /// Traffic is read while it happens: what is told may depend on the sensor's own state.
    pub(super) fn is_of_now(&mut self) {
        self.is_live = true;
    }

    /// There is no end to the traffic but the one that is asked for.
    pub(super) fn is_without_end(&mut self) {
        self.progress.is_without_end();
    }

    /// Goes on by another configuration when one comes.
    pub(super) fn change_by(&mut self, changes: Receiver<Box<Options>>) {
        self.changes = Some(changes);
    }

    /// Traffic comes from these interfaces.
    pub(super) fn listens_to(&mut self, interfaces: live::Observer) {
        self.interfaces = Some(interfaces);
    }

    /// Tells the service manager that the sensor lives, each time it does something.
    pub(super) fn alive_to(&mut self, notifier: Notifier) {
        self.notifier = notifier;
    }

    /// Shows the counters, and what was seen, while the run goes on.
    pub(super) fn show_on(&mut self, live: Arc<Live>) {
        if let Some(ledger) = live.ledger() {
            self.inventory = Some(Inventory::over(ledger));
        }
        self.live = Some((live, Instant::now()));
    }

    /// A way to say something while the progress bar is drawn, from any thread.
    pub(super) fn teller(&self) -> Tell {
        let bar = self.progress.clone();
        Arc::new(move |line| bar.aside(|| warn(line)))
    }

    /// Keeps alerts beside writing them, for `take_alerts`.
    pub(super) fn keep_alerts(&mut self) {
        self.kept = Some(Vec::new());
    }

    /// The alerts that were kept.
    pub(super) fn take_alerts(&mut self) -> Vec<Alert> {
        self.kept.take().unwrap_or_default()
    }

    /// Whether alerts are written to be read by a person.
    pub(super) fn is_for_a_person(&self) -> bool {
        matches!(self.form, Form::Text(_))
    }

    /// Takes the progress bar off the terminal without finishing.
    pub(super) fn abandon(self) {
        self.progress.end();
    }
}

/// Keeps the first failure; later ones are told as warnings.
fn keep_first(outcome: &mut Result<(), Failure>, failure: Failure) {
    match outcome {
        Ok(()) => *outcome = Err(failure),
        Err(_) => warn(&failure.to_string()),
    }
}
