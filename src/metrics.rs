//! Every counter of the sensor: plain integers, owned by the stage that counts.
//! A stage adds to its own set; the pipeline sums the sets when it publishes.
//! For each stage what came in equals what went out plus what was dropped, by reason: `balanced` adds it up.

mod dropped;
mod live;
mod outcomes;

pub use dropped::{DropCounters, DropReason};
pub use live::{InterfaceRow, LatencyRow, LiveRows, QueueRow};
pub use outcomes::OutcomeCounters;

use heelguard_detectors::anomaly::Anomaly;

macro_rules! counter_struct {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])* $field:ident,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name { $($(#[doc = $doc])* pub $field: u64,)* }

        impl $name {
            /// Adds the other set to this one; what is full stays full.
            pub fn add(&mut self, other: &Self) { $(self.$field = self.$field.saturating_add(other.$field);)* }

            /// Names and values, in the order of the list.
            pub fn rows(&self) -> Vec<(&'static str, u64)> { vec![$((stringify!($field), self.$field),)*] }

            /// Names, meanings and values, in the order of the list.
            pub fn described(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($field), concat!($($doc),*), self.$field),)*]
            }
        }
    };
}

// Behind the macro that it uses.
mod contents;
mod scale;
mod tls;

pub use contents::ContentsCounters;
pub use scale::ScaleCounters;
pub use tls::{DecryptCounters, QuicCounters, SecretCounters, TlsCounters};

counter_struct! {
    /// What was read from captures.
    CaptureCounters {
        /// Files read to their end.
        files,
        /// Files that end in the middle of a packet.
        truncated_files,
        /// Bytes of packet data.
        bytes,
    }
}

counter_struct! {
    /// What came from interfaces; received = read + kernel_dropped + lost + waiting.
    LiveCounters {
        /// Packets that the kernel received for us, those that it dropped included.
        received,
        /// Packets that the kernel dropped because nobody read fast enough.
        kernel_dropped,
        /// Packets that were in a ring when it had to be given up.
        lost,
        /// Packets that wait in rings now.
        waiting,
        /// How often a ring was full and the kernel stopped filling it.
        ring_freezes,
        /// Packets that the snap length cut.
        truncated,
        /// First packets of connections that came to a shard that is not theirs.
        misrouted,
        /// How often an interface went down or was deleted.
        interface_losses,
        /// How often one came back.
        interface_returns,
    }
}

counter_struct! {
    /// Packets; `dropped` is beside it because it is by reason.
    PacketCounters {
        /// Packets taken from the capture.
        read,
        /// Packets handed to their flow, or understood and of no interest.
        processed,
    }
}

counter_struct! {
    /// Segments into and out of flows.
    SegmentCounters {
        /// Segments given to the flow table.
        received,
        /// Segments whose bytes were delivered, buffered or known already, or that carried none.
        accepted,
        /// Segments no host would take (PAWS, window, flags …); each has its anomaly class.
        refused,
        /// Segments at which a parser failed: a fault of ours (`faults`).
        abandoned,
    }
}

counter_struct! {
    /// Bytes of TCP payload.
    ByteCounters {
        /// Payload bytes that came in accepted segments.
        received,
        /// Bytes handed on in order.
        delivered,
        /// Bytes that came again and were known.
        duplicate,
        /// Bytes buffered and then given up (limits, ends of flows, urgent bytes taken out).
        discarded,
        /// Bytes waiting in buffers now.
        buffered,
        /// Bytes that were never seen; not part of `received`.
        missing,
    }
}

counter_struct! {
    /// Flows; opened = closed + evicted + abandoned + open now.
    FlowCounters {
        /// Flows begun.
        opened,
        /// Flows ended by FIN, RST, reuse, idleness or the capture's end.
        closed,
        /// Flows given up for a limit.
        evicted,
        /// Flows given up because a parser failed beside them: a fault of ours (`faults`).
        abandoned,
        /// Flows open now.
        open,
    }
}

counter_struct! {
    /// How well the mirror serves the sensor; `pipeline::eyes` judges it.
    SightCounters {
        /// Flows of which one direction was seen, and bytes of the other were acknowledged.
        one_way_flows,
        /// Flows of which both directions were seen, with data.
        two_way_flows,
        /// Segments that were there a moment before: the mirror sent them twice.
        copied_segments,
        /// Packets of tunnels, each counted once; datagrams, where they came in fragments.
        tunnel_packets,
        /// Of them, those whose inner packet says that it is longer than what came.
        cut_tunnel_packets,
        /// Frames longer than an ordinary Ethernet carries, up to the longest of any wire.
        jumbo_frames,
        /// Frames longer than any wire carries: a network card has joined or not yet cut them.
        giant_frames,
        /// Delivered bytes of connections that begin with TLS and are not read.
        encrypted_bytes,
    }
}

counter_struct! {
    /// Messages and exchanges.
    HttpCounters {
        /// Requests parsed.
        requests,
        /// Final responses parsed.
        responses,
        /// Interim (1xx) responses.
        interim,
        /// Requests that were lost where a parser failed: a fault of ours (`faults`).
        requests_abandoned,
        /// The same, of responses.
        responses_abandoned,
        /// Requests that left in a transaction.
        requests_out,
        /// Final responses that left in a transaction.
        responses_out,
        /// Transactions that left with both.
        pairs,
    }
}

counter_struct! {
    /// Faults of ours that were lived with.
    FaultCounters {
        /// Times a decoder failed and was begun anew: fragments that waited are lost, and the packet.
        decoders,
        /// Times a parser failed and was begun anew: its flows are lost.
        parsers,
    }
}

counter_struct! {
    /// Transactions by completeness.
    TransactionCounters {
        /// Request and answer, all of both.
        whole,
        /// No answer.
        request_only,
        /// No request.
        response_only,
        /// Bytes missing inside.
        gap,
        /// Cut by snap length or capture end.
        truncated,
    }
}

counter_struct! {
    /// Alerts; findings = open + update + suppressed.
    AlertCounters {
        /// Findings of the rules.
        findings,
        /// Episodes opened.
        open,
        /// Growth told.
        update,
        /// Episodes closed.
        closed,
        /// Findings that told nothing new, or were suppressed by rule or operator.
        suppressed,
    }
}

counter_struct! {
    /// What was forgotten because a memory was full.
    EvictionCounters {
        /// Sessions, tokens, tickets, codes and keys: their next use has no person.
        handles,
        /// Accounts, with their names.
        accounts,
        /// Names of accounts that have enough of them: a login under one begins a new account.
        names,
        /// DPoP proofs: a second use of one is not seen.
        proofs,
        /// Keys of detectors' tables.
        detector_keys,
    }
}

counter_struct! {
    /// What was done to find out about presented tokens.
    TokenCounters {
        /// Signatures checked with a public key.
        checked,
        /// Tokens tried against the lists of well-known secrets.
        searched,
        /// Tokens put off because the budget of their second was used up.
        over_budget,
        /// Tokens, signatures, issuers and key sets forgotten for a limit.
        evicted,
        /// Key sets and provider configurations learned from answers, changes included.
        key_sets,
        /// Those that another server published for a known place: not believed.
        key_sets_refused,
    }
}

counter_struct! {
    /// What was learned of routes, and what had no room.
    RouteCounters {
        /// Hosts whose routes are known now, and one for all the others.
        hosts,
        /// Routes known now.
        routes,
        /// Places in paths that became parameters.
        slugs,
        /// Requests written under `/{other}`.
        other,
        /// Requests to hosts beyond the limit, whose routes were not known.
        other_hosts,
    }
}

counter_struct! {
    /// One sink's records; queued = delivered + spooled + lost.
    SinkCounters {
        /// Records given to the sink.
        queued,
        /// Records the far side has.
        delivered,
        /// Records on disk, waiting.
        spooled,
        /// Records given up.
        lost,
    }
}

/// A counter for each anomaly class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnomalyCounters([u64; Anomaly::ALL.len()]);

impl Default for AnomalyCounters {
    fn default() -> Self {
        Self([0; Anomaly::ALL.len()])
    }
}

impl AnomalyCounters {
    /// Counts one.
    pub fn count(&mut self, anomaly: Anomaly) {
        self.0[anomaly as usize] += 1;
    }

    /// How often.
    pub fn get(&self, anomaly: Anomaly) -> u64 {
        self.0[anomaly as usize]
    }

    /// Adds the other set to this one.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Classes that were met, with their counts, in the order of the list.
    pub fn rows(&self) -> Vec<(&'static str, u64)> {
        Anomaly::ALL.iter().map(|&a| (a.name(), self.get(a))).filter(|&(_, n)| n > 0).collect()
    }
}

/// All counters of one stage, one shard or the whole sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Files and bytes.
    pub capture: CaptureCounters,
    /// Interfaces.
    pub live: LiveCounters,
    /// Packets.
    pub packets: PacketCounters,
    /// Packets dropped, by reason.
    pub dropped: DropCounters,
    /// Segments.
    pub segments: SegmentCounters,
    /// Payload bytes.
    pub bytes: ByteCounters,
    /// Flows.
    pub flows: FlowCounters,
    /// The mirror.
    pub sight: SightCounters,
    /// TLS from outside.
    pub tls: TlsCounters,
    /// QUIC from outside.
    pub quic: QuicCounters,
    /// TLS records.
    pub decrypt: DecryptCounters,
    /// TLS secrets.
    pub secrets: SecretCounters,
    /// HTTP messages.
    pub http: HttpCounters,
    /// Transactions.
    pub transactions: TransactionCounters,
    /// Alerts.
    pub alerts: AlertCounters,
    /// Forgotten for a limit.
    pub evicted: EvictionCounters,
    /// Tokens.
    pub tokens: TokenCounters,
    /// Learned routes.
    pub routes: RouteCounters,
    /// Oddities.
    pub anomalies: AnomalyCounters,
    /// What decided second-factor steps.
    pub mfa_outcomes: OutcomeCounters,
    /// What messages hold.
    pub contents: ContentsCounters,
    /// Between sensors and workers.
    pub scale: ScaleCounters,
    /// Faults of ours.
    pub faults: FaultCounters,
}

impl Counters {
    /// Adds the other set to this one.
    pub fn add(&mut self, other: &Self) {
        self.capture.add(&other.capture);
        self.live.add(&other.live);
        self.packets.add(&other.packets);
        self.dropped.add(&other.dropped);
        self.segments.add(&other.segments);
        self.bytes.add(&other.bytes);
        self.flows.add(&other.flows);
        self.sight.add(&other.sight);
        self.tls.add(&other.tls);
        self.quic.add(&other.quic);
        self.decrypt.add(&other.decrypt);
        self.secrets.add(&other.secrets);
        self.http.add(&other.http);
        self.transactions.add(&other.transactions);
        self.alerts.add(&other.alerts);
        self.evicted.add(&other.evicted);
        self.tokens.add(&other.tokens);
        self.routes.add(&other.routes);
        self.anomalies.add(&other.anomalies);
        self.mfa_outcomes.add(other.mfa_outcomes.all());
        self.contents.add(&other.contents);
        self.scale.add(&other.scale);
        self.faults.add(&other.faults);
    }

    /// The first account that does not add up, in words; `None` when all do.
    pub fn imbalance(&self) -> Option<String> {
        let Self { http, live, packets, scale, .. } = self;
        let transactions = self.transactions.rows().iter().map(|row| row.1).sum::<u64>();
        // Files are received from nobody.
        let received = if live.received == 0 { packets.read } else { live.received };
        let between_stages = [
            ("capture", received, packets.read + live.kernel_dropped + live.lost),
            ("requests", http.requests, http.requests_out + http.requests_abandoned),
            ("responses", http.responses, http.responses_out + http.responses_abandoned),
            ("transactions", transactions + http.pairs, http.requests_out + http.responses_out),
            // Where others judge, every transaction goes to them.
            ("sightings", if scale.frames_sent > 0 { transactions } else { 0 }, scale.sightings_sent),
        ];
        self.imbalance_so_far().or_else(|| first_odd(&between_stages))
    }

    /// The first account that does not add up while the run goes on: those within one stage, which hold at any time.
    pub fn imbalance_so_far(&self) -> Option<String> {
        let Self { packets, segments, bytes, flows, quic, alerts, scale, .. } = self;
        first_odd(&[
            ("packets", packets.read, packets.processed + self.dropped.sum()),
            ("segments", segments.received, segments.accepted + segments.refused + segments.abandoned),
            ("bytes", bytes.received, bytes.delivered + bytes.duplicate + bytes.discarded + bytes.buffered),
            ("flows", flows.opened, flows.closed + flows.evicted + flows.abandoned + flows.open),
            ("datagrams", quic.datagrams, quic.followed + quic.strangers + quic.abandoned),
            ("alerts", alerts.findings, alerts.open + alerts.update + alerts.suppressed),
            ("frames", scale.sightings_in, scale.released + scale.twins + scale.over_limit + scale.waiting),
        ])
    }
}

fn first_odd(accounts: &[(&str, u64, u64)]) -> Option<String> {
    accounts
        .iter()
        .find(|(_, entered, left)| entered != left)
        .map(|(account, entered, left)| format!("{account}: {entered} in, {left} accounted for"))
}
