//! A worker: one member of the group that detects together.
//! It is given a cluster, what to judge by and where records go, and works until it is told to stop.
//! It promises that a partition begins where its state ends, whoever had it before, and that records, state and offsets
//! are written in this order.

#![expect(
    clippy::disallowed_types,
    reason = "librdkafka calls the context on the thread that polls it: the locks are for the compiler, nobody waits"
)]

use super::Judging;
use super::attribution::Record;
use super::board::{Board, Half, Key, Setup};
use super::config::Config;
use super::log::{Log, state_topic};
use crate::http::Services;
use crate::metrics::{Counters, LiveRows, QueueRow};
use crate::pipeline::{Outputs, Progress};
use crate::sinks::kafka::Cluster;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{Offset, Statistics, TopicPartitionList};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long is waited for a record before other things are looked at.
const POLL_TIME: Duration = Duration::from_millis(50);
/// Records taken between two looks at other things.
const AT_ONCE: usize = 64;
/// A member that is not heard of for so long is out of the group; brokers take no less.
const SESSION_MS: &str = "6000";
const HEARTBEAT_MS: &str = "1500";
const POLL_MS_MAX: &str = "900000";

/// What librdkafka calls: partitions come and go.
struct Member<O> {
    cluster: Cluster,
    topics: [(Half, String); 2],
    board: Arc<Mutex<Board<O>>>,
    /// Records that wait in each topic, as librdkafka counts them.
    lag: Mutex<BTreeMap<Half, u64>>,
}

impl<O> Member<O> {
    fn board(&self) -> MutexGuard<'_, Board<O>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn half_of(&self, topic: &str) -> Option<Half> {
        self.topics.iter().find(|(_, name)| name == topic).map(|(half, _)| *half)
    }

    fn keys(&self, list: &TopicPartitionList) -> Vec<Key> {
        let key = |(topic, partition): &(String, i32)| Some((self.half_of(topic)?, *partition));
        let mut keys: Vec<Key> = list.to_topic_map().keys().filter_map(key).collect();
        keys.sort_unstable();
        keys
    }

    fn topic(&self, half: Half) -> &str {
        self.topics.iter().find(|(known, _)| *known == half).map_or("", |(_, name)| name)
    }
}

impl<O: Outputs + Send> Member<O> {
    /// Takes partitions over, each from where its state ends.
    fn take_over(&self, list: &TopicPartitionList) -> anyhow::Result<TopicPartitionList> {
        let (mut from, mut board) = (TopicPartitionList::new(), self.board());
        for (half, partition) in self.keys(list) {
            let start = board.take_over((half, partition))?.map_or(Offset::Beginning, Offset::Offset);
            from.add_partition_offset(self.topic(half), partition, start)?;
        }
        Ok(from)
    }

    fn give_up(&self, list: &TopicPartitionList, is_still_ours: bool) -> anyhow::Result<()> {
        self.board().give_up(&self.keys(list), is_still_ours)
    }

    fn fail(&self, outcome: anyhow::Result<()>) {
        if let Err(error) = outcome {
            self.board().failure.get_or_insert(error);
        }
    }
}

impl<O: Outputs + Send> ClientContext for Member<O> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn stats(&self, statistics: Statistics) {
        let mut lag = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        for (half, name) in &self.topics {
            let partitions =
                statistics.topics.get(name).into_iter().flat_map(|topic| topic.partitions.values());
            let waiting =
                partitions.map(|partition| u64::try_from(partition.consumer_lag).unwrap_or(0)).sum();
            lag.insert(*half, waiting);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "heelguard::scale", %error, "librdkafka: {reason}");
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.cluster.token().map_err(Into::into)
    }
}

impl<O: Outputs + Send> ConsumerContext for Member<O> {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        change: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if change == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let taken = self.take_over(list);
            let assigned = taken.and_then(|from| Ok(consumer.incremental_assign(&from)?));
            self.fail(assigned);
        } else {
            // Others may have them already: what we would write is older than theirs.
            let is_still_ours = !consumer.assignment_lost();
            self.fail(self.give_up(list, is_still_ours));
            self.fail(consumer.incremental_unassign(list).map_err(Into::into));
        }
    }

    fn commit_callback(&self, outcome: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = outcome {
            tracing::debug!(target: "heelguard::scale", %error, "offsets are for tools that show lag; state has its own");
        }
    }
}

/// A worker that has joined its group.
pub struct Worker<O: Outputs + Send + 'static> {
    consumer: BaseConsumer<Member<O>>,
    board: Arc<Mutex<Board<O>>>,
}

impl<O: Outputs + Send + 'static> Worker<O> {
    /// Makes the topics that are missing, and joins the group. The error names what is wrong and where.
    pub fn join(cluster: &Cluster, config: &Config, judging: Judging, outputs: O) -> Result<Self, String> {
        let partitions = prepare(cluster, config)?;
        let log = Log::open(cluster, config)?;
        let board = Board::new(Setup { judging, config: config.clone(), partitions }, log, outputs);
        let board = Arc::new(Mutex::new(board));
        let topics =
            [(Half::Sightings, config.sightings_topic.clone()), (Half::Lanes, config.lanes_topic.clone())];
        let names: Vec<&str> = [config.sightings_topic.as_str(), config.lanes_topic.as_str()].to_vec();
        let member =
            Member { cluster: cluster.clone(), topics, board: Arc::clone(&board), lag: Mutex::default() };
        let mut properties = cluster.consumer_properties(&config.group)?;
        properties
            // Others keep their partitions, and go on, while one joins or leaves.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", SESSION_MS)
            // State of many partitions is read between two polls.
            .set("max.poll.interval.ms", POLL_MS_MAX)
            .set("heartbeat.interval.ms", HEARTBEAT_MS)
            .set("statistics.interval.ms", "1000");
        let consumer: BaseConsumer<Member<O>> =
            properties.create_with_context(member).map_err(|error| error.to_string())?;
        consumer.subscribe(&names).map_err(|error| error.to_string())?;
        Ok(Self { consumer, board })
    }

    /// Works until somebody wishes it to end, or something cannot be done; then what comes next goes on from the state.
    pub fn work(&mut self, is_stopped: impl Fn() -> bool) -> anyhow::Result<()> {
        let mut told = String::new();
        while !is_stopped() {
            for count in 0..AT_ONCE {
                let wait = if count == 0 { POLL_TIME } else { Duration::ZERO };
                match self.consumer.poll(wait) {
                    None => break,
                    Some(Ok(message)) => {
                        let Some(half) = self.consumer.context().half_of(message.topic()) else { continue };
                        let record = Record {
                            offset: u64::try_from(message.offset()).unwrap_or(0),
                            at_ms: message.timestamp().to_millis().and_then(|at| u64::try_from(at).ok()),
                            bytes: message.payload().unwrap_or_default(),
                        };
                        self.board().take((half, message.partition()), &record)?;
                    }
                    Some(Err(error)) => {
                        let line = format!("kafka: {error}");
                        if !is_passing(&error) && line != told {
                            self.board().outputs.tell(&line);
                            told = line;
                        }
                        break;
                    }
                }
            }
            self.look_up()?;
        }
        Ok(())
    }

    /// What is done between records.
    fn look_up(&self) -> anyhow::Result<()> {
        let mut board = self.board();
        if let Some(failure) = board.failure.take() {
            return Err(failure);
        }
        board.tick()?;
        let covered = std::mem::take(&mut board.covered);
        let counters = board.counters();
        let transactions = counters.transactions.rows().iter().map(|row| row.1).sum();
        board.outputs.progress(&Progress { reading: None, transactions, alerts: counters.alerts.open });
        if board.outputs.wants_counters() {
            let queues = self.lag();
            board.outputs.live(&LiveRows { queues, ..LiveRows::default() });
            board.outputs.counters(&counters, &Services::default());
        }
        if let Some(options) = board.outputs.reload() {
            let outcome = board.reconfigure(Judging::from(*options));
            board.outputs.reloaded(outcome);
        }
        drop(board);
        self.commit(&covered)
    }

    /// Tells the group how far state is: for tools that show lag, and for nothing else.
    fn commit(&self, covered: &[(Key, i64)]) -> anyhow::Result<()> {
        if covered.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for ((half, partition), offset) in covered {
            let topic = self.consumer.context().topic(*half);
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(target: "heelguard::scale", %error, "offsets were not noted");
        }
        Ok(())
    }

    /// Records that wait in the topics, as the queues they are.
    fn lag(&self) -> Vec<QueueRow> {
        let lag = self.consumer.context().lag.lock().unwrap_or_else(PoisonError::into_inner);
        lag.iter().map(|(half, waiting)| QueueRow::of(half.name(), clipped(*waiting), 0)).collect()
    }

    fn board(&self) -> MutexGuard<'_, Board<O>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives all partitions up, leaves the group, and hands the outputs back with what was counted. Where something could
    /// not be done, state stays as it was written last.
    pub fn leave(self, is_well: bool) -> anyhow::Result<(O, Counters, anyhow::Result<()>)> {
        let Self { consumer, board } = self;
        let closed = board.lock().unwrap_or_else(PoisonError::into_inner).close(is_well);
        drop(consumer);
        let board =
            Arc::into_inner(board).ok_or_else(|| anyhow::anyhow!("the worker's consumer did not end"))?;
        let board = board.into_inner().unwrap_or_else(PoisonError::into_inner);
        let counters = board.counters();
        Ok((board.outputs, counters, closed))
    }
}

/// Makes the topics that are missing; says how many partitions the lanes have.
pub fn prepare(cluster: &Cluster, config: &Config) -> Result<usize, String> {
    let Config { sightings_topic, lanes_topic, partitions, .. } = config;
    let [of_sightings, of_lanes] =
        [Half::Sightings, Half::Lanes].map(|half| state_topic(&config.state_topic, half));
    cluster.make_topics(&[(sightings_topic, 1, false), (lanes_topic, *partitions, false)])?;
    let there = cluster.partitions(sightings_topic)?;
    if there != 1 {
        return Err(format!(
            "kafka topic {sightings_topic} has {there} partitions; what a tenant's sensors see needs one order: make it \
             with one, or name another (scale.sightings_topic)"
        ));
    }
    let lanes = cluster.partitions(lanes_topic)?;
    let count =
        u16::try_from(lanes).map_err(|_| format!("kafka topic {lanes_topic} has {lanes} partitions"))?;
    cluster.make_topics(&[(&of_sightings, 1, true), (&of_lanes, count, true)])?;
    for (topic, wanted) in [(&of_sightings, 1), (&of_lanes, lanes)] {
        let there = cluster.partitions(topic)?;
        if there < wanted {
            return Err(format!(
                "kafka topic {topic} has {there} partitions and needs {wanted}, as many as the topic whose state it holds"
            ));
        }
    }
    Ok(lanes)
}

/// Whether librdkafka goes on by itself.
fn is_passing(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    )
}

fn clipped(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
