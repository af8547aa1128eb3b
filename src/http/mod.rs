//! Byte streams as exchanges: HTTP/1.x and HTTP/2 seen from outside.
//! It is given bytes and gaps in both directions and gives `Exchange`s: heads, body facts, a bounded body prefix.
//! It promises the reading a strict peer has, or an anomaly; after a gap it resumes only at a proven message start.

pub mod body;
mod chunked;
mod connection;
mod emission;
mod encrypted;
mod framing;
pub(crate) mod grpc;
mod h2;
mod halves;
mod handler;
mod head;
mod lenient;
mod opening;
mod pairing;
mod plain;
mod preamble;
mod reader;
mod responses;
mod seen;
mod services;

#[doc(hidden)]
pub use h2::fuzzing::header_blocks;
pub use handler::HttpHandler;
pub use seen::{Bytes, Seen};
pub use services::{ServiceCounts, Services};

use crate::decode::{Endpoint, Tunnel, Vlans};
use crate::metrics::Counters;
use crate::tls::{Facts, TlsShared};
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Completeness, Protocol};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// Limits of the layer; each has its anomaly class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bytes of one message head (`http1.header_limit`).
    pub head_bytes_max: usize,
    /// Header lines of one message head (`http1.header_limit`).
    pub header_lines_max: usize,
    /// Requests of one HTTP/1 flow that wait for their answers (`http1.pipeline_limit`).
    pub pipeline_max: usize,
    /// Bytes of heads and body prefixes that wait in one flow (`http1.pipeline_limit`, `http2.stream_limit`).
    pub pipeline_bytes_max: usize,
    /// Bytes of a request body that are kept for identity.
    pub request_body_prefix_bytes_max: usize,
    /// Bytes of a response body that are kept for identity.
    pub response_body_prefix_bytes_max: usize,
    /// Bytes of the trailer section after a chunked body (`http1.header_limit`).
    pub trailer_bytes_max: usize,
    /// Bytes of a chunk's size line with its extensions (`http1.framing_conflict`).
    pub chunk_line_bytes_max: usize,
    /// Interim (1xx) responses before one final response (`http1.malformed`).
    pub interim_responses_max: u32,
    /// Bytes of one HTTP/2 header block (`http2.header_block_limit`).
    pub http2_block_bytes_max: usize,
    /// Frames of one HTTP/2 header block (`http2.header_block_limit`).
    pub http2_block_frames_max: u32,
    /// Bytes of the fields of one HTTP/2 header block, unpacked (`http2.header_list_limit`).
    pub http2_list_bytes_max: usize,
    /// Bytes of one direction's HPACK table that are remembered (`http2.hpack_desync`).
    pub http2_table_bytes_max: usize,
    /// Streams of one HTTP/2 connection that are open at once (`http2.stream_limit`).
    pub http2_streams_max: usize,
    /// Streams of one connection given up unanswered in a second (`http2.rapid_reset`).
    pub http2_resets_per_s_max: u32,
    /// SETTINGS frames of one direction in a second (`http2.settings_flood`).
    pub http2_settings_per_s_max: u32,
    /// PING frames of one direction in a second (`http2.ping_flood`).
    pub http2_pings_per_s_max: u32,
    /// Frames of one direction in a second that carry nothing (`http2.empty_frames`).
    pub http2_empty_frames_per_s_max: u32,
    /// PRIORITY frames of one direction in a second (`http2.priority_flood`).
    pub http2_priorities_per_s_max: u32,
    /// WINDOW_UPDATE frames of one direction in a second that no data asks for (`http2.window_flood`).
    pub http2_window_updates_per_s_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            head_bytes_max: 65_536,
            header_lines_max: 1_024,
            pipeline_max: 4_096,
            pipeline_bytes_max: 4 << 20,
            request_body_prefix_bytes_max: 65_536,
            response_body_prefix_bytes_max: 65_536,
            trailer_bytes_max: 65_536,
            chunk_line_bytes_max: 4_096,
            interim_responses_max: 64,
            http2_block_bytes_max: 65_536,
            http2_block_frames_max: 16,
            http2_list_bytes_max: 262_144,
            http2_table_bytes_max: 65_536,
            http2_streams_max: 4_096,
            http2_resets_per_s_max: 100,
            http2_settings_per_s_max: 100,
            http2_pings_per_s_max: 1_000,
            http2_empty_frames_per_s_max: 100,
            http2_priorities_per_s_max: 1_000,
            http2_window_updates_per_s_max: 1_000,
        }
    }
}

/// What all handlers of a shard share: the limits, and where they put what they find.
#[derive(Debug, Default)]
pub struct HttpShared {
    /// The limits.
    pub config: Config,
    /// Exchanges that ended, in that order; the shard drains it after each segment.
    pub exchanges: Vec<Exchange>,
    /// `http` and `anomalies` are counted here.
    pub counters: Counters,
    /// Connections by service.
    pub services: Services,
    /// Bytes by the second.
    pub seen: Seen,
    /// What connections under TLS share.
    pub tls: TlsShared,
    /// Room for header strings while they are unpacked.
    hpack: h2::Scratch,
}

impl HttpShared {
    /// With nothing found yet.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// The same, with what is needed to look into TLS.
    #[must_use]
    pub fn with_tls(self, tls: TlsShared) -> Self {
        Self { tls, ..self }
    }

    /// Counts one class, and gives it as a set.
    fn note(&mut self, anomaly: Anomaly) -> AnomalySet {
        self.counters.anomalies.count(anomaly);
        let mut set = AnomalySet::EMPTY;
        set.insert(anomaly);
        set
    }
}

/// Which half of an exchange a direction carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

/// One request with its final response, or the half that was seen. Raw header values live here
/// and in `identity`, nowhere further.
#[derive(Debug)]
pub struct Exchange {
    /// The client's end of the connection.
    pub client: Endpoint,
    /// The server's end.
    pub server: Endpoint,
    /// For whom the client's end opened the connection, by a PROXY preamble; nobody vouches for it.
    pub proxied_for: Option<IpAddr>,
    /// VLAN ids.
    pub vlans: Vlans,
    /// The innermost tunnel.
    pub tunnel: Tunnel,
    /// When the flow began; with `ordinal` it names the exchange.
    pub flow_opened_at: EventTime,
    /// Position of the exchange in its flow, from 0.
    pub ordinal: u32,
    /// The protocol.
    pub protocol: Protocol,
    /// What its handshake says, where TLS covers the connection.
    pub tls: Option<Arc<Facts>>,
    /// The first byte seen.
    pub time: EventTime,
    /// The response's last byte, or when the sensor stopped waiting.
    pub end: EventTime,
    /// The request, if it was seen.
    pub request: Option<Message>,
    /// The final response, if it was seen.
    pub response: Option<Message>,
    /// How much was seen.
    pub completeness: Completeness,
    /// What was odd in this exchange or in its flow since the last one.
    pub anomalies: AnomalySet,
}

/// A message's first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartLine {
    /// Method and target, as ranges of the head; empty where they are not known.
    Request {
        /// The method.
        method: Range<u32>,
        /// The target as sent.
        target: Range<u32>,
    },
    /// The status.
    Response {
        /// Three digits; 0 when a strict client reads none, or it is not known.
        status: u16,
    },
}

/// One header line, as ranges of the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name as sent.
    pub name: Range<u32>,
    /// The value without surrounding blanks.
    pub value: Range<u32>,
}

/// A message: its head as it was sent, and what is known of its body.
#[derive(Clone, Debug)]
pub struct Message {
    /// The head's bytes, from the start line to the empty line; of HTTP/2 its fields, a line each.
    pub head: Vec<u8>,
    /// The start line.
    pub start: StartLine,
    /// Every header line in order, repeated ones kept; `:authority` is `host`. Trailers are not headers and are left out.
    pub headers: Vec<Header>,
    /// Trailers that say how a gRPC call ended (`grpc-status`, `grpc-message`); others are left out.
    pub trailers: Vec<Header>,
    /// The first byte's time.
    pub first_byte: EventTime,
    /// The last byte's time.
    pub last_byte: EventTime,
    /// The body.
    pub body: Body,
}

/// What is known of a body.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// Bytes after transfer decoding, before content decoding.
    pub bytes: u64,
    /// The first bytes after transfer decoding, at most the limit for its type, still content-coded.
    pub prefix: Vec<u8>,
    /// Whether all bytes up to the framing's end were seen.
    pub complete: bool,
    /// gRPC messages in it, where they were counted.
    pub messages: Option<u32>,
}

impl Message {
    /// Bytes of the head.
    pub fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.head.get(range.start as usize..range.end as usize).unwrap_or(&[])
    }

    /// Names and values of all header lines, in order.
    pub fn header_lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter().map(|h| (self.slice(&h.name), self.slice(&h.value)))
    }

    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.header_lines().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The method of a request.
    pub fn method(&self) -> &[u8] {
        match &self.start {
            StartLine::Request { method, .. } => self.slice(method),
            StartLine::Response { .. } => &[],
        }
    }

    /// The target of a request, as sent.
    pub fn target(&self) -> &[u8] {
        match &self.start {
            StartLine::Request { target, .. } => self.slice(target),
            StartLine::Response { .. } => &[],
        }
    }

    /// The status of a response.
    pub fn status(&self) -> u16 {
        match self.start {
            StartLine::Request { .. } => 0,
            StartLine::Response { status } => status,
        }
    }
}
