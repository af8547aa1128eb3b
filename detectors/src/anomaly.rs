//! What was odd in the traffic: a closed list of classes, each with its public name.
//! Every layer notes what it meets; records and counters show it.
//! It promises at most 64 classes, so a set of them is one word.

use crate::saved::saved;
use std::fmt;

macro_rules! anomalies {
    ($($(#[doc = $doc:literal])* $variant:ident => $name:literal,)*) => {
        /// One class of oddity; the names are part of the contract and never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Anomaly { $($(#[doc = $doc])* $variant,)* }

        impl Anomaly {
            /// Every class, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The public name, `layer.what`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

anomalies! {
    /// The snap length cut a packet.
    CaptureTruncated => "capture.truncated",
    /// A packet's time jumped: backwards, or far ahead.
    ClockAnomaly => "clock.anomaly",
    /// The IPv4 header checksum is wrong.
    IpBadChecksum => "ip.bad_checksum",
    /// A datagram came in fragments.
    IpFragment => "ip.fragment",
    /// Fragments of one datagram overlap; the datagram is dropped, as Linux does.
    IpFragOverlap => "ip.frag_overlap",
    /// More IPv6 extension headers than the limit.
    IpExtLimit => "ip.ext_limit",
    /// A segment's TTL differs from the flow's: it may not have reached the host.
    IpTtlAnomaly => "ip.ttl_anomaly",
    /// The TCP checksum is wrong.
    TcpBadChecksum => "tcp.bad_checksum",
    /// A reset outside the exact next sequence number; the host ignores it.
    TcpBadRst => "tcp.bad_rst",
    /// Bytes are missing and will not come.
    TcpGap => "tcp.gap",
    /// A segment no host accepts: no ACK flag, ACK of unsent data, MD5 option, broken options.
    TcpInvalidSegment => "tcp.invalid_segment",
    /// The flow was joined without its handshake.
    TcpMidstream => "tcp.midstream",
    /// Data outside the receive window.
    TcpOutOfWindow => "tcp.out_of_window",
    /// Two copies of one byte range differ.
    TcpOverlapConflict => "tcp.overlap_conflict",
    /// A segment older than the flow's timestamps allow (RFC 7323).
    TcpPawsDrop => "tcp.paws_drop",
    /// Bytes seen before came again.
    TcpRetransmission => "tcp.retransmission",
    /// A SYN carried data.
    TcpSynData => "tcp.syn_data",
    /// An urgent byte, which the host takes out of the stream.
    TcpUrgent => "tcp.urgent",
    /// A reassembly limit was reached and buffered bytes were given up.
    TcpBufferLimit => "tcp.buffer_limit",
    /// TLS records that make no sense.
    TlsMalformed => "tls.malformed",
    /// A server name that RFC 6066 forbids: none, too long, an address, bytes of no host name, or several.
    TlsOddName => "tls.odd_name",
    /// A TLS record does not open under the secret that is known for its connection.
    TlsDecryptFail => "tls.decrypt_fail",
    /// Two readings of a message's length are possible.
    Http1FramingConflict => "http1.framing_conflict",
    /// A message head that RFC 9112 forbids.
    Http1Malformed => "http1.malformed",
    /// A message head beyond the limit.
    Http1HeaderLimit => "http1.header_limit",
    /// More requests waiting for answers than the limit.
    Http1PipelineLimit => "http1.pipeline_limit",
    /// A response without a request.
    Http1UnpairedResponse => "http1.unpaired_response",
    /// Parsing went on at a proven message start after bytes were lost.
    Http1Resync => "http1.resync",
    /// A PROXY protocol preamble that is malformed, or whose sender is no trusted proxy.
    HttpProxyPreamble => "http.proxy_preamble",
    /// A credential header came more than once.
    HttpRepeatedCredential => "http.repeated_credential",
    /// An HTTP/2 header block beyond the limit.
    Http2HeaderBlockLimit => "http2.header_block_limit",
    /// An HTTP/2 header list beyond the limit.
    Http2HeaderListLimit => "http2.header_list_limit",
    /// The HPACK table is no longer known.
    Http2HpackDesync => "http2.hpack_desync",
    /// Streams opened and reset at once.
    Http2RapidReset => "http2.rapid_reset",
    /// HTTP/2 that RFC 9113 forbids.
    Http2Malformed => "http2.malformed",
    /// More open HTTP/2 streams than the limit.
    Http2StreamLimit => "http2.stream_limit",
    /// More SETTINGS frames in a second than the limit.
    Http2SettingsFlood => "http2.settings_flood",
    /// More PING frames in a second than the limit.
    Http2PingFlood => "http2.ping_flood",
    /// More frames that carry nothing in a second than the limit.
    Http2EmptyFrames => "http2.empty_frames",
    /// More PRIORITY frames in a second than the limit.
    Http2PriorityFlood => "http2.priority_flood",
    /// More WINDOW_UPDATE frames in a second than data asks for.
    Http2WindowFlood => "http2.window_flood",
    /// HTTP/2 frames were found in the middle of a stream: after a loss, or of a connection joined late.
    Http2Resync => "http2.resync",
    /// A body unpacks to more than the limit.
    BodyDecompressionLimit => "body.decompression_limit",
    /// A body's content coding is broken or unknown.
    BodyCodingError => "body.coding_error",
    /// A JSON body deeper or larger than the limit.
    BodyJsonLimit => "body.json_limit",
    /// A JWT beyond the decode limits.
    JwtLimit => "jwt.limit",
}

/// A set of anomaly classes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct AnomalySet(u64);

saved!(AnomalySet { 0 });

impl AnomalySet {
    /// No class.
    pub const EMPTY: Self = Self(0);

    /// Adds one class.
    pub fn insert(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly as u8;
    }

    /// Adds every class of `other`.
    pub fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Takes the set, leaving it empty.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Whether `anomaly` is in the set.
    pub const fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & (1 << anomaly as u8) != 0
    }

    /// Whether nothing was odd.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes in the set, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.iter().copied().filter(move |&anomaly| self.contains(anomaly))
    }
}

impl fmt::Debug for AnomalySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Anomaly::name)).finish()
    }
}
