//! The first paragraph of a report, and the three things to do first.
//! It is given the rest of the report.
//! It promises that a view too poor to conclude from is said before any conclusion, and that each thing to do names a
//! part of the report that tells more.

use super::model::{Action, Findings, Part, Report, Verdict};
use crate::markup::html::grouped;
use crate::markup::parts::{share, shown_time};
use heelguard_detectors::alert::Severity;
use heelguard_detectors::identity::ProofLevel;

/// Things to do that are told.
const ACTIONS_MAX: usize = 3;

/// What the report comes down to.
pub(super) fn findings(report: &Report) -> Findings {
    let sentences = [sight(report), seen(report), raised(report), proved(report), keys(report)];
    let summary = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let actions =
        [blindness(report), alert(report), gap(report), exposure(report), key(report), limits(report)];
    Findings { summary, first: actions.into_iter().flatten().take(ACTIONS_MAX).collect() }
}

fn sight(report: &Report) -> Option<String> {
    let first = || report.visibility.limits.first().map(|limit| limit.what.clone()).unwrap_or_default();
    match report.visibility.verdict {
        Verdict::Good => None,
        Verdict::Blind => Some("No request could be read, so nothing below is a finding.".to_owned()),
        Verdict::Limited => Some(format!("Read this with care: {}.", first())),
        Verdict::Unknown => Some(first()),
    }
}

fn seen(report: &Report) -> Option<String> {
    let (first, last) = (report.period.first.as_ref()?, report.period.last.as_ref()?);
    let of = &report.seen;
    Some(format!(
        "From {} to {} UTC {} to {} were seen, by {}, with {} and {}.",
        shown_time(first.0),
        shown_time(last.0),
        counted(of.transactions, "request", "requests"),
        counted(of.hosts, "host", "hosts"),
        counted(of.principals.of("user"), "account", "accounts"),
        counted(of.keys, "key that lasts", "keys that last"),
        counted(of.tokens, "session or token", "sessions and tokens"),
    ))
}

fn raised(report: &Report) -> Option<String> {
    let alerts = &report.alerts;
    if report.seen.transactions == 0 && alerts.episodes == 0 {
        return None;
    }
    let of = |severity: Severity| alerts.by_severity.of(severity.name());
    let grave = of(Severity::Critical) + of(Severity::High);
    Some(match (alerts.episodes, grave) {
        (0, _) => "No alert was raised.".to_owned(),
        (all, 0) => format!("{} raised, none of them critical or high.", were(all)),
        (all, _) => format!(
            "{} raised, {} critical and {} high.",
            were(all),
            grouped(of(Severity::Critical)),
            grouped(of(Severity::High))
        ),
    })
}

fn were(alerts: u64) -> String {
    format!("{} {}", counted(alerts, "alert", "alerts"), if alerts == 1 { "was" } else { "were" })
}

fn proved(report: &Report) -> Option<String> {
    let coverage = &report.coverage;
    if coverage.successes == 0 {
        return None;
    }
    let of = |level| share(coverage.proofs.of(level), coverage.successes);
    let gaps = match coverage.gaps_in_all {
        0 => "no route was found that grants with less what others prove a second factor for".to_owned(),
        count => format!(
            "on {} something is granted with less than others prove there",
            counted(count, "route", "routes")
        ),
    };
    Some(format!(
        "A second factor stood behind {} of what was granted, a static key behind {}; of {} it is not known; {gaps}.",
        of(ProofLevel::Mfa),
        of(ProofLevel::ApiKey),
        of(ProofLevel::Unknown)
    ))
}

fn keys(report: &Report) -> Option<String> {
    let keys = &report.keys;
    (keys.in_all > 0).then(|| {
        format!("Of {} {} a reason for worry.", counted(keys.in_all, "key", "keys"), have(keys.with_reasons))
    })
}

fn have(count: u64) -> String {
    if count == 1 { "one gives".to_owned() } else { format!("{} give", grouped(count)) }
}

/// Nothing can be concluded before the sensor sees.
fn blindness(report: &Report) -> Option<Action> {
    (report.visibility.verdict == Verdict::Blind).then(|| Action {
        part: Part::Visibility,
        what: "Let the sensor see traffic that it can read.".to_owned(),
        why: report.visibility.limits.first().map_or_else(
            || "No request was in what it was given.".to_owned(),
            |limit| format!("{}. {}", limit.what, limit.to_do),
        ),
    })
}

fn alert(report: &Report) -> Option<Action> {
    let top = report.alerts.top.first().filter(|top| top.severity.0 >= Severity::High)?;
    let others = report.alerts.by_severity.of(Severity::Critical.name())
        + report.alerts.by_severity.of(Severity::High.name())
        - 1;
    let rest = match others {
        0 => String::new(),
        1 => " One more alert is critical or high.".to_owned(),
        count => format!(" {} more alerts are critical or high.", grouped(count)),
    };
    Some(Action {
        part: Part::Alerts,
        what: format!("{}: {}.", top.title, top.to_do),
        why: format!("{}.{rest}", top.message),
    })
}

fn gap(report: &Report) -> Option<Action> {
    let gap = report.coverage.gaps.first()?;
    let at = &gap.endpoint;
    Some(Action {
        part: Part::Coverage,
        what: format!("Close the way around the second factor on {} {}{}.", at.method, at.host, at.route),
        why: format!(
            "It was granted {} by {}, and {} with a second factor. {}",
            times(gap.granted),
            way_words(gap.way),
            times(gap.mfa),
            gap.advice
        ),
    })
}

/// A way past a second factor, in words.
pub(super) fn way_words(way: &str) -> &'static str {
    match way {
        "api_key" => "a static key",
        "basic" => "a password sent with the request",
        "password" => "a password alone",
        "anonymous" => "nobody in particular",
        _ => "less",
    }
}

fn exposure(report: &Report) -> Option<Action> {
    let open = report.exposures.first().filter(|open| open.severity.0 >= Severity::Medium)?;
    let example = open.places.first().map(|place| format!(", for example on {place}")).unwrap_or_default();
    Some(Action {
        part: Part::Exposures,
        what: format!("{}: {}.", open.title, open.to_do),
        why: format!("Seen {}{example}.", times(open.events)),
    })
}

fn key(report: &Report) -> Option<Action> {
    let key = report.keys.passports.first().filter(|key| key.risk > 0)?;
    let owner = key.owner.as_deref().map(|owner| format!(" of {owner}")).unwrap_or_default();
    Some(Action {
        part: Part::Keys,
        what: format!("Replace or narrow the key {}{owner}.", short(&key.fingerprint)),
        why: format!("It has: {}.", key.reasons.join(", ")),
    })
}

fn limits(report: &Report) -> Option<Action> {
    let limit = report.visibility.limits.first().filter(|_| report.visibility.verdict == Verdict::Limited)?;
    Some(Action { part: Part::Visibility, what: limit.to_do.to_owned(), why: format!("{}.", limit.what) })
}

/// The beginning of a fingerprint, by which people tell keys apart.
pub(super) fn short(fingerprint: &str) -> &str {
    fingerprint.get(..8).unwrap_or(fingerprint)
}

fn times(count: u64) -> String {
    counted(count, "time", "times")
}

/// `1 key`, `12 keys`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}
