//! Alerts as a report tells them: how many of what, when, the gravest in full.
//! It is given episodes, each once, in its last state.
//! It promises that what the sensor raised about itself is counted apart: it is about the view, not about the traffic.

use super::model::{Alerts, ByDetector, Counts, OverTime, Top, Word};
use crate::markup::outcome::Success;
use crate::sinks::record::Shown;
use heelguard_detectors::alert::{Alert, Severity};
use heelguard_detectors::time::EventTime;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The rule by which the sensor speaks of itself.
const SELF_CHECK: &str = "sensor_self_check";
/// Episodes that are told in full.
const TOP_MAX: usize = 20;
/// Columns of the picture.
const COLUMNS_MAX: u64 = 60;
/// Lengths that a column may have, in seconds: a minute to a week.
const SPANS_S: [u64; 8] = [60, 300, 900, 3_600, 14_400, 86_400, 604_800, 2_419_200];

/// Whether an episode is about what was seen, and not about the view.
pub(super) fn is_of_traffic(alert: &Alert) -> bool {
    alert.detector != SELF_CHECK
}

/// What was raised, where that is known.
pub(super) fn alerts(all: &[&Alert], is_known: bool) -> Alerts {
    let raised: Vec<&Alert> = all.iter().copied().filter(|alert| is_of_traffic(alert)).collect();
    let of = |severity| raised.iter().filter(|alert| alert.severity == severity).count() as u64;
    Alerts {
        is_known,
        episodes: raised.len() as u64,
        by_severity: Counts(Severity::ALL.iter().rev().map(|&level| (level.name(), of(level))).collect()),
        by_detector: by_detector(&raised),
        over_time: over_time(&raised),
        top: top(&raised),
        of_the_sensor: (all.len() - raised.len()) as u64,
    }
}

/// What each detector raised, the gravest first.
pub(super) fn by_detector(raised: &[&Alert]) -> Vec<ByDetector> {
    let mut sums: BTreeMap<&str, ByDetector> = BTreeMap::new();
    for alert in raised {
        let sum = sums.entry(alert.rule).or_insert_with(|| ByDetector {
            rule: alert.rule,
            detector: alert.detector,
            title: alert.title,
            severity: Word(alert.severity),
            episodes: 0,
            events: 0,
        });
        sum.severity = sum.severity.max(Word(alert.severity));
        sum.episodes += 1;
        sum.events += alert.count;
    }
    let mut rows: Vec<ByDetector> = sums.into_values().collect();
    rows.sort_by_key(|row| (Reverse((row.severity, row.episodes)), row.rule));
    rows
}

fn over_time(raised: &[&Alert]) -> OverTime {
    let seconds = || raised.iter().map(|alert| alert.first_seen.as_secs());
    let (Some(first), Some(last)) = (seconds().min(), seconds().max()) else { return OverTime::default() };
    let count_of = |length: u64| last / length - first / length + 1;
    let widest = SPANS_S.last().copied().unwrap_or(1);
    let span_s = SPANS_S.into_iter().find(|&length| count_of(length) <= COLUMNS_MAX).unwrap_or(widest);
    // Times that a file made up may be centuries apart: what does not fit is in the last column.
    let count = count_of(span_s).min(COLUMNS_MAX);
    let mut columns = vec![[0; Severity::ALL.len()]; count as usize];
    for alert in raised {
        let place = (alert.first_seen.as_secs() / span_s - first / span_s).min(count - 1);
        if let Some(count) = columns.get_mut(place as usize).and_then(|c| c.get_mut(alert.severity as usize))
        {
            *count += 1;
        }
    }
    OverTime { from: Some(Shown(EventTime::from_secs(first / span_s * span_s))), span_s, columns }
}

fn top(raised: &[&Alert]) -> Vec<Top> {
    let mut raised = raised.to_vec();
    raised.sort_by_key(|alert| {
        let has_succeeded = Success::of(alert) == Success::Succeeded;
        (Reverse((alert.severity, has_succeeded, alert.confidence, alert.last_seen)), alert.id)
    });
    raised.iter().take(TOP_MAX).map(|alert| told(alert)).collect()
}

fn told(alert: &Alert) -> Top {
    Top {
        id: alert.id.to_string(),
        rule: alert.rule.to_owned(),
        detector: alert.detector.to_owned(),
        title: alert.title.to_owned(),
        severity: Word(alert.severity),
        confidence: Word(alert.confidence),
        status: Word(alert.status),
        outcome: match Success::of(alert) {
            Success::Succeeded => "succeeded",
            Success::Refused => "refused",
            Success::Unknown => "unknown",
        },
        message: alert.message.clone(),
        subject: alert.subject.value.to_string(),
        first_seen: Shown(alert.first_seen),
        last_seen: Shown(alert.last_seen),
        count: alert.count,
        to_do: alert.response.to_owned(),
    }
}
