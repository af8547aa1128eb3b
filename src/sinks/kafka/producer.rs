//! A producer of librdkafka with its answers and complaints in order.
//! It is given records one by one, and gives back answers as they come.
//! It promises that nothing here waits beyond the time it is given; what was not answered is dropped with it.

use super::context::{Answer, Complaint, Context, Ends};
use super::message::Message;
use super::token::TokenSource;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Without any broker for so long, a batch is given up, and the outage told: long before a record's own limit.
const CUT_OFF_TIME: Duration = Duration::from_secs(3);

pub(super) struct Producer {
    inner: ThreadedProducer<Context>,
    ends: Ends,
}

impl Producer {
    /// Makes a producer; librdkafka begins to look for brokers at once, where it is told of some.
    pub(super) fn new(client: &ClientConfig, tokens: TokenSource) -> Result<Self, String> {
        let (context, ends) = Context::new(tokens);
        let inner = client.create_with_context(context).map_err(|error| match error {
            KafkaError::ClientCreation(problem) => problem,
            // The value may be a secret.
            KafkaError::ClientConfig(_, problem, name, _) => format!("{name}: {problem}"),
            other => other.to_string(),
        })?;
        Ok(Self { inner, ends })
    }

    /// Hands a record to librdkafka, which copies it and gives it the time of now: a broker may refuse records whose
    /// time is too far from its own (`message.timestamp.before.max.ms`), as that of a backlog would be.
    pub(super) fn send(&self, index: usize, message: Message<'_>) -> Result<(), RDKafkaErrorCode> {
        let record = BaseRecord::with_opaque_to(message.topic, index)
            .key(message.key)
            .payload(message.payload)
            .headers(message.headers);
        let sent = self.inner.send(record);
        sent.map_err(|(error, _)| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail))
    }

    /// The next answer, waited for until `deadline`, or for a shorter time where no broker can be reached.
    pub(super) fn answer(&self, deadline: Instant) -> Option<Answer> {
        loop {
            let patience = deadline.min(Instant::now() + CUT_OFF_TIME);
            if let Ok(answer) = self.ends.answers.recv_deadline(patience) {
                return Some(answer);
            }
            if patience == deadline || self.ends.is_cut_off.load(Ordering::Relaxed) {
                return None;
            }
        }
    }

    /// What brokers say about a topic.
    pub(super) fn metadata(&self, topic: &str, timeout: Duration) -> KafkaResult<Metadata> {
        self.inner.client().fetch_metadata(Some(topic), timeout)
    }

    /// What librdkafka complained about since it was last asked, the oldest first.
    pub(super) fn complaints(&self) -> Vec<Complaint> {
        let mut complaints: Vec<_> = self.ends.complaints.try_iter().collect();
        if let Some((code, text)) = self.inner.client().fatal_error() {
            complaints.push(Complaint { code, text });
        }
        complaints
    }
}
