//! A connection for targets above TCP: what each side sends, cut into segments or not, and all that was told of it.
//! Segments of a turn come at one time, so that cuts change nothing but themselves.

use super::input::{Turn, cuts, in_pieces};
use heelguard::decode::{Endpoint, Tunnel, Vlans};
use heelguard::flow::{CloseReason, Direction, FlowInfo, Origin, StreamHandler};
use heelguard::http::{Config, HttpHandler, HttpShared};
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// A certificate with names of every sort, as DER in base64.
pub const CERTIFICATE: &str = "MIIB6jCCAZCgAwIBAgIUZDKrc9WSpYZ75YkdU0JzHRg1JSEwCgYIKoZIzj0EAwIwJDEQMA4GA1UECgwHRXhhbXBsZTEQMA4GA1UEAwwHYmlsbGluZzAeFw0yNjExMjMyMDU5MTlaFw0zNjExMjAyMDU5MTlaMCQxEDAOBgNVBAoMB0V4YW1wbGUxEDAOBgNVBAMMB2JpbGxpbmcwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQOaCzS4YGyoEd3boasd7Ri/8J+RHi3zvwIWtdiW3IVUGxeBS2I1KB/SSq+eJdRuUF8kSc/Cp3GOpOu60AsAzoJo4GfMIGcMB0GA1UdDgQWBBR02dy4pD2kKI4+FHMHKZz6w6KqIjAfBgNVHSMEGDAWgBR02dy4pD2kKI4+FHMHKZz6w6KqIjAPBgNVHRMBAf8EBTADAQH/MEkGA1UdEQRCMECGHHNwaWZmZTovL2V4YW1wbGUuY29tL2JpbGxpbmeCE2JpbGxpbmcuZXhhbXBsZS5jb22BBWFAYi5jhwQKAAABMAoGCCqGSM49BAMCA0gAMEUCIHow/H8hAKk51UJ/VUDqC7GxaXDVrx6bC5FV1WRhXcEuAiEAsBN4s8o3inoAyBThn4YPgmZ/d/awzRXHvib/Ap0iH9I=";

/// One with a common name alone.
pub const BARE_CERTIFICATE: &str = "MIIBOTCB4QIUMBBAXPRcyXmAZ7dQCALIu3b2LAEwCgYIKoZIzj0EAwIwIDEQMA4GA1UECgwHRXhhbXBsZTEMMAoGA1UEAwwDYW5uMB4XDTI2MTEyMzIxMTEwMFoXDTM2MTEyMDIxMTEwMFowIDEQMA4GA1UECgwHRXhhbXBsZTEMMAoGA1UEAwwDYW5uMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPdZT5nfmAcNY5lkErryZFx7jTT33jBlQ2LZDsUnClJ39ltjTpGiFaLhU96v+Q7TxYlz3yapOss9JFzF0b1cNUTAKBggqhkjOPQQDAgNHADBEAiBPDJ2yLXfrZN9gEESpkd9Au8DvUNheH/zAb9iRSbqYwQIgQ6FeO1NNA1ULDPkXEaFu/yrV2YDFDcqPtzo3/WTHz+4=";

/// What a kind of turn does.
pub const CLIENT: u8 = 0;
pub const SERVER: u8 = 1;
pub const CLIENT_GAP: u8 = 2;
pub const SERVER_GAP: u8 = 3;
pub const CLIENT_FIN: u8 = 4;
pub const SERVER_FIN: u8 = 5;

/// A flow that begins now.
pub fn flow(origin: Origin) -> FlowInfo {
    let end = |last, port| Endpoint { ip: [10, 0, 0, last].into(), port };
    FlowInfo {
        initiator: end(1, 40_000),
        responder: end(2, 80),
        vlans: Vlans::default(),
        tunnel: Tunnel::default(),
        opened_at: EventTime::from_secs(1),
        origin,
        anomalies: AnomalySet::EMPTY,
    }
}

/// Which way a turn goes.
pub fn direction(turn: Turn<'_>) -> Direction {
    if turn.kind & 1 == 0 { Direction::FromInitiator } else { Direction::FromResponder }
}

/// What was found in a connection; each turn is one segment, or many as the seed says.
pub fn found(config: &Config, origin: Origin, turns: &[Turn<'_>], cut: Option<u8>) -> HttpShared {
    let mut flow = flow(origin);
    let mut now = flow.opened_at;
    let mut shared = HttpShared::new(config.clone());
    let mut handler = HttpHandler::opened(&flow, &mut shared);
    let mut cut = cut.map(cuts);
    for &turn in turns {
        now = now.after(Duration::from_millis(if turn.kind & 8 == 0 { 1 } else { 2_000 }));
        let way = direction(turn);
        match turn.kind & 6 {
            CLIENT_GAP => {
                flow.anomalies.insert(Anomaly::TcpGap);
                let missing = turn.bytes.len() as u64 + 1;
                handler.gap(&mut flow, way, now, missing, &mut shared);
            }
            CLIENT_FIN => handler.half_closed(&mut flow, way, now, &mut shared),
            _ if turn.bytes.is_empty() => {}
            _ => match &mut cut {
                None => handler.data(&mut flow, way, now, turn.bytes, &mut shared),
                Some(cut) => in_pieces(turn.bytes, cut)
                    .for_each(|piece| handler.data(&mut flow, way, now, piece, &mut shared)),
            },
        }
    }
    handler.closed(flow, now, CloseReason::Fin, &mut shared);
    shared
}

/// Everything that was told, in words.
pub fn told(shared: &HttpShared) -> String {
    let HttpShared { exchanges, counters, tls, .. } = shared;
    format!("{exchanges:#?}\n{:?}\n{:?}\n{:?}", counters.http, counters.anomalies.rows(), tls.connections)
}

/// What holds of everything that is told of a connection; any cut of one that is read from its beginning tells the same.
pub fn check(config: &Config, origin: Origin, turns: &[Turn<'_>], cut: u8) -> HttpShared {
    let whole = found(config, origin, turns, None);
    let http = &whole.counters.http;
    let count = |is: fn(&heelguard::http::Exchange) -> bool| {
        whole.exchanges.iter().filter(|exchange| is(exchange)).count() as u64
    };
    assert_eq!(http.requests, count(|exchange| exchange.request.is_some()), "requests are counted");
    assert_eq!(http.responses, count(|exchange| exchange.response.is_some()), "responses are counted");
    for exchange in &whole.exchanges {
        for message in [&exchange.request, &exchange.response].into_iter().flatten() {
            assert!(message.body.prefix.len() as u64 <= message.body.bytes, "no body is longer than it is");
            assert!(message.first_byte <= message.last_byte && message.last_byte <= exchange.end);
        }
    }
    let pieces = found(config, origin, turns, Some(cut));
    // What is no HTTP as a whole may have some where one of its bytes begins a segment.
    let is_nothing = whole.exchanges.is_empty() && is_lost(&pieces);
    let is_one = origin == Origin::Handshake && turns.iter().all(|turn| is_read_byte_by_byte(turn));
    if is_one && !is_lost(&whole) && !is_nothing {
        let [whole, pieces] = [&whole, &pieces].map(told);
        assert!(whole == pieces, "a cut changes what is told:\n{whole}\n--- and in pieces\n{pieces}");
    }
    whole
}

/// Whether a turn is none of those behind which a segment's beginning counts for more than another byte: gaps, and what
/// may be another protocol, behind which HTTP or TLS shows itself.
fn is_read_byte_by_byte(turn: &Turn<'_>) -> bool {
    let hello = [0x16, 3];
    turn.kind & 6 != CLIENT_GAP
        && !turn.bytes.windows(2).any(|two| two == hello)
        && !matches!(turn.bytes.first(), Some(4 | 5))
}

/// Whether the thread was lost somewhere: it is taken up again where a segment begins. That is never done in silence.
fn is_lost(shared: &HttpShared) -> bool {
    let lost = [
        Anomaly::Http1Malformed,
        Anomaly::Http1HeaderLimit,
        Anomaly::Http1FramingConflict,
        Anomaly::Http1Resync,
        Anomaly::Http2Malformed,
        Anomaly::Http2Resync,
        Anomaly::Http2HpackDesync,
        Anomaly::HttpProxyPreamble,
    ];
    lost.into_iter().any(|anomaly| shared.counters.anomalies.get(anomaly) > 0)
}
