//! One source for several shards: one reader, one thread a shard, analysis on the caller's thread.
//! Queues are bounded and a full one waits, so loss can only happen where packets are captured.
//! Shutdown is the drop of a sender: each stage ends when its input closes.

use super::batch::Batch;
use super::consume::{Consumer, End, REPORTS_PER_SHARD, Report, Told, joined};
use super::guard::{Decoding, Parsing};
use super::last::Last;
use super::latency::machine_clock;
use super::merge::Merge;
use super::snapshot::{Answer, Wanted};
use super::watch::Watch;
use super::{Options, Outputs, ROUND_TIME, Source, Summary, newest};
use crate::capture::Next;
use crate::decode::Segment;
use crate::identity::Settings;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use heelguard_detectors::time::EventTime;
use std::sync::Arc;
use std::thread;

/// Batches a shard may have waiting.
const QUEUE_BATCHES: usize = 8;

pub(super) fn run(
    source: &mut dyn Source,
    options: &Options,
    last: Last,
    outputs: &mut dyn Outputs,
) -> anyhow::Result<Summary> {
    let (shards, is_live, mtu) = (options.shards, source.is_live(), source.mtu());
    let (report_in, reports) = bounded::<Report>(REPORTS_PER_SHARD * shards);
    let (progress_in, progress) = bounded::<Told>(1);
    let wanted = &Wanted::default();
    thread::scope(|scope| {
        let (mut queues, mut workers, mut settings) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..shards {
            let (sender, receiver) = bounded::<Batch>(QUEUE_BATCHES);
            let (spare_in, spares) = bounded::<Batch>(QUEUE_BATCHES + 2);
            let (settings_in, changed) = unbounded();
            let way = Way { batches: receiver, spares: spare_in, changed, reports: report_in.clone() };
            workers.push(scope.spawn(move || work(index, (options, wanted), &way)));
            queues.push(Queue { sender, spares, batch: Batch::new() });
            settings.push(settings_in);
        }
        drop(report_in);
        let reader = scope.spawn(move || read(source, (options, wanted), queues, &progress_in));

        let (merge, parts) = (Merge::new(shards), shards + 1);
        let progress = Some(progress);
        let watch = is_live.then(|| Watch::new(machine_clock, mtu));
        let mut consumer = Consumer { last, outputs, merge, wanted, parts, progress, settings, watch };
        let outcome = consumer.consume(reports);
        let mut end = End::default();
        for worker in workers {
            end.add(joined(worker.join())?);
        }
        end.add(joined(reader.join())?);
        outcome?;
        consumer.finish(end)
    })
}

/// One shard's queue as the reader sees it: the batch being filled, and empty ones that come back.
struct Queue {
    sender: Sender<Batch>,
    spares: Receiver<Batch>,
    batch: Batch,
}

/// A shard's ends of the queues.
struct Way {
    batches: Receiver<Batch>,
    spares: Sender<Batch>,
    changed: Receiver<Arc<Settings>>,
    reports: Sender<Report>,
}

/// Reads, decodes and deals segments to their flows' shards until the source ends.
fn read(
    source: &mut dyn Source,
    (options, wanted): (&Options, &Wanted),
    mut queues: Vec<Queue>,
    progress: &Sender<Told>,
) -> End {
    let mut answered = 0;
    let mut decoder = Decoding::new(&options.decode);
    let mut end = End::default();
    let (is_live, mut sent_at) = (source.is_live(), EventTime::ZERO);
    loop {
        let is_due = match source.next() {
            Ok(Next::Packet(packet)) => {
                end.last_packet = packet.time;
                let is_late = is_live && packet.time.since(sent_at) >= ROUND_TIME;
                let mut is_full = false;
                decoder.decode(packet, |segment| {
                    let shard = shard_of(segment, queues.len());
                    if let Some(queue) = queues.get_mut(shard) {
                        queue.batch.push(segment);
                        is_full = queue.batch.is_full();
                    }
                });
                is_late || is_full
            }
            Ok(Next::Quiet(time)) => {
                end.last_packet = end.last_packet.max(time);
                true
            }
            Ok(Next::End) => break,
            Err(error) => {
                end.errors.push(error);
                false
            }
        };
        if !is_due {
            continue;
        }
        sent_at = end.last_packet;
        if !send_round(&mut queues, end.last_packet) {
            break;
        }
        // Progress is a courtesy: when nobody looks, it is not told.
        if progress.is_empty() {
            let answer = wanted.newer_than(&mut answered).map(|question| {
                let mut counters = decoder.counters();
                counters.add(&source.counters());
                let (services, latencies) = Default::default();
                Box::new(Answer { question, counters, services, latencies })
            });
            let warnings = if is_live { source.warnings() } else { Vec::new() };
            let _ = progress.try_send((source.progress(), answer, warnings));
        }
    }
    send_round(&mut queues, end.last_packet);
    decoder.finish();
    end.counters = decoder.counters();
    end
}

/// Sends what every shard has waiting, so that time moves on in all of them; false when they are gone.
fn send_round(queues: &mut [Queue], now: EventTime) -> bool {
    queues.iter_mut().all(|queue| {
        let empty = queue.spares.try_recv().unwrap_or_else(|_| Batch::new());
        let mut full = std::mem::replace(&mut queue.batch, empty);
        full.now = now;
        queue.sender.send(full).is_ok()
    })
}

/// One shard: batches in, sightings out, until the reader is done.
fn work(index: usize, (options, wanted): (&Options, &Wanted), way: &Way) -> End {
    let mut shard = Parsing::new(options);
    let mut last = EventTime::ZERO;
    let mut answered = 0;
    for mut batch in &way.batches {
        if let Some(settings) = newest(&way.changed) {
            shard.reconfigure(settings);
        }
        for segment in batch.segments() {
            shard.push(&segment);
            if shard.is_laden() && way.reports.send(shard.report(index, segment.time, None)).is_err() {
                return shard.into_end(segment.time);
            }
        }
        last = batch.now;
        let answer = wanted.newer_than(&mut answered);
        if way.reports.send(shard.report(index, last, answer)).is_err() {
            return shard.into_end(last);
        }
        batch.clear();
        // The reader makes new batches when none come back in time.
        let _ = way.spares.try_send(batch);
    }
    let _ = way.reports.send(shard.last_report(index, last));
    shard.into_end(last)
}

/// Both directions of a flow give the same shard. The sum is not keyed: an attacker who aims at one
/// shard slows only that one, and every table behind it is keyed and bounded.
fn shard_of(segment: &Segment<'_>, shards: usize) -> usize {
    let fold = |endpoint: &crate::decode::Endpoint| {
        let address = match endpoint.ip {
            std::net::IpAddr::V4(ip) => u64::from(u32::from(ip)),
            std::net::IpAddr::V6(ip) => {
                let bits = u128::from(ip);
                (bits >> 64) as u64 ^ bits as u64
            }
        };
        (address ^ (u64::from(endpoint.port) << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    };
    let mixed = fold(&segment.src).wrapping_add(fold(&segment.dst));
    ((mixed ^ (mixed >> 32)) % shards.max(1) as u64) as usize
}
