//! One parser: reassembly, HTTP and extraction for the flows that belong to it.
//! It is given segments and QUIC's datagrams in packet order and keeps the sightings they complete.
//! It promises that all bytes of a flow pass through one shard, so a flow's story does not depend on the number of shards.

use super::Options;
use super::consume::{End, Report};
use super::latency::Latencies;
use super::snapshot::Answer;
use crate::decode::Segment;
use crate::flow::FlowTable;
use crate::http::{Bytes, HttpHandler, HttpShared, Services};
use crate::identity::{Extractor, Settings, Sighting};
use crate::metrics::Counters;
use crate::tls::decrypt::DecryptShared;
use crate::tls::quic::Quic;
use crate::tls::{TlsShared, Transport};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sightings after which a shard reports, a few megabytes.
const SIGHTINGS_MAX: usize = 4_096;
/// Flows that end in one go when the capture is over.
const ENDED_AT_ONCE: usize = 1_024;

pub(super) struct Shard {
    flows: FlowTable<HttpHandler>,
    quic: Quic,
    http: HttpShared,
    extractor: Extractor,
    /// Boxed: a sighting is large, and it is sorted and handed on several times.
    sightings: Vec<Box<Sighting>>,
    connections: Vec<Box<TlsConnection>>,
    latencies: Latencies,
    /// Requests and responses in sightings so far.
    told: [u64; 2],
    /// What shards counted that failed in its place.
    before: Option<Box<Counters>>,
}

impl Shard {
    pub(super) fn new(options: &Options) -> Self {
        let decrypt = DecryptShared::new(options.tls.clone(), options.keys.clone());
        Self {
            flows: FlowTable::new(options.flow.clone()),
            quic: Quic::new(options.flow.clone()),
            http: HttpShared::new(options.http.clone()).with_tls(TlsShared::new(decrypt)),
            extractor: Extractor::new(options.identity.clone()),
            sightings: Vec::new(),
            connections: Vec::new(),
            latencies: Latencies::default(),
            told: [0; 2],
            before: None,
        }
    }

    /// Gives up everything that it was working on: a parser failed in the middle, and nothing of it may be believed. What
    /// was completed is kept. Gives the number of flows that are lost.
    pub(super) fn begin_anew(&mut self, options: &Options, settings: Arc<Settings>) -> u64 {
        let mut failed = std::mem::replace(self, Self::new(options));
        let mut counters = failed.counters();
        let lost = give_up(&mut counters, failed.told);
        self.reconfigure(settings);
        self.before = Some(Box::new(counters));
        self.http.services = failed.http.services;
        self.http.seen = failed.http.seen;
        self.sightings.append(&mut failed.sightings);
        self.connections.append(&mut failed.connections);
        self.latencies = failed.latencies;
        self.told = failed.told;
        lost
    }

    pub(super) fn push(&mut self, segment: &Segment<'_>) {
        if segment.is_datagram {
            self.push_datagram(segment);
        } else {
            self.flows.push(segment, &mut self.http);
        }
        #[cfg(test)]
        crate::fault::poison::fail_at(segment.payload);
        if !self.http.exchanges.is_empty() || !self.http.tls.connections.is_empty() {
            self.extract();
        }
    }

    /// Moves time on; nothing that comes later ends before the returned watermark.
    pub(super) fn advance(&mut self, now: EventTime) -> EventTime {
        let flows_until = self.flows.advance(now, &mut self.http);
        let quic_until = self.quic.advance(now, &mut self.http.tls);
        self.extract();
        flows_until.min(quic_until)
    }

    /// The capture is over: open flows end now.
    pub(super) fn finish(&mut self, now: EventTime) {
        // What they tell is made smaller a part at a time, and takes the room of those that are over.
        while self.flows.finish_some(now, ENDED_AT_ONCE, &mut self.http) {
            self.extract();
        }
        self.quic.finish(now, &mut self.http.tls);
        self.extract();
    }

    /// Whether so much was completed since the last report that it should not wait: one segment may be thousands of
    /// requests, and each of them is larger here than it was on the wire.
    pub(super) fn is_laden(&self) -> bool {
        self.sightings.len() >= SIGHTINGS_MAX
    }

    /// Bytes by the second since the last call.
    pub(super) fn seen(&mut self) -> BTreeMap<EventTime, Bytes> {
        self.http.seen.take()
    }

    /// How long it took; whoever drives the shard knows the time, and measures.
    pub(super) fn latencies(&mut self) -> &mut Latencies {
        &mut self.latencies
    }

    /// What it counted so far, and measured since the last answer.
    pub(super) fn answer(&mut self, question: u64) -> Answer {
        let latencies = std::mem::take(&mut self.latencies);
        Answer { question, counters: self.counters(), services: self.http.services.clone(), latencies }
    }

    /// Moves time on, and gives what was completed since the last report; with counters, if they are asked for.
    pub(super) fn report(&mut self, shard: usize, now: EventTime, question: Option<u64>) -> Report {
        let watermark = self.advance(now);
        let sightings = std::mem::take(&mut self.sightings);
        let connections = std::mem::take(&mut self.connections);
        let answer = question.map(|question| Box::new(self.answer(question)));
        let (seen, warnings) = (self.seen(), Vec::new());
        let is_last_word = false;
        Report {
            shard,
            sightings,
            connections,
            seen,
            watermark,
            parsed: None,
            answer,
            warnings,
            is_last_word,
        }
    }

    /// The capture is over: what is still open ends now.
    pub(super) fn last_report(&mut self, shard: usize, now: EventTime) -> Report {
        self.finish(now);
        Report { watermark: EventTime::MAX, ..self.report(shard, now, None) }
    }

    /// From here on exchanges are read by other settings.
    pub(super) fn reconfigure(&mut self, settings: Arc<Settings>) {
        self.extractor.reconfigure(settings);
    }

    pub(super) fn into_results(self) -> (Counters, Services) {
        (self.counters(), self.http.services)
    }

    /// What it leaves behind.
    pub(super) fn into_end(self, last_packet: EventTime) -> End {
        let (counters, services) = self.into_results();
        End { counters, services, last_packet, errors: Vec::new() }
    }

    #[cold]
    fn push_datagram(&mut self, datagram: &Segment<'_>) {
        if let Some(bytes) = self.quic.push(datagram, &mut self.http.tls) {
            self.http.seen.count_quic(datagram.time, bytes);
        }
    }

    fn counters(&self) -> Counters {
        let mut counters = self.before.as_deref().cloned().unwrap_or_default();
        counters.add(&self.http.counters);
        counters.add(self.flows.counters());
        counters.add(&self.http.tls.counters);
        counters.decrypt.add(&self.http.tls.decrypt.counters);
        counters.anomalies.add(self.extractor.counters());
        counters.mfa_outcomes.add(self.extractor.outcome_rows());
        counters.contents.add(self.extractor.contents_counters());
        counters
    }

    fn extract(&mut self) {
        for exchange in self.http.exchanges.drain(..) {
            let has = [exchange.request.is_some(), exchange.response.is_some()];
            self.sightings.push(Box::new(self.extractor.extract(exchange)));
            self.told.iter_mut().zip(has).for_each(|(told, has)| *told += u64::from(has));
        }
        for seen in self.http.tls.connections.drain(..) {
            if seen.transport == Transport::Quic {
                self.http.services.count_quic(seen.server, seen.facts.sni.as_deref());
            }
            self.connections.push(Box::new(self.extractor.connection(&seen)));
        }
    }
}

/// Books what a failed shard held as given up, so that in is out and dropped again. Gives the number of its flows.
fn give_up(counters: &mut Counters, [requests, responses]: [u64; 2]) -> u64 {
    let Counters { segments, bytes, flows, http, quic, .. } = counters;
    let lost = flows.opened.saturating_sub(flows.closed + flows.evicted + flows.abandoned);
    flows.abandoned += lost;
    flows.open = 0;
    segments.abandoned = segments.received.saturating_sub(segments.accepted + segments.refused);
    bytes.discarded = bytes.received.saturating_sub(bytes.delivered + bytes.duplicate);
    bytes.buffered = 0;
    quic.abandoned = quic.datagrams.saturating_sub(quic.followed + quic.strangers);
    http.requests_abandoned += http.requests.saturating_sub(http.requests_abandoned + requests);
    http.responses_abandoned += http.responses.saturating_sub(http.responses_abandoned + responses);
    counters.faults.parsers += 1;
    lost
}
