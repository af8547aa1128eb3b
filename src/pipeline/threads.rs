//! The pipeline on several threads: one reader, one thread a shard, analysis on the caller's thread.
//! Queues are bounded and a full one waits, so loss can only happen where packets are captured.
//! Shutdown is the drop of a sender: each stage ends when its input closes.

use super::analysis::Analysis;
use super::batch::Batch;
use super::merge::Merge;
use super::shard::Shard;
use super::snapshot::{Answer, Sum, Wanted};
use super::{Options, Outputs, Source, Summary};
use crate::capture::replay::Progress as Reading;
use crate::capture::{CaptureError, Next};
use crate::decode::{Decoder, Segment};
use crate::http::{Bytes, Services};
use crate::identity::Sighting;
use crate::metrics::Counters;
use crossbeam_channel::{Receiver, Sender, bounded};
use heelguard_detectors::time::EventTime;
use std::collections::BTreeMap;
use std::thread;

/// Batches a shard may have waiting.
const QUEUE_BATCHES: usize = 8;

/// What a shard tells the analysis after each batch.
struct Report {
    shard: usize,
    sightings: Vec<Box<Sighting>>,
    seen: BTreeMap<EventTime, Bytes>,
    watermark: EventTime,
    /// The shard's counters, when somebody asked.
    answer: Option<Box<Answer>>,
}

/// How far the reader is, and its counters when somebody asked.
type Told = (Reading, Option<Box<Answer>>);

/// What the reader leaves behind.
struct ReaderEnd {
    decoder: Counters,
    errors: Vec<CaptureError>,
    last_packet: EventTime,
}

pub(super) fn run(
    source: &mut dyn Source,
    options: &Options,
    mut analysis: Analysis,
    outputs: &mut dyn Outputs,
) -> anyhow::Result<Summary> {
    let shards = options.shards;
    let (report_in, reports) = bounded::<Report>(QUEUE_BATCHES * shards);
    let (progress_in, progress) = bounded::<Told>(1);
    let wanted = &Wanted::default();
    thread::scope(|scope| {
        let (queues, workers): (Vec<_>, Vec<_>) = (0..shards)
            .map(|index| {
                let (sender, receiver) = bounded::<Batch>(QUEUE_BATCHES);
                let (spare_in, spares) = bounded::<Batch>(QUEUE_BATCHES + 2);
                let report_in = report_in.clone();
                let worker =
                    scope.spawn(move || work(index, (options, wanted), &receiver, &spare_in, &report_in));
                (Queue { sender, spares, batch: Batch::new() }, worker)
            })
            .unzip();
        drop(report_in);
        let reader = scope.spawn(move || read(source, (options, wanted), queues, &progress_in));

        // A failing output must not leave the other threads waiting on full queues: the receivers drop first.
        let mut merge = Merge::new(shards);
        let consumed = consume(reports, (&progress, wanted), &mut merge, &mut analysis, outputs, shards);

        let mut counters = Counters::default();
        let mut services = Services::default();
        for worker in workers {
            let (counted, seen) = joined(worker.join())?;
            counters.add(&counted);
            services.add(&seen);
        }
        let end = joined(reader.join())?;
        consumed?;
        analysis.finish(end.last_packet, outputs)?;
        counters.add(&end.decoder);
        counters.add(&analysis.counters());
        let (errors, last_packet) = (end.errors, end.last_packet);
        Ok(Summary { counters, services, errors, warnings: analysis.warnings(), last_packet })
    })
}

/// One shard's queue as the reader sees it: the batch being filled, and empty ones that come back.
struct Queue {
    sender: Sender<Batch>,
    spares: Receiver<Batch>,
    batch: Batch,
}

/// Reads, decodes and deals segments to their flows' shards until the source ends.
fn read(
    source: &mut dyn Source,
    (options, wanted): (&Options, &Wanted),
    mut queues: Vec<Queue>,
    progress: &Sender<Told>,
) -> ReaderEnd {
    let mut answered = 0;
    let mut decoder = Decoder::new(options.decode.clone());
    let mut end =
        ReaderEnd { decoder: Counters::default(), errors: Vec::new(), last_packet: EventTime::ZERO };
    loop {
        match source.next() {
            Ok(Next::Packet(packet)) => {
                end.last_packet = packet.time;
                let Some(segment) = decoder.decode(packet) else { continue };
                let shard = shard_of(&segment, queues.len());
                let Some(queue) = queues.get_mut(shard) else { continue };
                queue.batch.push(&segment);
                if queue.batch.is_full() {
                    if !send_round(&mut queues, end.last_packet) {
                        break;
                    }
                    // Progress is a courtesy: when nobody looks, it is not told.
                    if progress.is_empty() {
                        let answer = wanted.newer_than(&mut answered).map(|question| {
                            let mut counters = decoder.counters().clone();
                            counters.add(&source.counters());
                            let (services, latencies) = Default::default();
                            Box::new(Answer { question, counters, services, latencies })
                        });
                        let _ = progress.try_send((source.progress(), answer));
                    }
                }
            }
            Ok(Next::Quiet(time)) => end.last_packet = end.last_packet.max(time),
            Ok(Next::End) => break,
            Err(error) => end.errors.push(error),
        }
    }
    send_round(&mut queues, end.last_packet);
    decoder.finish();
    end.decoder = decoder.counters().clone();
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
fn work(
    index: usize,
    (options, wanted): (&Options, &Wanted),
    batches: &Receiver<Batch>,
    spares: &Sender<Batch>,
    reports: &Sender<Report>,
) -> (Counters, Services) {
    let mut shard = Shard::new(options);
    let mut last = EventTime::ZERO;
    let mut answered = 0;
    for mut batch in batches {
        for segment in batch.segments() {
            shard.push(&segment);
        }
        last = batch.now;
        let watermark = shard.advance(last);
        let sightings = std::mem::take(shard.sightings());
        let answer = wanted.newer_than(&mut answered).map(|question| Box::new(shard.answer(question)));
        let report = Report { shard: index, sightings, seen: shard.seen(), watermark, answer };
        if reports.send(report).is_err() {
            return shard.into_results();
        }
        batch.clear();
        // The reader makes new batches when none come back in time.
        let _ = spares.try_send(batch);
    }
    shard.finish(last);
    let sightings = std::mem::take(shard.sightings());
    let seen = shard.seen();
    let _ = reports.send(Report { shard: index, sightings, seen, watermark: EventTime::MAX, answer: None });
    shard.into_results()
}

fn consume(
    reports: Receiver<Report>,
    (progress, wanted): (&Receiver<Told>, &Wanted),
    merge: &mut Merge,
    analysis: &mut Analysis,
    outputs: &mut dyn Outputs,
    shards: usize,
) -> anyhow::Result<()> {
    let mut sum = Sum::default();
    for mut report in reports {
        merge.take(report.shard, &mut report.sightings, report.watermark);
        merge.take_seen(report.seen);
        analysis.consume(merge.release(), outputs)?;
        if let Some(answer) = &report.answer {
            sum.take(answer);
        }
        if let Ok((reading, answer)) = progress.try_recv() {
            if let Some(answer) = &answer {
                sum.take(answer);
            }
            outputs.progress(&analysis.progress(Some(reading)));
            if outputs.wants_counters() {
                wanted.ask();
            }
        }
        // All shards and the reader.
        if let Some((mut counters, services)) = sum.complete(shards + 1) {
            counters.add(&analysis.counters());
            outputs.counters(&counters, &services);
        }
    }
    Ok(())
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

/// A worker that panicked is a bug of ours; the run ends with its message instead of wrong results.
fn joined<T>(result: thread::Result<T>) -> anyhow::Result<T> {
    result.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
        anyhow::anyhow!("a worker thread stopped: {text}")
    })
}
