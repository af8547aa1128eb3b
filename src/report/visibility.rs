//! How well the traffic was seen: what was lost and where, and whether conclusions still hold.
//! It is given the counters of a run.
//! It promises that what limits a conclusion is said with its share and what to do about it, and that no counters are
//! not taken for good ones.

use super::model::{Limit, Loss, Verdict, Visibility};
use crate::markup::parts::share;
use crate::metrics::Counters;
use heelguard_detectors::anomaly::Anomaly;

/// A share above this many in a thousand limits what can be concluded.
const LIMITS_PM: u64 = 20;

/// One place where something may be lost, and what to do about it.
struct Point {
    loss: Loss,
    /// What the share means, behind it.
    means: &'static str,
    to_do: &'static str,
}

/// What these counters say.
pub(super) fn visibility(counters: &Counters) -> Visibility {
    let points = points(counters);
    let is_limiting = |point: &&Point| {
        point.loss.lost > 0 && point.loss.lost.saturating_mul(1_000) > point.loss.of.saturating_mul(LIMITS_PM)
    };
    let limits: Vec<Limit> = points
        .iter()
        .filter(is_limiting)
        .map(|point| Limit {
            what: format!("{} {}", share(point.loss.lost, point.loss.of), point.means),
            to_do: point.to_do,
        })
        .collect();
    let transactions: u64 = counters.transactions.rows().iter().map(|row| row.1).sum();
    let verdict = match transactions {
        0 => Verdict::Blind,
        _ if limits.is_empty() => Verdict::Good,
        _ => Verdict::Limited,
    };
    Visibility { verdict, limits, counters: points.into_iter().map(|point| point.loss).collect() }
}

/// Where transactions alone are known.
pub(super) fn of_transactions(not_whole: u64, all: u64) -> Visibility {
    let loss = Loss { place: "not whole", unit: "transactions", lost: not_whole, of: all };
    let unknown = unknown(
        "What was lost, encrypted or seen in one direction only is not in these tables by period.",
        "Look at the sensor board, or at sensor_health.",
    );
    Visibility { counters: vec![loss], ..unknown }
}

/// Where nothing was counted.
pub(super) fn unknown(what: &str, to_do: &'static str) -> Visibility {
    Visibility {
        verdict: Verdict::Unknown,
        limits: vec![Limit { what: what.to_owned(), to_do }],
        counters: Vec::new(),
    }
}

fn points(counters: &Counters) -> Vec<Point> {
    let Counters { live, packets, bytes, flows, sight, tls, quic, .. } = counters;
    let transactions = &counters.transactions;
    let all: u64 = transactions.rows().iter().map(|row| row.1).sum();
    let cut = counters.anomalies.get(Anomaly::CaptureTruncated);
    let point =
        |place, unit, (lost, of), means, to_do| Point { loss: Loss { place, unit, lost, of }, means, to_do };
    let mut points = Vec::new();
    if live.received > 0 {
        points.push(point(
            "dropped by the kernel",
            "packets",
            (live.kernel_dropped + live.lost, live.received),
            "of the packets were dropped before the sensor could read them, so events are missing",
            "Give the sensor more shards or larger rings, or a filter that leaves out what nobody needs.",
        ));
    }
    points.extend([
        point(
            "cut",
            "packets",
            (cut, packets.read),
            "of the packets were cut, so tokens and bodies end in their middle",
            "Capture whole packets (tcpdump: -s 0).",
        ),
        point(
            "never seen",
            "bytes",
            (bytes.missing, bytes.delivered + bytes.missing),
            "of the bytes passed by unseen; requests in them are in no number below",
            "Look for drops at the mirror port, then at the sensor's interface.",
        ),
        point(
            "encrypted",
            "bytes",
            (sight.encrypted_bytes.min(bytes.delivered) + quic.bytes, bytes.delivered + quic.bytes),
            "of the bytes were encrypted and could not be read: who called what in them is unknown",
            "Mirror behind the place where TLS ends, or give the sensor the key log.",
        ),
        point(
            "sealed",
            "connections",
            (tls.unread + quic.connections, flows.opened + quic.connections),
            "of the connections stayed sealed",
            "Mirror behind the place where TLS ends, or give the sensor the key log.",
        ),
        point(
            "one direction only",
            "connections",
            (sight.one_way_flows, sight.one_way_flows + sight.two_way_flows),
            "of the connections show one direction only, so no failure is known there",
            "Mirror both directions of the port.",
        ),
        point(
            "given up for a limit",
            "connections",
            (flows.evicted, flows.opened),
            "of the connections were given up for want of room",
            "Raise limits.memory_mib.",
        ),
        point(
            "not whole",
            "transactions",
            (all.saturating_sub(transactions.whole), all),
            "of the requests were not seen whole",
            "They count where a rule can take them; look for loss and for captures that begin or end in the middle.",
        ),
    ]);
    points
}
