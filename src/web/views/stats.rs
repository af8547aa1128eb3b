//! The counters: what came into each stage and what became of it.
//! It is given the counters and services of a moment and renders them.
//! It promises to say whether the accounts add up.

use super::Sight;
use super::parts::{close_table, number, open_table};
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};

/// Services that are shown; the rest is counted.
const SERVICES_SHOWN: usize = 500;

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let counters = &sight.moment.counters;
    let mut html = Html::new();
    html.raw("<p class=\"crumb\"><a href=\"/sensor\">Sensor</a></p><h1>Counters</h1><p>");
    match sight.moment.imbalance() {
        None => html
            .raw("Every stage’s account adds up: what came in equals what went out plus what was dropped."),
        Some(account) => html.raw("<b>The accounts do not add up:</b> ").text(account),
    };
    html.raw("</p>");
    table(&mut html, "Capture", &counters.capture.rows());
    table(&mut html, "Interfaces", &counters.live.rows());
    table(&mut html, "Packets", &counters.packets.rows());
    table(&mut html, "Packets dropped", &counters.dropped.rows());
    table(&mut html, "Segments", &counters.segments.rows());
    table(&mut html, "Bytes", &counters.bytes.rows());
    table(&mut html, "Flows", &counters.flows.rows());
    table(&mut html, "What the mirror shows", &counters.sight.rows());
    table(&mut html, "TLS", &counters.tls.rows());
    table(&mut html, "Messages", &counters.http.rows());
    table(&mut html, "Transactions", &counters.transactions.rows());
    table(&mut html, "Alerts", &counters.alerts.rows());
    table(&mut html, "Forgotten for a limit", &counters.evicted.rows());
    table(&mut html, "Oddities in traffic", &counters.anomalies.rows());
    table(&mut html, "What decided second-factor steps", &counters.mfa_outcomes.rows());
    services(&mut html, sight);
    Page::new(Place::Sensor, "Counters", html)
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

fn services(html: &mut Html, sight: &Sight<'_>) {
    let services = &sight.moment.services;
    if services.is_empty() {
        return;
    }
    html.raw("<h2>Services</h2>");
    let heads = ["Host", "#Port", "#HTTP/1", "#HTTP/2", "#TLS", "#QUIC", "#Other"];
    open_table(html, "Services, in connections", &heads);
    for service in services.iter().take(SERVICES_SHOWN) {
        html.raw("<tr><td class=\"mono\">").wire(&service.host).raw("</td><td class=\"number\">");
        html.text(service.port).raw("</td>");
        for count in [service.http1, service.http2, service.tls, service.quic, service.unknown] {
            number(html, count);
        }
        html.raw("</tr>");
    }
    close_table(html);
    let rest = services.len().saturating_sub(SERVICES_SHOWN) as u64;
    if rest > 0 {
        html.raw("<p class=\"soft\">").text(grouped(rest)).raw(" more are not shown.</p>");
    }
}
