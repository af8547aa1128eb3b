//! What has ended leaves: both halves, or the one that was seen, as an `Exchange` in the shard's list.
//! It is given messages and what is known of losses, by the reader of whatever version of HTTP.
//! It promises one reading of completeness for all of them, and takes the flow's oddities along.

use super::connection::Context;
use super::halves::Cut;
use super::{Exchange, Message};
use crate::flow::Direction;
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Completeness, Protocol};

/// An exchange that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) ordinal: u32,
    pub(super) protocol: Protocol,
    pub(super) request: Option<Message>,
    pub(super) response: Option<Message>,
    /// The worst that happened to either half.
    pub(super) cut: Cut,
    pub(super) anomalies: AnomalySet,
}

impl Ended {
    /// Puts it into the shard's list.
    pub(super) fn emit(self, cx: &mut Context<'_>, client: Direction, at: EventTime) {
        let Self { ordinal, protocol, request, response, cut, mut anomalies } = self;
        anomalies.merge(cx.flow.anomalies.take());
        let completeness = match (cut, &request, &response) {
            (Cut::Gap, ..) if !anomalies.contains(Anomaly::CaptureTruncated) => Completeness::Gap,
            (Cut::Gap | Cut::End, ..) => Completeness::Truncated,
            (Cut::No, Some(_), None) => Completeness::RequestOnly,
            (Cut::No, None, _) => Completeness::ResponseOnly,
            (Cut::No, Some(_), Some(_)) => Completeness::Whole,
        };
        cx.shared.counters.http.requests += u64::from(request.is_some());
        cx.shared.counters.http.responses += u64::from(response.is_some());
        let (client, server) = match client {
            Direction::FromInitiator => (cx.flow.initiator, cx.flow.responder),
            Direction::FromResponder => (cx.flow.responder, cx.flow.initiator),
        };
        let first = request.as_ref().or(response.as_ref()).map_or(at, |message| message.first_byte);
        cx.shared.exchanges.push(Exchange {
            client,
            server,
            proxied_for: cx.proxied_for,
            vlans: cx.flow.vlans,
            tunnel: cx.flow.tunnel,
            flow_opened_at: cx.flow.opened_at,
            ordinal,
            protocol,
            tls: None,
            time: first,
            end: at,
            request,
            response,
            completeness,
            anomalies,
        });
    }
}
