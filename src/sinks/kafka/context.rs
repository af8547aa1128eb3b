//! What librdkafka calls: answers to records, and what it has to say about brokers.
//! It is called on librdkafka's polling thread and passes everything on through channels.
//! It promises to print nothing, to hold nothing up, and to keep few of the complaints nobody reads.

use super::token::TokenSource;
use crossbeam_channel::{Receiver, Sender};
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaErrorCode;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Complaints are read when something goes wrong; those of an idle night are worth no more memory.
const COMPLAINTS_MAX: usize = 64;

/// The answer to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The record's place in its batch.
    pub(super) index: usize,
    /// Whether it arrived.
    pub(super) outcome: Result<(), RDKafkaErrorCode>,
}

/// What librdkafka said about a broker, or about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Its kind.
    pub(super) code: RDKafkaErrorCode,
    /// For people; it begins with the broker where there is one.
    pub(super) text: String,
}

/// The callbacks of a producer.
pub(super) struct Context {
    answers: Sender<Answer>,
    complaints: Sender<Complaint>,
    is_cut_off: Arc<AtomicBool>,
    tokens: TokenSource,
}

/// Where what librdkafka calls comes out.
pub(super) struct Ends {
    pub(super) answers: Receiver<Answer>,
    pub(super) complaints: Receiver<Complaint>,
    /// No broker could be reached, and nothing has arrived since.
    pub(super) is_cut_off: Arc<AtomicBool>,
}

impl Context {
    /// A context and where it leads to.
    pub(super) fn new(tokens: TokenSource) -> (Self, Ends) {
        let (answers, answered) = crossbeam_channel::unbounded();
        let (complaints, complained) = crossbeam_channel::bounded(COMPLAINTS_MAX);
        let is_cut_off = Arc::new(AtomicBool::new(false));
        let ends = Ends { answers: answered, complaints: complained, is_cut_off: Arc::clone(&is_cut_off) };
        (Self { answers, complaints, is_cut_off, tokens }, ends)
    }

    fn complain(&self, code: RDKafkaErrorCode, text: &str) {
        // Nobody may be reading for hours; what is dropped then is as old as what is kept.
        let _ = self.complaints.try_send(Complaint { code, text: text.to_owned() });
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "heelguard::sinks::kafka", facility, "librdkafka: {message}");
        // That a broker hung up is no error to librdkafka; an error is told by `error` too.
        if facility == "FAIL" && !matches!(level, RDKafkaLogLevel::Error) {
            self.complain(RDKafkaErrorCode::BrokerTransportFailure, message);
        }
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        if code == RDKafkaErrorCode::AllBrokersDown {
            self.is_cut_off.store(true, Ordering::Relaxed);
        }
        self.complain(code, reason);
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.token().map_err(Into::into)
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let outcome = match result {
            Ok(_) => {
                self.is_cut_off.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        // Who gave the batch up no longer asks.
        let _ = self.answers.send(Answer { index, outcome });
    }
}
