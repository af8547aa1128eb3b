//! Whether the topics are there, asked before the first batch and after each trouble.
//! It is given a producer that has just begun to connect.
//! It promises an answer within ten seconds, sooner where no broker can be reached, and makes topics only if told to.

use super::super::destination::Trouble;
use super::super::spool::Kind;
use super::producer::Producer;
use super::trouble::Place;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::time::{Duration, Instant};

/// How long all of it may take.
const LOOK_TIME: Duration = Duration::from_secs(8);

/// How long one question may take: between two of them we hear what librdkafka complains about.
const QUESTION_TIME: Duration = Duration::from_millis(500);

/// How long brokers are left alone between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks at each topic, and makes it where `manage_topics` says so.
pub(super) fn look<'a>(
    producer: &Producer,
    properties: &ClientConfig,
    topics: impl Iterator<Item = (Kind, &'a str)>,
    place: &Place<'_>,
) -> Result<(), Trouble> {
    let deadline = Instant::now() + LOOK_TIME;
    for (kind, topic) in topics {
        look_at(producer, properties, (kind, topic), place, deadline)?;
    }
    Ok(())
}

fn look_at(
    producer: &Producer,
    properties: &ClientConfig,
    (kind, topic): (Kind, &str),
    place: &Place<'_>,
    deadline: Instant,
) -> Result<(), Trouble> {
    let mut complaints = Vec::new();
    let mut is_made = false;
    loop {
        let question = producer.metadata(topic, QUESTION_TIME);
        complaints.extend(producer.complaints());
        let code = match &question {
            Ok(answer) => match answer.topics().iter().find(|known| known.name() == topic) {
                Some(known) => match known.error() {
                    None => return Ok(()),
                    Some(error) => Code::from(error),
                },
                None => Code::UnknownTopicOrPartition,
            },
            Err(error) => error.rdkafka_error_code().unwrap_or(Code::Fail),
        };
        let is_missing = matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic);
        // A topic that was just made has no leader yet, and a cluster that restarts has none for a while.
        let is_settling = code == Code::LeaderNotAvailable || (is_missing && is_made);
        if is_missing && place.config.manage_topics && !is_made {
            make(properties, kind, topic, place)?;
            is_made = true;
        } else if question.is_ok() && !is_settling {
            return Err(Trouble::new(place.line(topic, code, &complaints)));
        }
        let is_hopeless = complaints.iter().any(|complaint| complaint.code == Code::AllBrokersDown);
        if is_hopeless || Instant::now() >= deadline {
            return Err(Trouble::new(place.line(topic, code, &complaints)));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Makes a topic. Somebody else may be quicker, which is as well.
fn make(properties: &ClientConfig, kind: Kind, topic: &str, place: &Place<'_>) -> Result<(), Trouble> {
    let failed = |why: &dyn std::fmt::Display| {
        Trouble::new(format!("kafka topic {topic} cannot be made ({}.manage_topics): {why}", place.section))
    };
    let admin: AdminClient<DefaultClientContext> =
        properties.create_with_context(DefaultClientContext).map_err(|error| failed(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| failed(&error))?;
    let or_default = |count: u16| if count == 0 { -1 } else { i32::from(count) };
    let copies = TopicReplication::Fixed(or_default(place.config.replication_factor));
    let mut topic_wanted = NewTopic::new(topic, or_default(place.config.partitions), copies);
    if kind == Kind::Inventory {
        topic_wanted = topic_wanted.set("cleanup.policy", "compact");
    }
    let timeout = Some(LOOK_TIME / 2);
    let options = AdminOptions::new().request_timeout(timeout).operation_timeout(timeout);
    let made = runtime.block_on(admin.create_topics([&topic_wanted], &options)).map_err(|e| failed(&e))?;
    match made.into_iter().next() {
        Some(Err((_, code))) if code != Code::TopicAlreadyExists => Err(failed(&code)),
        _ => Ok(()),
    }
}
