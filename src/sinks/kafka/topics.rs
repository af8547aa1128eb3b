//! Whether the topics are there, asked before the first batch and after each trouble.
//! It is given a producer that has just begun to connect.
//! It promises an answer within ten seconds, sooner where no broker can be reached, and makes topics only if told to.

use super::super::destination::Trouble;
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

/// What a batch of a roomy topic may take up: Kafka's own default, whatever the brokers of this cluster were told.
const ROOMY_BYTES: &str = "1048588";

/// A segment of state is closed, and can be cleaned, behind so much or so long.
const SEGMENT_BYTES: &str = "67108864";
const SEGMENT_MS: &str = "600000";

/// A topic, and how it is made where it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Topic<'a> {
    pub(super) name: &'a str,
    /// 0 is the broker's default.
    pub(super) partitions: u16,
    /// Whether the newest record of a key is kept for ever, and older ones go.
    pub(super) is_compacted: bool,
    /// Whether its messages are large.
    pub(super) is_roomy: bool,
}

/// Looks at each topic, and makes it if `manage` says so. Gives how many partitions each has.
pub(super) fn look<'a>(
    producer: &Producer,
    properties: &ClientConfig,
    topics: impl Iterator<Item = Topic<'a>>,
    place: &Place<'_>,
    manage: bool,
) -> Result<Vec<usize>, Trouble> {
    let deadline = Instant::now() + LOOK_TIME;
    topics.map(|topic| look_at(producer, properties, topic, (place, manage), deadline)).collect()
}

fn look_at(
    producer: &Producer,
    properties: &ClientConfig,
    wanted: Topic<'_>,
    (place, manage): (&Place<'_>, bool),
    deadline: Instant,
) -> Result<usize, Trouble> {
    let topic = wanted.name;
    let mut complaints = Vec::new();
    let mut is_made = false;
    loop {
        let question = producer.metadata(topic, QUESTION_TIME);
        complaints.extend(producer.complaints());
        let code = match &question {
            Ok(answer) => match answer.topics().iter().find(|known| known.name() == topic) {
                Some(known) => match known.error() {
                    None => return Ok(known.partitions().len()),
                    Some(error) => Code::from(error),
                },
                None => Code::UnknownTopicOrPartition,
            },
            Err(error) => error.rdkafka_error_code().unwrap_or(Code::Fail),
        };
        let is_missing = matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic);
        // A topic that was just made has no leader yet, and a cluster that restarts has none for a while.
        let is_settling = code == Code::LeaderNotAvailable || (is_missing && is_made);
        if is_missing && manage && !is_made {
            make(properties, wanted, place)?;
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
fn make(properties: &ClientConfig, wanted: Topic<'_>, place: &Place<'_>) -> Result<(), Trouble> {
    let topic = wanted.name;
    let failed = |why: &dyn std::fmt::Display| {
        Trouble::new(format!("kafka topic {topic} cannot be made ({}.manage_topics): {why}", place.section))
    };
    let admin: AdminClient<DefaultClientContext> =
        properties.create_with_context(DefaultClientContext).map_err(|error| failed(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| failed(&error))?;
    let or_default = |count: u16| if count == 0 { -1 } else { i32::from(count) };
    let copies = TopicReplication::Fixed(or_default(place.config.replication_factor));
    let mut topic_wanted = NewTopic::new(topic, or_default(wanted.partitions), copies);
    if wanted.is_compacted {
        topic_wanted = topic_wanted.set("cleanup.policy", "compact");
    }
    if wanted.is_roomy {
        topic_wanted = topic_wanted.set("max.message.bytes", ROOMY_BYTES);
        topic_wanted = if wanted.is_compacted {
            // State is read from its beginning: what is out of date must go soon, and the newest segment never does.
            let soon = topic_wanted.set("segment.bytes", SEGMENT_BYTES).set("segment.ms", SEGMENT_MS);
            soon.set("min.cleanable.dirty.ratio", "0.1")
        } else {
            // Whose clock is wrong does not say when it was heard.
            topic_wanted.set("message.timestamp.type", "LogAppendTime")
        };
    }
    let timeout = Some(LOOK_TIME / 2);
    let options = AdminOptions::new().request_timeout(timeout).operation_timeout(timeout);
    let made = runtime.block_on(admin.create_topics([&topic_wanted], &options)).map_err(|e| failed(&e))?;
    match made.into_iter().next() {
        Some(Err((_, code))) if code != Code::TopicAlreadyExists => Err(failed(&code)),
        _ => Ok(()),
    }
}
