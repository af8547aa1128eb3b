//! What issuers publish about their keys, from sensor to sensor: a compacted topic.
//! It is given what this sensor saw published, and gives what any sensor of the tenant saw, from the topic's beginning.
//! It promises that the data path waits for none of it: where Kafka is away, each sensor knows what it saw by itself.

use super::config::Config;
use super::log::{Notes, reader};
use crate::identity::jwt::Publication;
use crate::pipeline::News;
use crate::sinks::delivery::Tell;
use crate::sinks::kafka::Cluster;
use crossbeam_channel::{Receiver, Sender, bounded};
use heelguard_detectors::saved::{Saved, saved};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// To be counted up with every change of what a notice holds.
const VERSION: u8 = 1;
/// Publications that wait on either way.
const WAITING_MAX: usize = 4_096;
const POLL_TIME: Duration = Duration::from_millis(50);
/// A topic that is not there is looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// What was told last has arrived by then, or is told by whoever sees it next.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// A publication with who tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Notice {
    tenant: Arc<str>,
    sensor: Arc<str>,
    publication: Publication,
}

saved!(Notice { tenant, sensor, publication });

impl Notice {
    fn write(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        self.save(&mut out);
        out
    }

    /// One of another version, or damage, is nobody's business here: the sensor that wrote it knows it.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&version, mut from) = bytes.split_first()?;
        let notice = Self::load(&mut from).ok()?;
        (version == VERSION && from.is_empty()).then_some(notice)
    }

    /// What is kept of it is the newest under this name.
    fn key(&self) -> String {
        let (host, path) = self.publication.place();
        format!("{}/{host}{path}", self.sensor)
    }
}

/// The thread that tells and listens, as long as this lives.
#[derive(Debug)]
pub struct Following {
    stop: Arc<AtomicBool>,
    caught_up: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Following {
    /// Waits until everything that was told before is heard. Whether that was so in time.
    pub fn catch_up(&self, within: Duration) -> bool {
        self.caught_up.recv_timeout(within).is_ok()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in there was told by the thread itself; what it knew is lost, and no record is.
            let _ = thread.join();
        }
    }
}

/// Begins to tell and to listen: the ways to and from the data path, and what they live by.
pub fn follow(
    cluster: &Cluster,
    config: &Config,
    tenant: &str,
    sensor: &str,
    tell: Tell,
) -> anyhow::Result<(News, Following)> {
    let (told, to_tell) = bounded(WAITING_MAX);
    let (hear, heard) = bounded(WAITING_MAX);
    let (catch_up, caught_up) = bounded(1);
    let stop = Arc::new(AtomicBool::new(false));
    let mut properties = cluster.producer_properties().map_err(anyhow::Error::msg)?;
    // What cannot be sent now is sent when Kafka is back; there is little of it.
    properties.set("message.timeout.ms", "0");
    let courier = Courier {
        cluster: cluster.clone(),
        topic: config.keys_topic.clone(),
        tenant: tenant.into(),
        sensor: sensor.into(),
        producer: properties.create_with_context(Notes::unheeded(cluster))?,
        to_tell,
        hear,
        stop: Arc::clone(&stop),
    };
    let thread = std::thread::Builder::new().name("news".to_owned());
    let thread = thread.spawn(move || courier.run(&tell, &catch_up))?;
    Ok((News { told, heard }, Following { stop, caught_up, thread: Some(thread) }))
}

struct Courier {
    cluster: Cluster,
    topic: String,
    tenant: Arc<str>,
    sensor: Arc<str>,
    producer: ThreadedProducer<Notes>,
    to_tell: Receiver<Publication>,
    hear: Sender<Publication>,
    stop: Arc<AtomicBool>,
}

impl Courier {
    fn run(self, tell: &Tell, caught_up: &Sender<()>) {
        let Some(consumer) = self.listen(tell) else { return };
        while !self.is_stopped() {
            self.to_tell.try_iter().for_each(|publication| self.send(publication));
            match consumer.poll(POLL_TIME) {
                None => {}
                Some(Ok(message)) => self.take(message.payload().unwrap_or_default()),
                // The first end that is reached is waited for, nobody reads of the others.
                Some(Err(KafkaError::PartitionEOF(_))) => drop(caught_up.try_send(())),
                Some(Err(error)) => tracing::debug!(target: "heelguard::scale", %error, "keys of issuers"),
            }
        }
        self.to_tell.try_iter().for_each(|publication| self.send(publication));
        if let Err(error) = self.producer.flush(FLUSH_WITHIN) {
            tracing::debug!(target: "heelguard::scale", %error, "keys of issuers were not all told");
        }
    }

    /// Begins to read, as soon as the topic is there; `None`: it is over before that.
    fn listen(&self, tell: &Tell) -> Option<BaseConsumer<Notes>> {
        let mut said = false;
        while !self.is_stopped() {
            let made = self.cluster.make_topics(&[(&self.topic, 1, true)]);
            let opened = made.and_then(|()| reader(&self.cluster, "heelguard-keys", &self.topic, 0));
            match opened {
                Ok(consumer) => return Some(consumer),
                Err(line) if !said => {
                    tell(&format!(
                        "{line}; until then the keys of issuers that other sensors see are not known here"
                    ));
                    said = true;
                }
                Err(_) => {}
            }
            let until = Instant::now() + LOOK_EVERY;
            while !self.is_stopped() && Instant::now() < until {
                std::thread::sleep(POLL_TIME);
            }
        }
        None
    }

    fn send(&self, publication: Publication) {
        let notice = Notice { tenant: self.tenant.clone(), sensor: self.sensor.clone(), publication };
        let (key, value) = (notice.key(), notice.write());
        let record = BaseRecord::to(&self.topic).partition(0).key(key.as_str()).payload(value.as_slice());
        if let Err((error, _)) = self.producer.send(record) {
            // It is told again within the hour, as long as it is published.
            tracing::debug!(target: "heelguard::scale", %error, "keys of an issuer were not told");
        }
    }

    fn take(&self, payload: &[u8]) {
        let Some(notice) = Notice::read(payload).filter(|notice| notice.tenant == self.tenant) else {
            return;
        };
        let mut publication = notice.publication;
        while !self.is_stopped() {
            match self.hear.send_timeout(publication, POLL_TIME) {
                Ok(()) => return,
                Err(back) => publication = back.into_inner(),
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
