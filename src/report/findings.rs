//! What is wrong, in one sentence, and the three things to do first.
//! It is given the rest of the report.
//! It promises that a view too poor to conclude from is said before any conclusion, and that each thing to do names a
//! part of the report that tells more.

use super::model::{Action, Findings, Part, Passport, Report, Top, Verdict};
use crate::markup::html::grouped;
use crate::markup::parts::{share, shown_time};
use heelguard_detectors::alert::Severity;
use heelguard_detectors::identity::ProofLevel;

/// Things to do that are told.
const ACTIONS_MAX: usize = 3;
/// The detector that tells what gaps tell: one key, one time.
const TOLD_BY_GAPS: &str = "mfa_bypass_by_key";

/// What the report comes down to.
pub(super) fn findings(report: &Report) -> Findings {
    let summary = [seen(report), proved(report)].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let mut first: Vec<Action> =
        [blindness(report), alert(report), gap(report), exposure(report)].into_iter().flatten().collect();
    first.extend(key(report, &first));
    first.extend(limits(report));
    first.truncate(ACTIONS_MAX);
    Findings { care: care(report), headline: headline(report), summary, first }
}

/// What limits every conclusion.
fn care(report: &Report) -> Option<String> {
    let first = || report.visibility.limits.first().map(|limit| limit.what.clone()).unwrap_or_default();
    match report.visibility.verdict {
        Verdict::Good | Verdict::Blind => None,
        Verdict::Limited => Some(format!("Read this with care: {}.", first())),
        Verdict::Unknown => Some(first()),
    }
}

/// What is wrong, in one sentence.
fn headline(report: &Report) -> String {
    if report.visibility.verdict == Verdict::Blind {
        return "No request could be read, so nothing below is a finding.".to_owned();
    }
    let wrong: Vec<String> = [walked_around(report), attacked(report), lies_open(report), worry(report)]
        .into_iter()
        .flatten()
        .collect();
    let Some((last, others)) = wrong.split_last() else { return nothing(report) };
    let sentence = match others {
        [] => last.clone(),
        _ => format!("{}, and {last}", others.join(", ")),
    };
    format!("{}.", capital(&sentence))
}

fn nothing(report: &Report) -> String {
    if report.alerts.is_known {
        "Nothing was found that presses.".to_owned()
    } else {
        "Nothing was found that presses; alerts are not known here.".to_owned()
    }
}

fn walked_around(report: &Report) -> Option<String> {
    match (report.coverage.gaps_in_all, report.keys.around_mfa) {
        (0, 0) => None,
        (0, 1) => Some("one key gets past the second factor that its owner has".to_owned()),
        (0, keys) => {
            Some(format!("{} keys get past the second factors that their owners have", grouped(keys)))
        }
        (1, _) => Some("one way leads around the second factor".to_owned()),
        (ways, _) => Some(format!("{} ways lead around the second factor", grouped(ways))),
    }
}

fn attacked(report: &Report) -> Option<String> {
    let grave = grave(report);
    match grave {
        0 => None,
        1 => Some("one alert is critical or high".to_owned()),
        _ => Some(format!("{} alerts are critical or high", grouped(grave))),
    }
}

/// Alerts that are critical or high.
fn grave(report: &Report) -> u64 {
    let of = |severity: Severity| report.alerts.by_severity.of(severity.name());
    of(Severity::Critical) + of(Severity::High)
}

fn lies_open(report: &Report) -> Option<String> {
    let grave = report.exposures.open.iter().filter(|open| open.severity.0 >= Severity::High);
    let titles: Vec<String> = grave.map(|open| uncapital(open.title)).collect();
    let (first, others) = titles.split_first()?;
    let more = match others.len() {
        0 => String::new(),
        1 => " and one more".to_owned(),
        count => format!(" and {count} more"),
    };
    Some(format!("something lies open ({first}{more})"))
}

fn worry(report: &Report) -> Option<String> {
    let keys = &report.keys;
    (keys.with_reasons > 0).then(|| match (keys.with_reasons, keys.in_all) {
        (1, 1) => "the one key gives a reason for worry".to_owned(),
        (1, all) => format!("one of {} gives a reason for worry", counted(all, "key", "keys")),
        (with, all) => {
            format!("{} of {} give a reason for worry", grouped(with), counted(all, "key", "keys"))
        }
    })
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

fn proved(report: &Report) -> Option<String> {
    let coverage = &report.coverage;
    if coverage.successes == 0 {
        return None;
    }
    let of = |level| share(coverage.proofs.of(level), coverage.successes);
    let unknown = match coverage.proofs.of(ProofLevel::Unknown) {
        0 => String::new(),
        _ => format!("; of {} it is not known", of(ProofLevel::Unknown)),
    };
    Some(format!(
        "A second factor stood behind {} of what was granted, a static key behind {}{unknown}.",
        of(ProofLevel::Mfa),
        of(ProofLevel::ApiKey),
    ))
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
    let top = pressing(report)?;
    let rest = match grave(report) - 1 {
        0 => String::new(),
        1 => " One more alert is critical or high.".to_owned(),
        count => format!(" {} more alerts are critical or high.", grouped(count)),
    };
    Some(Action {
        part: Part::Alerts,
        what: format!("{}.", capital(&top.to_do)),
        why: format!("{}: {}.{rest}", top.title, top.message),
    })
}

/// The alert that is told first: the gravest that tells something else than the gaps do.
fn pressing(report: &Report) -> Option<&Top> {
    let is_told = |top: &&Top| report.coverage.gaps_in_all > 0 && top.detector == TOLD_BY_GAPS;
    report.alerts.top.iter().filter(|top| top.severity.0 >= Severity::High).find(|top| !is_told(top))
}

fn gap(report: &Report) -> Option<Action> {
    let gap = report.coverage.gaps.first()?;
    let rest = match report.coverage.gaps_in_all - 1 {
        0 => String::new(),
        1 => " There is one more such way.".to_owned(),
        count => format!(" There are {} more such ways.", grouped(count)),
    };
    Some(Action {
        part: Part::Coverage,
        what: format!("Close the way around the second factor on {}.", gap.endpoint),
        why: format!("It is open to {}: {}. {}{rest}", way_words(gap.way), gap.evidence, gap.advice),
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
    // What the first alert says already is not said again.
    let said = pressing(report).map(|top| top.rule.as_str());
    let mut grave = report.exposures.open.iter().filter(|open| open.severity.0 >= Severity::Medium);
    let open = grave.find(|open| open.rule.is_none() || open.rule != said)?;
    let example = open.places.first().map(|place| format!(", for example on {place}")).unwrap_or_default();
    Some(Action {
        part: Part::Exposures,
        what: format!("{}.", capital(open.to_do)),
        why: format!("{}: seen {}{example}.", open.title, times(open.events)),
    })
}

/// The riskiest key of which nothing was said yet.
fn key(report: &Report, said: &[Action]) -> Option<Action> {
    let is_said = |key: &Passport| said.iter().any(|action| action.why.contains(short(&key.fingerprint)));
    let key = report.keys.passports.iter().filter(|key| key.risk > 0).find(|key| !is_said(key))?;
    let owner = key.owner.as_deref().map(|owner| format!(" of {owner}")).unwrap_or_default();
    let needs = match (key.grants.len(), key.forgotten_routes) {
        (_, 1..) | (0, _) => String::new(),
        (1, _) => " It needs one route: the rest of its rights can go.".to_owned(),
        (count, _) => format!(" It needs {count} routes: the rest of its rights can go."),
    };
    Some(Action {
        part: Part::Keys,
        what: format!("Replace or narrow the key {}{owner}.", short(&key.fingerprint)),
        why: format!("{}.{needs}", capital(&key.reasons.join(", "))),
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

/// Words as a sentence of their own: with a capital at their head.
pub(super) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let head = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{head}{}", letters.as_str())
}

/// A title within a sentence; what is an abbreviation stays one.
fn uncapital(title: &str) -> String {
    let mut letters = title.chars();
    let (Some(first), rest) = (letters.next(), letters.as_str()) else { return String::new() };
    if rest.starts_with(char::is_uppercase) {
        title.to_owned()
    } else {
        format!("{}{rest}", first.to_lowercase())
    }
}
