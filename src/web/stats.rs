//! The counters: what came into each stage and what became of it.
//! It is given the snapshot's counters and services and renders them as tables.
//! It promises to say whether the accounts add up.

use super::Snapshot;
use super::html::Html;
use super::overview::grouped;

pub(super) fn page(snapshot: &Snapshot) -> Html {
    let counters = &snapshot.counters;
    let mut html = Html::new();
    html.raw("<h1>Counters</h1><p>");
    match counters.imbalance() {
        None => html
            .raw("Every stage’s account adds up: what came in equals what went out plus what was dropped."),
        Some(account) => html.raw("<b>The accounts do not add up:</b> ").text(account),
    };
    html.raw("</p>");
    table(&mut html, "Capture", &counters.capture.rows());
    table(&mut html, "Packets", &counters.packets.rows());
    table(&mut html, "Packets dropped", &counters.dropped.rows());
    table(&mut html, "Segments", &counters.segments.rows());
    table(&mut html, "Bytes", &counters.bytes.rows());
    table(&mut html, "Flows", &counters.flows.rows());
    table(&mut html, "What the mirror shows", &counters.sight.rows());
    table(&mut html, "Messages", &counters.http.rows());
    table(&mut html, "Transactions", &counters.transactions.rows());
    table(&mut html, "Alerts", &counters.alerts.rows());
    table(&mut html, "Oddities in traffic", &counters.anomalies.rows());
    table(&mut html, "What decided second-factor steps", &counters.mfa_outcomes.rows());
    services(&mut html, snapshot);
    html
}

fn table(html: &mut Html, title: &'static str, rows: &[(&'static str, u64)]) {
    if rows.is_empty() {
        return;
    }
    html.raw("<h2>").raw(title).raw("</h2><div class=\"cards\">");
    for (name, count) in rows {
        html.raw("<div class=\"card\"><b>").text(grouped(*count)).raw("</b><span class=\"soft\">");
        html.text(name.replace('_', " ")).raw("</span></div>");
    }
    html.raw("</div>");
}

fn services(html: &mut Html, snapshot: &Snapshot) {
    html.raw("<h2>Services, in connections</h2><div class=\"scroll\"><table><thead><tr><th>Host</th>")
        .raw("<th class=\"number\">Port</th><th class=\"number\">HTTP/1</th><th class=\"number\">HTTP/2</th>")
        .raw("<th class=\"number\">TLS</th><th class=\"number\">Other</th></tr></thead><tbody>");
    for service in &snapshot.services {
        html.raw("<tr><td class=\"mono\">")
            .text(&service.host)
            .raw("</td><td class=\"number\">")
            .text(service.port);
        for count in [service.http1, service.http2, service.tls, service.unknown] {
            html.raw("</td><td class=\"number\">").text(grouped(count));
        }
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table></div>");
}
