//! Errors that brokers answer, and brokers that are not there.

use super::super::*;
use crate::sinks::destination::{Delivered, Trouble};
use crate::sinks::record::samples;
use crate::sinks::spool::{Batch, Kind, Record};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr as Error};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const ALERTS: &str = "heelguard.alerts.v1";

struct Far {
    cluster: MockCluster<'static, DefaultProducerContext>,
    config: Config,
}

impl Far {
    fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in [ALERTS, "heelguard.inventory.v1", "heelguard.health.v1"] {
            cluster.create_topic(topic, 2, 1).unwrap();
        }
        let config = Config { brokers: cluster.bootstrap_servers(), ..Config::default() };
        Self { cluster, config }
    }

    fn open(&self, lane: Lane) -> Box<dyn Destination> {
        open(&self.config, "kafka", &samples::labels(), lane).unwrap()
    }

    fn fail(&self, errors: &[Error]) {
        self.cluster.request_errors(RDKafkaApiKey::Produce, errors);
    }

    /// What is in a topic, as another client reads it: key, id header, payload.
    fn read(&self, topic: &str, at_least: usize) -> Vec<(String, String, Vec<u8>)> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", "readers")
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        let mut parts = rdkafka::TopicPartitionList::new();
        for partition in 0..2 {
            parts.add_partition_offset(topic, partition, rdkafka::Offset::Beginning).unwrap();
        }
        consumer.assign(&parts).unwrap();
        let mut seen = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut quiet = 0;
        while Instant::now() < deadline && (seen.len() < at_least || quiet < 2) {
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                quiet += 1;
                continue;
            };
            quiet = 0;
            let message = message.unwrap();
            let id = message.headers().unwrap().iter().find(|header| header.key == "id").unwrap();
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            seen.push((text(message.key()), text(id.value), message.payload().unwrap().to_vec()));
        }
        seen
    }

    fn ids(&self, topic: &str, at_least: usize) -> (usize, BTreeSet<String>) {
        let seen = self.read(topic, at_least);
        (seen.len(), seen.into_iter().map(|(_, id, _)| id).collect())
    }
}

fn alerts(from: u64, bodies: &[&[u8]]) -> Batch {
    let mut batch = Batch::new(7, Lane::Alerts, from);
    for (number, body) in (from..).zip(bodies) {
        let id = u128::from(number);
        batch.push(number, &Record { kind: Kind::Alert, raised_ms: 1_795_255_200_000, id, key: id, body });
    }
    batch
}

fn hundred() -> Batch {
    alerts(0, &[br#"{"schema":"heelguard.alert/1","message":"hello"}"#.as_slice(); 100])
}

fn arrived() -> Delivered {
    Delivered::default()
}

#[test]
fn an_alert_arrives_in_milliseconds_with_its_key_and_headers() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Alerts);
    kafka.prepare().unwrap();
    assert_eq!(kafka.deliver(&alerts(0, &[b"{}"])).unwrap(), arrived());
    let start = Instant::now();
    assert_eq!(kafka.deliver(&alerts(0x6f3f, &[br#"{"a":1}"#])).unwrap(), arrived());
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    let seen = far.read(ALERTS, 2);
    let id = "00000000-0000-0000-0000-000000006f3f".to_owned();
    assert!(seen.contains(&(id.clone(), id, br#"{"a":1}"#.to_vec())), "{seen:?}");
}

#[test]
fn reports_go_to_their_topics_by_the_hex_digits_of_their_keys() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Reports);
    let mut batch = Batch::new(7, Lane::Reports, 0);
    for (number, kind) in (0..).zip([Kind::Inventory, Kind::Health, Kind::Inventory]) {
        batch.push(number, &Record { kind, raised_ms: 0, id: 1, key: 0xabc, body: b"{}" });
    }
    assert_eq!(kafka.deliver(&batch).unwrap(), arrived());
    let seen = far.read("heelguard.inventory.v1", 2);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].0, "00000000000000000000000000000abc");
    assert_eq!(far.read("heelguard.health.v1", 1).len(), 1);
}

#[test]
fn connections_go_to_a_topic_of_their_own_where_transactions_are_sent() {
    let mut far = Far::new();
    for topic in ["heelguard.transactions.v1", "heelguard.tls.v1"] {
        far.cluster.create_topic(topic, 2, 1).unwrap();
    }
    let send = |far: &Far| {
        let mut kafka = far.open(Lane::Transactions);
        let mut batch = Batch::new(7, Lane::Transactions, 0);
        for (number, kind) in (0..).zip([Kind::Transaction, Kind::Connection, Kind::Transaction]) {
            batch.push(number, &Record { kind, raised_ms: 0, id: 1, key: 0xabc, body: b"{}" });
        }
        assert_eq!(kafka.deliver(&batch).unwrap(), arrived());
    };
    send(&far);
    assert_eq!(far.read("heelguard.transactions.v1", 2).len(), 2);
    assert_eq!(far.read("heelguard.tls.v1", 1)[0].0, "00000000000000000000000000000abc");
    far.config.transactions_topic = String::new();
    assert!(
        !far.config.lanes().contains(&Lane::Transactions),
        "a topic for connections alone fills no spool"
    );
}

#[test]
fn frames_of_sightings_arrive_whole_where_a_topic_is_named_for_them() {
    let mut far = Far::new();
    assert!(!far.config.lanes().contains(&Lane::Sightings));
    far.cluster.create_topic("heelguard.sightings.v1", 2, 1).unwrap();
    far.config.sightings_topic = "heelguard.sightings.v1".to_owned();
    assert!(far.config.lanes().contains(&Lane::Sightings));
    let frame = |number: u64| {
        // Nothing that packs well, and every byte there is.
        let mut state = number + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..600_000).map(|_| next()).collect::<Vec<u8>>()
    };
    let mut batch = Batch::new(7, Lane::Sightings, 0);
    for number in 0..5 {
        let (id, body) = ((9_u128 << 64) | u128::from(number), frame(number));
        batch.push(number, &Record { kind: Kind::Sightings, raised_ms: 0, id, key: 0xabc, body: &body });
    }
    let mut kafka = far.open(Lane::Sightings);
    kafka.prepare().unwrap();
    assert_eq!(kafka.deliver(&batch).unwrap(), arrived());
    let seen = far.read("heelguard.sightings.v1", 5);
    let ids: Vec<_> = seen.iter().map(|(_, id, _)| id.as_str()).collect();
    let expected: Vec<_> =
        (0..5).map(|number| format!("00000000-0000-0009-0000-00000000000{number}")).collect();
    assert_eq!(ids, expected, "one tenant is one order");
    for (number, (key, _, payload)) in (0..).zip(&seen) {
        assert_eq!(key, "00000000000000000000000000000abc");
        assert!(*payload == frame(number), "frame {number}");
    }
}

#[test]
fn others_connect_with_what_the_section_says() {
    let mut far = Far::new();
    let weak = [("acks".to_owned(), Property::Number(1)), ("linger.ms".to_owned(), Property::Number(3))];
    (far.config.properties, far.config.i_accept_loss) = (weak.into(), true);
    let cluster = Cluster::new(&far.config, "sinks.kafka").unwrap();
    assert_eq!(cluster.partitions(ALERTS), Ok(2));
    assert_eq!(cluster.make_topics(&[(ALERTS, 2, false)]), Ok(()), "what is there stays as it is");
    let writing = cluster.producer_properties().unwrap();
    let of_all = ["acks", "enable.idempotence", "linger.ms"].map(|name| writing.get(name).unwrap());
    assert_eq!(of_all, ["all", "true", "3"]);
    let reading = cluster.consumer_properties("workers").unwrap();
    assert_eq!(
        (reading.get("group.id"), reading.get("enable.auto.commit")),
        (Some("workers"), Some("false"))
    );
    let missing = Error::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    far.cluster.topic_error("elsewhere", missing).unwrap();
    assert_eq!(
        cluster.partitions("elsewhere").unwrap_err(),
        "kafka topic elsewhere does not exist: create it, or set sinks.kafka.manage_topics = true"
    );
    assert!(cluster.token().is_err(), "none is configured");
}

#[test]
fn a_kind_without_a_topic_is_left_out() {
    let mut far = Far::new();
    far.config.health_topic = String::new();
    let mut kafka = far.open(Lane::Reports);
    let mut batch = Batch::new(7, Lane::Reports, 0);
    for (number, kind) in (0..).zip([Kind::Health, Kind::Inventory]) {
        batch.push(number, &Record { kind, raised_ms: 0, id: 1, key: 2, body: b"{}" });
    }
    assert_eq!(kafka.deliver(&batch).unwrap(), arrived());
    assert_eq!(far.read("heelguard.inventory.v1", 1).len(), 1);
    assert_eq!(far.read("heelguard.health.v1", 0).len(), 0);
}

#[test]
fn passing_errors_are_waited_out_without_a_duplicate() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Alerts);
    kafka.prepare().unwrap();
    far.fail(&[
        Error::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Error::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Error::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Error::RD_KAFKA_RESP_ERR__TRANSPORT,
    ]);
    assert_eq!(kafka.deliver(&hundred()).unwrap(), arrived());
    let (records, ids) = far.ids(ALERTS, 100);
    assert_eq!((records, ids.len()), (100, 100));
}

/// Delivers while every broker is away for so long.
fn deliver_through_an_outage(
    far: &Far,
    kafka: &mut dyn Destination,
    outage: Duration,
) -> Result<Delivered, Trouble> {
    far.cluster.broker_down(-1).unwrap();
    std::thread::scope(|scope| {
        let delivering = scope.spawn(|| kafka.deliver(&hundred()));
        std::thread::sleep(outage);
        far.cluster.broker_up(-1).unwrap();
        delivering.join().unwrap()
    })
}

#[test]
fn a_broker_that_is_away_for_a_second_is_waited_for() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Alerts);
    kafka.prepare().unwrap();
    let delivered = deliver_through_an_outage(&far, kafka.as_mut(), Duration::from_secs(1));
    assert_eq!(delivered.unwrap(), arrived());
    assert_eq!(far.ids(ALERTS, 100).1.len(), 100);
}

#[test]
fn a_broker_that_is_away_for_longer_is_told_and_nothing_is_lost() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Alerts);
    kafka.prepare().unwrap();
    let began = Instant::now();
    let told = deliver_through_an_outage(&far, kafka.as_mut(), Duration::from_secs(8)).unwrap_err();
    assert!(told.message.contains("refuses the connection"), "{}", told.message);
    // Long before a record's own time is over.
    assert!(began.elapsed() < Duration::from_secs(20));
    kafka.prepare().unwrap();
    assert_eq!(kafka.deliver(&hundred()).unwrap(), arrived());
    assert_eq!(far.ids(ALERTS, 100).1.len(), 100);
}

#[test]
fn a_slow_broker_is_waited_for() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Alerts);
    kafka.prepare().unwrap();
    far.cluster.broker_round_trip_time(1, Duration::from_millis(400)).unwrap();
    assert_eq!(kafka.deliver(&hundred()).unwrap(), arrived());
}

#[test]
fn a_denied_topic_is_named_and_only_the_rest_comes_again() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Alerts);
    kafka.prepare().unwrap();
    // The two partitions are two requests: one is denied, one arrives.
    far.fail(&[Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let trouble = kafka.deliver(&hundred()).unwrap_err();
    assert_eq!(
        trouble.message,
        "kafka denies writing to topic heelguard.alerts.v1: allow Write and Describe on it to our principal"
    );
    assert_eq!(kafka.deliver(&hundred()).unwrap(), arrived());
    let (records, ids) = far.ids(ALERTS, 100);
    assert_eq!((records, ids.len()), (100, 100));
}

#[test]
fn a_clock_that_the_broker_does_not_believe_loses_nothing() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Alerts);
    kafka.prepare().unwrap();
    let line = format!(
        "kafka {}: the broker refuses the time of our records: look at this machine's clock, or at \
         message.timestamp.after.max.ms of topic heelguard.alerts.v1",
        far.config.brokers
    );
    let time = Error::RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
    // Of several records packed together librdkafka says only that they are invalid; then comes each by itself.
    for (number, errors) in (0..).zip([&[time][..], &[Error::RD_KAFKA_RESP_ERR_INVALID_RECORD, time]]) {
        far.fail(errors);
        let one = alerts(number, &[b"{}"]);
        assert_eq!(kafka.deliver(&one).unwrap_err().message, line);
        assert_eq!(kafka.deliver(&one).unwrap(), arrived());
    }
    assert_eq!(far.ids(ALERTS, 2).1.len(), 2);
}

#[test]
fn a_record_that_no_broker_takes_is_refused_and_the_others_pass() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Alerts);
    kafka.prepare().unwrap();
    let size = Error::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    // Larger than librdkafka sends at all, and no evidence in it to leave out.
    let huge = format!(r#"{{"title":"{}"}}"#, "x".repeat(1_100_000)).into_bytes();
    let delivered = kafka.deliver(&alerts(0, &[b"{}", &huge, b"{}"])).unwrap();
    let [refused] = delivered.refused.as_slice() else { panic!("{delivered:?}") };
    assert_eq!(refused.index, 1);
    assert_eq!(
        refused.reason,
        "1100012 bytes are more than kafka topic heelguard.alerts.v1 takes (max.message.bytes)"
    );
    // The broker refuses what was packed together, and then one by itself; shortened, it passes.
    let long = br#"{"schema":"heelguard.alert/1","evidence":[{"path":"/a"}],"facts":{"n":1},"sensor":"s"}"#;
    far.fail(&[size, size, size]);
    assert_eq!(kafka.deliver(&alerts(3, &[long, long])).unwrap(), arrived());
    let seen = far.read(ALERTS, 4);
    assert_eq!(seen.len(), 4);
    let short =
        br#"{"schema":"heelguard.alert/1","evidence":[],"facts":{"n":1},"sensor":"s","shortened":true}"#;
    assert!(seen.iter().any(|(_, _, payload)| payload == short), "{seen:?}");
}

#[test]
fn a_missing_topic_is_named() {
    let mut far = Far::new();
    far.config.alerts_topic = "elsewhere".to_owned();
    let cluster = &far.cluster;
    cluster.topic_error("elsewhere", Error::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let trouble = far.open(Lane::Alerts).prepare().unwrap_err();
    assert_eq!(
        trouble.message,
        "kafka topic elsewhere does not exist: create it, or set sinks.kafka.manage_topics = true"
    );
}

#[test]
fn who_is_not_there_is_named_soon() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let far = Far::new();
    let line = |brokers: &str| {
        let config = Config { brokers: brokers.to_owned(), ..far.config.clone() };
        let mut kafka = open(&config, "kafka", &samples::labels(), Lane::Alerts).unwrap();
        let start = Instant::now();
        let line = kafka.prepare().unwrap_err().message;
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        line
    };
    assert_eq!(
        line(&closed.to_string()),
        format!("kafka {closed} refuses the connection; start the broker, or correct sinks.kafka.brokers")
    );
    assert_eq!(
        line("kafka.invalid:9092"),
        "kafka kafka.invalid:9092: the host is unknown; correct sinks.kafka.brokers or the name service"
    );
}

#[test]
fn a_fenced_producer_is_replaced() {
    let far = Far::new();
    let mut kafka = far.open(Lane::Alerts);
    kafka.prepare().unwrap();
    far.fail(&[Error::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER; 2]);
    let mut tries = 0;
    while kafka.deliver(&hundred()).is_err() {
        tries += 1;
        assert!(tries < 4);
    }
    assert_eq!(far.ids(ALERTS, 100).1.len(), 100);
}
