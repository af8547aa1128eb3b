//! The live sensor: each shard captures for itself, analysis on the caller's thread.
//! It is given a tap for each shard; both directions of a flow come from one tap.
//! It promises that a shard waits for the analysis and never for another shard, so loss happens in the kernel's ring
//! alone, where it is counted; and that all that was captured when the taps end is analysed.

use super::consume::{Consumer, End, REPORTS_PER_SHARD, Report, joined};
use super::guard::{Decoding, Parsing};
use super::last::Last;
use super::latency::{Stage, machine_clock};
use super::merge::Merge;
use super::snapshot::Wanted;
use super::watch::Watch;
use super::{Options, Outputs, ROUND_SEGMENTS, ROUND_TIME, Source, Summary, newest};
use crate::capture::Next;
use crate::fault::contain;
use crate::identity::Settings;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use heelguard_detectors::time::EventTime;
use std::sync::Arc;
use std::thread;

/// Runs until every tap has ended.
pub(super) fn run(
    taps: &mut [Box<dyn Source + '_>],
    options: &Options,
    last: Last,
    outputs: &mut dyn Outputs,
) -> anyhow::Result<Summary> {
    let shards = taps.len();
    let mtu = taps.iter().filter_map(|tap| tap.mtu()).min();
    let (report_in, reports) = bounded::<Report>(REPORTS_PER_SHARD * shards);
    let wanted = &Wanted::default();
    thread::scope(|scope| {
        let (mut workers, mut settings) = (Vec::new(), Vec::new());
        for (index, tap) in taps.iter_mut().enumerate() {
            let (settings_in, changed) = unbounded();
            let reports = report_in.clone();
            let named = thread::Builder::new().name(format!("shard-{index}"));
            let worker = named.spawn_scoped(scope, move || {
                // Without this shard the merge would wait for ever: whoever consumes must hear of its end.
                contain(|| listen(index, tap.as_mut(), (options, wanted), &changed, &reports)).unwrap_or_else(
                    |fault| {
                        let _ = reports.send(Report::of_one_that_failed(index));
                        fault.pass_on()
                    },
                )
            })?;
            workers.push(worker);
            settings.push(settings_in);
        }
        drop(report_in);
        let (merge, parts) = (Merge::new(shards), shards);
        let (progress, watch) = (None, Some(Watch::new(machine_clock, mtu)));
        let mut consumer = Consumer { last, outputs, merge, wanted, parts, progress, settings, watch };
        let outcome = consumer.consume(reports);
        let mut end = End::default();
        for worker in workers {
            end.add(joined(worker.join())?);
        }
        outcome?;
        consumer.finish(end)
    })
}

/// One shard and its tap, until the tap ends.
fn listen(
    index: usize,
    tap: &mut dyn Source,
    (options, wanted): (&Options, &Wanted),
    changed: &Receiver<Arc<Settings>>,
    reports: &Sender<Report>,
) -> End {
    let mut decoder = Decoding::new(&options.decode);
    let mut shard = Parsing::new(options);
    let (mut now, mut told_at) = (EventTime::ZERO, EventTime::ZERO);
    let (mut in_round, mut answered) = (0, 0);
    let mut read_at = EventTime::ZERO;
    let mut errors = Vec::new();
    loop {
        let is_quiet = match tap.next() {
            Ok(Next::Packet(packet)) => {
                now = packet.time;
                if in_round == 0 {
                    read_at = machine_clock();
                    shard.latencies().span(Stage::Capture, now, read_at);
                }
                decoder.decode(packet, |segment| shard.push(segment));
                false
            }
            Ok(Next::Quiet(time)) => {
                now = now.max(time);
                true
            }
            Ok(Next::End) => break,
            Err(error) => {
                errors.push(error);
                true
            }
        };
        in_round += 1;
        let goes_on = in_round < ROUND_SEGMENTS && now.since(told_at) < ROUND_TIME && !shard.is_laden();
        if !is_quiet && goes_on {
            continue;
        }
        if in_round > 1 || !is_quiet {
            shard.latencies().span(Stage::Shard, read_at, machine_clock());
        }
        (in_round, told_at) = (0, now);
        if let Some(settings) = newest(changed) {
            shard.reconfigure(settings);
        }
        let mut report = shard.report(index, now, wanted.newer_than(&mut answered));
        report.parsed = report.newest().map(|newest| (newest, machine_clock()));
        report.warnings.extend(tap.warnings());
        if let Some(answer) = &mut report.answer {
            answer.counters.add(&decoder.counters());
            answer.counters.add(&tap.counters());
        }
        if reports.send(report).is_err() {
            break;
        }
    }
    decoder.finish();
    // Whoever consumed may have given up already.
    let _ = reports.send(shard.last_report(index, now));
    let mut end = shard.into_end(now);
    end.counters.add(&decoder.counters());
    end.counters.add(&tap.counters());
    end.errors = errors;
    end
}
