//! Kafka as a worker writes to it: parcels for the lanes, and state.
//! It is given bytes and puts them to their partitions in order; state is read from its beginning.
//! It promises that whatever could not be written stops the worker, which then goes on from its state.

use super::board::Half;
use super::config::Config;
use super::state::{Reading, Record};
use crate::sinks::kafka::Cluster;
use crossbeam_channel::{Receiver, Sender, bounded};
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use std::cell::OnceCell;
use std::error::Error;
use std::time::{Duration, Instant};

/// What was sent must have arrived by then; librdkafka tries again until then.
const SETTLE_WITHIN: Duration = Duration::from_mins(2);
/// State must be read by then, however large it is.
const READ_WITHIN: Duration = Duration::from_mins(2);
/// A question about a partition is answered by then.
const ASK_WITHIN: Duration = Duration::from_secs(20);
/// Where librdkafka's queue is full, it is asked again so often.
const PAUSE: Duration = Duration::from_millis(5);

/// What librdkafka calls: it notes the first record that did not arrive.
pub(super) struct Notes {
    cluster: Cluster,
    failed: Sender<String>,
}

impl Notes {
    /// Where nobody asks what did not arrive.
    pub(super) fn unheeded(cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone(), failed: bounded(1).0 }
    }
}

impl ClientContext for Notes {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.cluster.token().map_err(Into::into)
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "heelguard::scale", %error, "librdkafka: {reason}");
    }
}

impl ConsumerContext for Notes {}

impl ProducerContext for Notes {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            // One is enough to stop, and there is room for one.
            let _ = self.failed.try_send(format!("kafka topic {}: {error}", message.topic()));
        }
    }
}

/// The way out of a worker.
pub(super) struct Log {
    cluster: Cluster,
    lanes_topic: String,
    state_topic: String,
    producer: ThreadedProducer<Notes>,
    failure: Sender<String>,
    failed: Receiver<String>,
    /// The first failure: from there on nothing may be believed to have arrived.
    broken: OnceCell<String>,
}

impl Log {
    /// Connects.
    pub(super) fn open(cluster: &Cluster, config: &Config) -> Result<Self, String> {
        let (failure, failed) = bounded(1);
        let notes = Notes { cluster: cluster.clone(), failed: failure.clone() };
        let mut properties = cluster.producer_properties()?;
        properties
            // A record that is lost must not be followed by others: what is numbered behind it would hide it.
            .set("enable.gapless.guarantee", "true")
            .set("message.timeout.ms", SETTLE_WITHIN.as_millis().to_string());
        let producer = properties.create_with_context(notes).map_err(|error| error.to_string())?;
        Ok(Self {
            cluster: cluster.clone(),
            lanes_topic: config.lanes_topic.clone(),
            state_topic: config.state_topic.clone(),
            producer,
            failure,
            failed,
            broken: OnceCell::new(),
        })
    }

    /// Sends a parcel to a partition of the lanes.
    pub(super) fn parcel(&self, partition: usize, parcel: &[u8]) {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let record = BaseRecord::<(), [u8]>::to(&self.lanes_topic).partition(partition).payload(parcel);
        self.send(record);
    }

    /// Writes a record of state.
    pub(super) fn state(&self, half: Half, partition: i32, record: &Record) {
        let topic = state_topic(&self.state_topic, half);
        let base = BaseRecord::<str, [u8]>::to(&topic).partition(partition).key(record.key.as_str());
        match &record.value {
            Some(value) => self.send(base.payload(value.as_slice())),
            None => self.send(base),
        }
    }

    fn send<K: rdkafka::message::ToBytes + ?Sized>(&self, mut record: BaseRecord<'_, K, [u8]>) {
        let deadline = Instant::now() + SETTLE_WITHIN;
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((error, again)) => {
                    let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !is_full || Instant::now() >= deadline {
                        let _ = self.failure.try_send(format!("kafka topic {}: {error}", again.topic));
                        return;
                    }
                    record = again;
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Waits until all that was sent has arrived.
    pub(super) fn settle(&self) -> anyhow::Result<()> {
        self.producer
            .flush(SETTLE_WITHIN)
            .map_err(|error| anyhow::anyhow!("kafka did not take what was sent to it: {error}"))?;
        self.check()
    }

    /// Whether everything so far could be sent.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if let Ok(line) = self.failed.try_recv() {
            // The first stays.
            let _ = self.broken.set(line);
        }
        self.broken.get().map_or(Ok(()), |line| Err(anyhow::anyhow!("{line}")))
    }

    /// The first offset that a partition still has, and the one that comes next.
    pub(super) fn ends(&self, topic: &str, partition: i32) -> anyhow::Result<(i64, i64)> {
        let asked = self.producer.client().fetch_watermarks(topic, partition, ASK_WITHIN);
        asked.map_err(|error| anyhow::anyhow!("kafka topic {topic}: {error}"))
    }

    /// Reads the state of a partition from its beginning.
    pub(super) fn read_state(&self, half: Half, partition: i32) -> anyhow::Result<Reading> {
        let topic = state_topic(&self.state_topic, half);
        let consumer =
            reader(&self.cluster, "heelguard-state", &topic, partition).map_err(anyhow::Error::msg)?;
        let (mut reading, deadline) = (Reading::default(), Instant::now() + READ_WITHIN);
        while Instant::now() < deadline {
            match consumer.poll(Duration::from_millis(200)) {
                None => {}
                Some(Ok(message)) => reading.take(message.key().unwrap_or_default(), message.payload()),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(reading),
                Some(Err(error)) => {
                    tracing::debug!(target: "heelguard::scale", %error, topic, "reading state");
                }
            }
        }
        let within = READ_WITHIN.as_secs();
        anyhow::bail!("kafka topic {topic}: its partition {partition} could not be read within {within} s")
    }
}

/// Reads a partition from its beginning, by itself: a group of that name is never joined. It says where the end is.
pub(super) fn reader(
    cluster: &Cluster,
    group: &str,
    topic: &str,
    partition: i32,
) -> Result<BaseConsumer<Notes>, String> {
    let failed = |error: KafkaError| format!("kafka topic {topic}: {error}");
    let mut properties =
        cluster.consumer_properties(group).map_err(|line| format!("kafka topic {topic}: {line}"))?;
    properties.set("enable.partition.eof", "true");
    let consumer: BaseConsumer<Notes> =
        properties.create_with_context(Notes::unheeded(cluster)).map_err(failed)?;
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, partition, Offset::Beginning).map_err(failed)?;
    consumer.assign(&from).map_err(failed)?;
    Ok(consumer)
}

/// The topic of the state of one half.
pub(super) fn state_topic(base: &str, half: Half) -> String {
    format!("{base}-{}", half.name())
}
