//! One lane's way to Kafka: batches in, acknowledgements back.
//! It is given batches by the worker of its lane, again and again where there was trouble.
//! It promises to answer within half a minute, and to begin with a new producer after every trouble.

use super::super::destination::{Delivered, Destination, Limits, Refused, Trouble};
use super::super::form::Form;
use super::super::record::Labels;
use super::super::spool::{Batch, Kind, Lane};
use super::client::{self, Packing};
use super::config::Config;
use super::flight::{self, Fate, Progress, send_all};
use super::message::{Key, Message, headers};
use super::producer::Producer;
use super::shorten::shortened;
use super::token::TokenSource;
use super::topics::{self, Topic};
use super::trouble;
use crate::fault::contain;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// An answer later than this is none; above librdkafka's own limit for a message, so that it usually speaks first.
const DELIVER_TIME: Duration = Duration::from_secs(27);

pub(super) struct Kafka {
    config: Config,
    /// `sinks.NAME`, for messages.
    section: String,
    labels: Labels,
    lane: Lane,
    producer: Option<Producer>,
    /// Sends records each by itself; made when some are refused together.
    careful: Option<Producer>,
    progress: Progress,
}

/// What is sent of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    Shortened,
}

impl Kafka {
    /// Reads secrets and certificates; touches no network.
    pub(super) fn new(config: &Config, name: &str, labels: &Labels, lane: Lane) -> Result<Self, String> {
        let kafka = Self {
            config: config.clone(),
            section: format!("sinks.{name}"),
            labels: labels.clone(),
            lane,
            producer: None,
            careful: None,
            progress: Progress::default(),
        };
        // librdkafka looks into certificates when a producer is made; one without brokers stays by itself.
        let mut offline = kafka.properties(Packing::Together)?;
        offline.remove("bootstrap.servers");
        let tokens = TokenSource::new(config, &kafka.section)?;
        Producer::new(&offline, tokens).map_err(|problem| client::refusal(&kafka.section, &problem))?;
        Ok(kafka)
    }

    fn properties(&self, packing: Packing) -> Result<rdkafka::ClientConfig, String> {
        client::properties(&self.config, &self.section, self.limits().records_max, packing)
    }

    fn connect(&self, packing: Packing) -> Result<Producer, Trouble> {
        let tokens = TokenSource::new(&self.config, &self.section).map_err(Trouble::new)?;
        let properties = self.properties(packing).map_err(Trouble::new)?;
        Producer::new(&properties, tokens)
            .map_err(|problem| Trouble::new(client::refusal(&self.section, &problem)))
    }

    /// The topics of the lane that records are sent to.
    fn topics(&self) -> impl Iterator<Item = Topic<'_>> {
        let kinds = Kind::ALL.iter().copied().filter(|kind| kind.lane() == self.lane);
        let topic = |kind: Kind| {
            let is_roomy = kind == Kind::Sightings;
            // Workers need one order of all that sensors saw.
            let partitions = if is_roomy { 1 } else { self.config.partitions };
            let name = self.config.topic(kind);
            Topic { name, partitions, is_compacted: kind == Kind::Inventory, is_roomy }
        };
        kinds.map(topic).filter(|topic| !topic.name.is_empty())
    }

    fn hand_over(&mut self, batch: &Batch, deadline: Instant) -> Result<(), Trouble> {
        if self.producer.is_none() {
            self.prepare()?;
        }
        let Some(producer) = &self.producer else {
            return Err(Trouble::new(format!("{}: no producer", self.section)));
        };
        // What was wrong before this batch does not explain what happens to it.
        producer.complaints();
        let waiting = self.progress.those(|fate| *fate == Fate::Waiting);
        let answers =
            send_all(producer, &waiting, deadline, |index| self.send(producer, batch, index, Extent::Whole));
        let mut failed = None;
        for answer in &answers {
            match answer.outcome {
                Ok(()) => self.progress.set(answer.index, Fate::Arrived),
                Err(code) if flight::is_about_the_record(code) => {
                    self.progress.set(answer.index, Fate::Doubtful(code));
                }
                Err(code) => failed = failed.or(Some((code, answer.index))),
            }
        }
        if failed.is_some() || answers.len() < waiting.len() {
            return Err(self.trouble(producer, batch, failed));
        }
        for extent in [Extent::Whole, Extent::Shortened] {
            self.settle(batch, deadline, extent)?;
        }
        Ok(())
    }

    /// Sends what was refused once more, each record by itself, to know which of them it is about.
    fn settle(&mut self, batch: &Batch, deadline: Instant, extent: Extent) -> Result<(), Trouble> {
        let doubtful = self.progress.those(|fate| matches!(fate, Fate::Doubtful(_)));
        if doubtful.is_empty() {
            return Ok(());
        }
        if self.careful.is_none() {
            self.careful = Some(self.connect(Packing::Alone)?);
        }
        let Some(careful) = &self.careful else { return Ok(()) };
        let answers =
            send_all(careful, &doubtful, deadline, |index| self.send(careful, batch, index, extent));
        let mut failed = None;
        for answer in &answers {
            let is_alert = batch.get(answer.index).is_some_and(|record| record.kind == Kind::Alert);
            match answer.outcome {
                Ok(()) => self.progress.set(answer.index, Fate::Arrived),
                // An alert gets a second chance.
                Err(code) if extent == Extent::Whole && is_alert && flight::is_too_large(code) => {
                    self.progress.set(answer.index, Fate::Doubtful(code));
                }
                Err(code) if flight::is_about_the_record(code) => {
                    let reason = self.reason(batch, answer.index, code);
                    self.progress.set(answer.index, Fate::Refused(reason));
                }
                Err(code) => failed = failed.or(Some((code, answer.index))),
            }
        }
        if failed.is_some() || answers.len() < doubtful.len() {
            return Err(self.trouble(careful, batch, failed));
        }
        Ok(())
    }

    fn send(&self, producer: &Producer, batch: &Batch, index: usize, extent: Extent) -> Result<(), Code> {
        let record = batch.get(index).ok_or(Code::InvalidArgument)?;
        let native = match extent {
            Extent::Whole => Cow::Borrowed(record.body),
            Extent::Shortened => {
                // What fails at this one stays refused, as too large as it is.
                let shortened = contain(|| shortened(record.body)).ok().flatten();
                Cow::Owned(shortened.ok_or(Code::MessageSizeTooLarge)?)
            }
        };
        let Config { form, .. } = self.config;
        let (schema, payload) = match (record.kind, form) {
            (Kind::Connection | Kind::Inventory | Kind::Health | Kind::Sightings, _) | (_, Form::Native) => {
                (record.kind.schema(), native)
            }
            (Kind::Alert | Kind::Transaction, form) => {
                let mut payload = Vec::with_capacity(native.len() * 2);
                let written = form.write(record.kind, &native, &self.labels, &mut payload);
                written.map_err(|_| Code::ValueSerialization)?;
                (form.name(), Cow::Owned(payload))
            }
        };
        let key = Key::of(&record);
        let message = Message {
            topic: self.config.topic(record.kind),
            key: key.as_str(),
            headers: headers(schema, &self.labels, record.id),
            payload: &payload,
        };
        producer.send(index, message)
    }

    fn topic_of(&self, batch: &Batch, index: usize) -> &str {
        batch.get(index).map_or("", |record| self.config.topic(record.kind))
    }

    /// Why nobody will ever take a record.
    fn reason(&self, batch: &Batch, index: usize, code: Code) -> String {
        let Some(record) = batch.get(index) else { return String::new() };
        if code == Code::ValueSerialization {
            let form = self.config.form;
            let written = form.write(record.kind, record.body, &self.labels, &mut Vec::new());
            let why = written.err().map(|error| error.to_string()).unwrap_or_default();
            return format!("the record cannot be written as {}: {why}", form.name());
        }
        trouble::refusal(self.config.topic(record.kind), record.body.len(), code)
    }

    /// Why a batch must wait: the answer to a record if there was a telling one, or what librdkafka complained about.
    fn trouble(&self, producer: &Producer, batch: &Batch, failed: Option<(Code, usize)>) -> Trouble {
        let place = trouble::Place { section: &self.section, config: &self.config };
        let topic = failed.map_or_else(
            || self.topics().next().map_or("", |topic| topic.name),
            |(_, index)| self.topic_of(batch, index),
        );
        let code = failed.map_or(Code::MessageTimedOut, |(code, _)| code);
        Trouble::new(place.line(topic, code, &producer.complaints()))
    }
}

impl Destination for Kafka {
    fn limits(&self) -> Limits {
        let (records_max, bytes_max, linger_ms) = match self.lane {
            Lane::Alerts => (1_000, 4 << 20, 0),
            Lane::Transactions => (20_000, 32 << 20, 100),
            Lane::Reports => (5_000, 8 << 20, 500),
            Lane::Sightings => (500, 16 << 20, 0),
        };
        Limits { records_max, bytes_max, linger: Duration::from_millis(linger_ms), fixed: false }
    }

    fn prepare(&mut self) -> Result<(), Trouble> {
        // Whatever state the last one was in, and whatever secret it was made with, is left behind.
        (self.producer, self.careful) = (None, None);
        let producer = self.connect(Packing::Together)?;
        let place = trouble::Place { section: &self.section, config: &self.config };
        let properties = self.properties(Packing::Together).map_err(Trouble::new)?;
        topics::look(&producer, &properties, self.topics(), &place, self.config.manage_topics)?;
        self.producer = Some(producer);
        Ok(())
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, Trouble> {
        let deadline = Instant::now() + DELIVER_TIME;
        self.progress.resume(batch.name(), batch.len());
        for (index, record) in batch.records().enumerate() {
            if !self.config.sends(record.kind) {
                self.progress.set(index, Fate::Arrived);
            }
        }
        if let Err(trouble) = self.hand_over(batch, deadline) {
            (self.producer, self.careful) = (None, None);
            return Err(trouble);
        }
        let refused = self.progress.refused();
        let refused = refused.map(|(index, reason)| Refused { index, reason: reason.to_owned() }).collect();
        Ok(Delivered { refused })
    }
}
