//! The part on second factors: a bar for each host, and where something is granted with less.
//! It is given the report.
//! It promises the unknown share beside the others.

use super::left_out;
use crate::markup::html::Html;
use crate::markup::parts::{close_table, number, open_table, share};
use crate::markup::proofs::{legend, proof_bar};
use crate::report::findings::{counted, short, way_words};
use crate::report::model::{ByProof, Gap, Report};
use heelguard_detectors::identity::ProofLevel;

pub(super) fn coverage(html: &mut Html, report: &Report) {
    let coverage = &report.coverage;
    html.raw(
        "<h2 id=\"coverage\">Second factors</h2><p>What stood behind the requests that were granted.</p>",
    );
    if coverage.successes == 0 {
        html.raw("<p>No success was seen.</p>");
        return;
    }
    legend(html);
    let heads = ["Host", "Successes by proof", "#Second factor", "#Static key", "#Unknown", "#Successes"];
    open_table(html, "Successes of each host by proof", &heads);
    html.raw("<tr><th scope=\"row\"><b>All</b></th>");
    shares(html, &coverage.proofs);
    for row in &coverage.hosts {
        html.raw("<tr><th scope=\"row\">").wire(&row.host).raw("</th>");
        shares(html, &row.proofs);
    }
    close_table(html);
    left_out(html, coverage.hosts.len(), coverage.hosts_in_all);
    html.raw("<h3>Ways around the second factor</h3>");
    if coverage.gaps.is_empty() {
        html.raw("<p>None was found: where somebody proved a second factor, nothing was granted that is known to have none.");
        around(html, report);
        html.raw("</p>");
        return;
    }
    let heads = ["Endpoint", "Granted to", "Evidence"];
    open_table(
        html,
        "Where something is granted with less than others prove there, the gravest first",
        &heads,
    );
    coverage.gaps.iter().for_each(|of| gap(html, of));
    close_table(html);
    left_out(html, coverage.gaps.len(), coverage.gaps_in_all);
    advice(html, &coverage.gaps);
}

/// Keys that do elsewhere without the second factor of their owner.
fn around(html: &mut Html, report: &Report) {
    let keys = report.keys.around_mfa;
    if keys > 0 {
        html.raw(" But ").text(counted(keys, "key gets", "keys get")).raw(" past the second factor that ");
        html.raw(if keys == 1 { "its owner has" } else { "their owners have" });
        html.raw(", where nobody else was seen: see <a href=\"#keys\">Keys</a>.");
    }
}

/// What to do about each way, said once.
fn advice(html: &mut Html, gaps: &[Gap]) {
    let mut told: Vec<(&str, &str)> = Vec::new();
    html.raw("<ul>");
    for gap in gaps {
        let advice = (way_words(gap.way), gap.advice);
        if !told.contains(&advice) {
            html.raw("<li>Where it is granted to ").raw(advice.0).raw(": ").raw(advice.1).raw("</li>");
            told.push(advice);
        }
    }
    html.raw("</ul>");
}

fn shares(html: &mut Html, proofs: &ByProof) {
    html.raw("<td class=\"picture\">");
    proof_bar(html, &proofs.0);
    html.raw("</td>");
    for level in [ProofLevel::Mfa, ProofLevel::ApiKey, ProofLevel::Unknown] {
        html.raw("<td class=\"number\">").text(share(proofs.of(level), proofs.sum())).raw("</td>");
    }
    number(html, proofs.sum());
    html.raw("</tr>");
}

fn gap(html: &mut Html, of: &Gap) {
    html.raw("<tr><th scope=\"row\" class=\"mono\">")
        .wire(&of.endpoint.method)
        .raw(" ")
        .wire(&of.endpoint.host);
    html.wire(&of.endpoint.route);
    for label in &of.labels {
        html.raw(" <span class=\"label\">").raw(label).raw("</span>");
    }
    html.raw(" <span class=\"badge ").raw(severity(of.weight)).raw("\">").raw(of.weight);
    html.raw("</span></th><td>").raw(way_words(of.way)).raw("</td><td class=\"words\">");
    html.text(&of.evidence);
    for (place, fingerprint) in of.fingerprints.iter().enumerate() {
        html.raw(if place > 0 { ", " } else { "<br><span class=\"soft\">by " });
        html.raw("<span class=\"mono\">").text(short(fingerprint)).raw("…</span>");
    }
    html.raw(if of.fingerprints.is_empty() { "" } else { "</span>" }).raw("</td></tr>");
}

/// The colour of a weight.
fn severity(weight: &str) -> &'static str {
    match weight {
        "privileged" => "critical",
        "sensitive" => "high",
        "personal" | "changes" => "medium",
        _ => "low",
    }
}
