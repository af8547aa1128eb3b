//! Words that a report says in more than one form: its head, verdicts, spans, definitions.
//! They are given values of the report.
//! They promise the same words on the page and in Markdown.

use super::model::{Report, Verdict};
use crate::markup::parts::shown_time;

/// What the words of a report mean.
pub(super) const DEFINITIONS: [(&str, &str); 9] = [
    ("granted, success", "the server did what was asked, by its status and its answer."),
    (
        "second factor",
        "somebody proved one in sight in this login, or the token says so. It counts for what the session does then.",
    ),
    (
        "static key",
        "an API key or the like that proves nothing but itself and lasts until somebody takes it away.",
    ),
    (
        "unknown",
        "the login was before the first packet, or elsewhere. It is no proof of a hole, and none of its absence.",
    ),
    (
        "key",
        "told by its fingerprint, a keyed hash. `heelguard fingerprint` says which key a fingerprint is of.",
    ),
    (
        "risk",
        "the sum of a key’s reasons, each with a weight: it orders the keys, and means no more than that.",
    ),
    ("age", "since a key was first seen, or seen handed out: it may be older."),
    ("privileged", "granted on routes that administer users, roles, keys or factors, or export."),
    ("alert", "one episode: a detector, a subject, a span of time. Its events are the requests that count."),
];

/// Whose report it is, of what and when.
pub(super) fn head(report: &Report) -> String {
    let moment = |at: Option<&super::model::Moment>| at.map(|at| shown_time(at.0));
    let asked = match (moment(report.period.from.as_ref()), moment(report.period.to.as_ref())) {
        (None, None) => match (moment(report.period.first.as_ref()), moment(report.period.last.as_ref())) {
            (Some(first), Some(last)) => format!("{first} to {last} UTC"),
            _ => "no traffic".to_owned(),
        },
        (from, to) => {
            let from = from.map(|from| format!("from {from} ")).unwrap_or_default();
            let to = to.map(|to| format!("up to {to} ")).unwrap_or_default();
            format!("{from}{to}UTC")
        }
    };
    format!("{asked} · {} · {} / {}", report.source.name, report.tenant, report.sensor)
}

/// What a verdict on the view means.
pub(super) fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "The sensor saw well: nothing of weight was lost, cut or encrypted.",
        Verdict::Limited => "The sensor saw a part only, which limits what follows.",
        Verdict::Blind => {
            "The sensor saw nothing that it could read: what follows is empty, and that is no good news."
        }
        Verdict::Unknown => "How well the sensor saw is not known here.",
    }
}

/// A length of time that is a round one.
pub(super) fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("one {unit}") } else { format!("{count} {unit}s") }
}
