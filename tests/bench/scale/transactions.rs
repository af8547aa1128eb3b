//! What Kafka's transactions would cost a worker: groups of parcels with a commit each, beside the same without.
//! It is given brokers and writes to a topic of its own.
//! It promises the same records on both ways, and that all of them had arrived when the clock was stopped.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use std::time::{Duration, Instant};

const TOPIC: &str = "transactions";
const PARTITIONS: i32 = 12;
/// Groups that are written: what the first half hands on in so many turns.
const GROUPS: u32 = 300;
/// Bytes of a parcel: some fifty shares.
const PARCEL_BYTES: usize = 8_000;
const WITHIN: Duration = Duration::from_mins(1);

type Producer = ThreadedProducer<DefaultProducerContext>;

/// Milliseconds a group takes.
pub(crate) struct Cost {
    pub(crate) plain_ms: f64,
    pub(crate) committed_ms: f64,
}

pub(crate) fn measure(brokers: &str) -> Result<Cost, String> {
    make_topic(brokers)?;
    let plain = producer(brokers, false)?;
    write(&plain, GROUPS / 10, false)?;
    let plain_ms = write(&plain, GROUPS, false)?;
    let transactional = producer(brokers, true)?;
    transactional.init_transactions(WITHIN).map_err(said)?;
    write(&transactional, GROUPS / 10, true)?;
    Ok(Cost { plain_ms, committed_ms: write(&transactional, GROUPS, true)? })
}

fn write(producer: &Producer, groups: u32, commits: bool) -> Result<f64, String> {
    let parcel: Vec<u8> = (0_u8..=255).cycle().take(PARCEL_BYTES).collect();
    let began = Instant::now();
    for _ in 0..groups {
        if commits {
            producer.begin_transaction().map_err(said)?;
        }
        for partition in 0..PARTITIONS {
            let record = BaseRecord::<(), [u8]>::to(TOPIC).partition(partition).payload(&parcel);
            producer.send(record).map_err(|(error, _)| said(error))?;
        }
        if commits {
            producer.commit_transaction(WITHIN).map_err(said)?;
        }
    }
    producer.flush(WITHIN).map_err(said)?;
    Ok(began.elapsed().as_secs_f64() * 1e3 / f64::from(groups))
}

fn producer(brokers: &str, transactional: bool) -> Result<Producer, String> {
    let mut client = client(brokers);
    client.set("enable.idempotence", "true").set("acks", "all").set("linger.ms", "5");
    if transactional {
        client.set("transactional.id", "heelguard-bench");
    }
    client.create().map_err(said)
}

fn client(brokers: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers);
    client
}

fn make_topic(brokers: &str) -> Result<(), String> {
    let admin: AdminClient<DefaultClientContext> = client(brokers).create().map_err(said)?;
    let topic = NewTopic::new(TOPIC, PARTITIONS, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let made = runtime.map_err(|error| error.to_string())?;
    let made = made.block_on(admin.create_topics([&topic], &AdminOptions::new())).map_err(said)?;
    made.into_iter().try_for_each(|made| made.map(drop).map_err(|(name, error)| format!("{name}: {error}")))
}

fn said(error: impl std::fmt::Display) -> String {
    format!("kafka: {error}")
}
