//! How well the sensor sees: what was lost and where, what it cannot read, and what it says of itself.
//! It is given the counters of a moment, the sinks' states and the run's tables.
//! It promises that each loss stands with what it is a share of and what to do about it.

use super::Sight;
use super::episodes;
use super::parts::{card, close_table, number, open_table, share, sized};
use super::svg;
use crate::metrics::Counters;
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use heelguard_detectors::alert::Status;
use heelguard_detectors::anomaly::Anomaly;
use std::cmp::Reverse;
use std::time::Duration;

/// The rule by which the sensor speaks of itself.
const SELF_CHECK: &str = "sensor_self_check";

/// One place where something can be lost.
struct Loss {
    place: &'static str,
    lost: u64,
    of: u64,
    unit: &'static str,
    to_do: &'static str,
}

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let counters = &sight.moment.counters;
    let mut html = Html::new();
    html.raw("<h1>Sensor</h1>");
    verdict(&mut html, sight);
    html.raw("<div class=\"cards\">");
    card(&mut html, "", counters.packets.read, "packets");
    card(&mut html, "", counters.flows.opened, "connections");
    card(&mut html, "", counters.transactions.rows().iter().map(|row| row.1).sum(), "transactions");
    card(&mut html, "", counters.alerts.open, "alerts opened");
    html.raw("</div>");
    self_check(&mut html, sight);
    losses(&mut html, counters);
    readable(&mut html, counters);
    cannot_see(&mut html, sight);
    machine(&mut html, sight);
    sinks(&mut html, sight);
    locks(&mut html, sight);
    rooms(&mut html, sight);
    html.raw("<p><a href=\"/stats\">Every counter</a> · <a href=\"/metrics\">Metrics for Prometheus</a> · ");
    html.raw("<a href=\"/health/ready\">Readiness</a></p>");
    Page::new(Place::Sensor, "Sensor", html).watchable(sight.asked)
}

fn verdict(html: &mut Html, sight: &Sight<'_>) {
    html.raw("<p class=\"todo\">");
    match sight.moment.imbalance() {
        Some(account) => {
            html.raw("<b>The accounts do not add up</b> (").text(account).raw("). Please report it.");
        }
        None if sight.moment.counters.packets.read == 0 => {
            html.raw("<b>No packet came yet.</b> Is the mirror on, and does it point here? ");
            html.raw("<code>heelguard doctor</code> looks at interface, rights and offloads.");
        }
        None => {
            html.raw(
                "<b>The accounts add up:</b> each packet, byte, message and finding that came in left again ",
            );
            html.raw("or was counted as lost below.");
        }
    }
    html.raw("</p>");
}

fn self_check(html: &mut Html, sight: &Sight<'_>) {
    let mut raised = sight.ledger.alerts();
    raised.retain(|alert| alert.detector == SELF_CHECK);
    raised.sort_by_key(|alert| (alert.status == Status::Closed, Reverse(alert.last_seen), alert.id));
    html.raw("<h2>What it says of itself</h2>");
    if raised.is_empty() {
        html.raw("<p>Its <a href=\"/rules/sensor_self_check\">self-check</a> has nothing to object to.</p>");
    } else {
        let rule = raised.first().map_or("", |alert| alert.rule);
        episodes::table_within(html, sight, "Alerts of the self-check", &raised, ("/?rule=", rule));
    }
    let troubles = &sight.moment.rows.troubles;
    if troubles.iter().any(|(_, is_on)| *is_on) {
        html.raw("<p>The mirror: ");
        for (name, _) in troubles.iter().filter(|(_, is_on)| *is_on) {
            html.raw("<span class=\"badge medium\">").text(name.replace('_', " ")).raw("</span> ");
        }
        html.raw("The log says what to do about each.</p>");
    }
}

fn losses(html: &mut Html, counters: &Counters) {
    html.raw("<h2>Lost, by place</h2>");
    let heads = ["Place", "#Lost", "#Of", "#Share", "What to do"];
    open_table(html, "What was lost, in the order of its way", &heads);
    for loss in places(counters) {
        html.raw("<tr><th scope=\"row\">").raw(loss.place).raw("</th><td class=\"number\">");
        html.text(grouped(loss.lost)).raw(" ").raw(loss.unit).raw("</td>");
        number(html, loss.of);
        html.raw("<td class=\"number\">").text(share(loss.lost, loss.of)).raw("</td><td class=\"soft\">");
        html.raw(if loss.lost > 0 { loss.to_do } else { "" }).raw("</td></tr>");
    }
    close_table(html);
}

fn places(counters: &Counters) -> Vec<Loss> {
    let Counters { live, packets, bytes, flows, sight, alerts, evicted, .. } = counters;
    let all: u64 = counters.transactions.rows().iter().map(|row| row.1).sum();
    let row = |place, (lost, of), unit, to_do| Loss { place, lost, of, unit, to_do };
    let mut places = Vec::new();
    if live.received > 0 {
        let to_do =
            "more shards, larger rings (capture.ring_mib), or a filter that leaves out what nobody needs";
        places.push(row(
            "Kernel’s rings",
            (live.kernel_dropped + live.lost, live.received),
            "packets",
            to_do,
        ));
    }
    let dropped = counters.dropped.sum();
    let cut = counters.anomalies.get(Anomaly::CaptureTruncated);
    let missing = (bytes.missing, bytes.delivered + bytes.missing);
    let one_way = (sight.one_way_flows, sight.one_way_flows + sight.two_way_flows);
    let partial = all.saturating_sub(counters.transactions.whole);
    let copies = (sight.copied_segments, counters.segments.received);
    places.extend([
        row("Capture length", (cut, packets.read), "packets cut", "capture whole packets (tcpdump: -s 0)"),
        row("Not decoded, or not TCP", (dropped, packets.read), "packets", "the counters say why, by reason"),
        row("Sent twice by the mirror", copies, "segments", "mirror each packet at one place"),
        row("One direction only", one_way, "connections", "mirror receive and transmit of the port"),
        row("Never seen", missing, "bytes", "look for drops at the mirror port, then at the kernel’s"),
        row("Given up for a limit", (flows.evicted, flows.opened), "connections", "raise limits.memory_mib"),
        row("Not whole", (partial, all), "transactions", "they count where a rule can take them"),
        row("Identity given up", (evicted.handles, all), "sessions", "raise limits.memory_mib"),
        row(
            "Not told",
            (alerts.suppressed, alerts.findings),
            "findings",
            "they told nothing new, or are suppressed",
        ),
    ]);
    places
}

/// What of all bytes can be read.
fn readable(html: &mut Html, counters: &Counters) {
    let encrypted = counters.sight.encrypted_bytes.min(counters.bytes.delivered);
    let clear = counters.bytes.delivered - encrypted;
    html.raw("<h2>What can be read</h2>");
    let parts = [
        ("s-2xx", "read", clear),
        ("p-unknown", "encrypted, not read", encrypted),
        ("s-5xx", "never seen", counters.bytes.missing),
    ];
    html.raw("<ul class=\"legend\" aria-label=\"Colours of bytes\">");
    for (class, name, count) in parts {
        html.raw("<li><span class=\"swatch ").raw(class).raw("\"></span>").raw(name).raw(" ");
        html.text(sized(count)).raw("</li>");
    }
    html.raw("</ul>");
    svg::bar(html, &parts);
}

/// What stays invisible, in words.
fn cannot_see(html: &mut Html, sight: &Sight<'_>) {
    let Counters { sight: eyes, bytes, tls, live, packets, anomalies, .. } = &sight.moment.counters;
    html.raw("<h2>What it cannot see</h2><ul>");
    let sentence = |html: &mut Html, count: u64, before: &'static str, after: &'static str| {
        if count > 0 {
            html.raw("<li>").raw(before).text(grouped(count)).raw(after).raw("</li>");
        }
    };
    sentence(
        html,
        tls.unread,
        "",
        " connections under TLS stayed sealed: who called what in them is unknown. Mirror behind the place where TLS \
         ends, or give it <code>tls.keylog</code>.",
    );
    sentence(
        html,
        eyes.one_way_flows,
        "Of ",
        " connections it saw one direction only: what the server answered there, and so every failure, is unknown.",
    );
    sentence(
        html,
        bytes.missing,
        "",
        " bytes passed by unseen: requests in them do not exist for the detectors.",
    );
    sentence(
        html,
        live.kernel_dropped,
        "",
        " packets were dropped by the kernel before anybody could read them.",
    );
    let cut = anomalies.get(Anomaly::CaptureTruncated);
    sentence(html, cut, "", " packets were cut: tokens and bodies end in their middle.");
    html.raw("<li>Calls that do not cross the mirror: between services of one host, over other interfaces, or before ");
    html.raw("the sensor began");
    if let Some((first, _)) = sight.ledger.overview().span {
        html.raw(" (");
        super::parts::time(html, first);
        html.raw(")");
    }
    html.raw(". A key handed out before then has no history here.</li><li>What is inside QUIC ");
    html.raw("(HTTP/3), and inside whatever else is encrypted end to end.</li>");
    if packets.read == 0 {
        html.raw("<li>Anything at all, until a packet comes.</li>");
    }
    html.raw("</ul>");
}

/// What only a live sensor has: interfaces, queues, latencies.
fn machine(html: &mut Html, sight: &Sight<'_>) {
    let rows = &sight.moment.rows;
    if !rows.interfaces.is_empty() {
        html.raw("<h2>Interfaces</h2>");
        open_table(html, "Interfaces", &["Interface", "State", "#Received", "#Dropped", "#Freezes"]);
        for row in &rows.interfaces {
            html.raw("<tr><th scope=\"row\" class=\"mono\">").wire(&row.name).raw("</th><td>");
            html.raw(if row.up { "up" } else { "<b class=\"high\">down</b>" }).raw("</td>");
            for count in [row.received, row.dropped, row.freezes] {
                number(html, count);
            }
            html.raw("</tr>");
        }
        close_table(html);
    }
    if !rows.latencies.is_empty() {
        html.raw("<h2>Latency</h2>");
        let heads = ["Stage", "#p50", "#p99", "#p99.9", "#Slowest"];
        open_table(html, "How long each stage took in the last minute", &heads);
        for row in &rows.latencies {
            html.raw("<tr><th scope=\"row\">").text(row.stage.replace('_', " ")).raw("</th>");
            for seconds in [row.p50_s, row.p99_s, row.p999_s, row.max_s] {
                let micros = super::parts::micros(Some(
                    Duration::from_secs_f64(seconds.clamp(0.0, 1e6)).as_micros() as u64,
                ));
                html.raw("<td class=\"number\">").text(micros).raw("</td>");
            }
            html.raw("</tr>");
        }
        close_table(html);
    }
    if !rows.queues.is_empty() {
        html.raw("<h2>Queues</h2>");
        open_table(html, "What waits between threads", &["Queue", "#Waiting", "#Room"]);
        for row in &rows.queues {
            html.raw("<tr><th scope=\"row\">").text(row.name).raw("</th>");
            number(html, row.filled);
            html.raw("<td class=\"number\">");
            html.text(if row.room == 0 { "–".to_owned() } else { grouped(row.room) }).raw("</td></tr>");
        }
        close_table(html);
    }
}

fn sinks(html: &mut Html, sight: &Sight<'_>) {
    if sight.moment.sinks.is_empty() {
        return;
    }
    html.raw("<h2>Delivery</h2>");
    let heads = ["Sink", "State", "#Delivered", "#Waiting", "#Lost", "Trouble"];
    open_table(html, "Where records go", &heads);
    for sink in &sight.moment.sinks {
        html.raw("<tr><th scope=\"row\">").wire(&sink.sink).raw(" <span class=\"soft\">").text(sink.lane);
        html.raw("</span></th><td>").raw(sink.state.name()).raw("</td>");
        for count in [sink.counters.delivered, sink.waiting, sink.counters.lost] {
            number(html, count);
        }
        html.raw("<td>").wire(sink.trouble.as_deref().unwrap_or_default()).raw("</td></tr>");
    }
    close_table(html);
}

/// What a process that was taken over could not do any more.
fn locks(html: &mut Html, sight: &Sight<'_>) {
    if sight.moment.locks.is_empty() {
        return;
    }
    html.raw("<h2>Locks</h2>");
    open_table(html, "What this process took from itself", &["Lock", "State"]);
    for (name, holds) in &sight.moment.locks {
        html.raw("<tr><th scope=\"row\">").text(name.replace('_', " ")).raw("</th><td>");
        html.raw(if *holds { "holds" } else { "<b class=\"high\">open</b>" }).raw("</td></tr>");
    }
    close_table(html);
    html.raw("<p class=\"soft\">The line <code>hardening:</code> at the start says why one is open; ");
    html.raw("<code>heelguard doctor</code> says what this machine can close.</p>");
}

fn rooms(html: &mut Html, sight: &Sight<'_>) {
    html.raw("<h2>What these pages hold</h2>");
    open_table(
        html,
        "Tables behind these pages, and what had to make room",
        &["Table", "#Rows", "#At most", "#Made room"],
    );
    for room in sight.ledger.overview().rooms {
        html.raw("<tr><th scope=\"row\">").raw(room.name).raw("</th>");
        for count in [room.used as u64, room.max as u64, room.given_up] {
            number(html, count);
        }
        html.raw("</tr>");
    }
    close_table(html);
}
