//! Alerts by their id, each in its last state.
//! It is given states as they come; of the least severe episodes, the one that was told longest ago makes room.
//! It promises that a state which comes late does not replace a newer one.

use super::{ALERTS_MAX, Room};
use heelguard_detectors::alert::{Alert, AlertId, Severity};
use heelguard_detectors::time::EventTime;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Episodes {
    by_id: BTreeMap<AlertId, Arc<Alert>>,
    /// In the order in which they make room.
    by_weight: BTreeSet<Weight>,
    given_up: u64,
}

/// What a reader would miss more comes later.
type Weight = (Severity, EventTime, AlertId);

impl Episodes {
    pub(super) fn take(&mut self, alert: Arc<Alert>) {
        if let Some(known) = self.by_id.get(&alert.id) {
            if known.rev > alert.rev {
                return;
            }
            self.by_weight.remove(&weight(known));
        }
        self.by_weight.insert(weight(&alert));
        self.by_id.insert(alert.id, alert);
        if self.by_id.len() > ALERTS_MAX
            && let Some((.., least)) = self.by_weight.pop_first()
        {
            self.by_id.remove(&least);
            self.given_up += 1;
        }
    }

    /// Adds the next `at_once` alerts to `rows`, which ends with the one before them; false when there are no more.
    pub(super) fn copy(&self, rows: &mut Vec<Arc<Alert>>, at_once: usize) -> bool {
        let from = rows.last().map_or(Bound::Unbounded, |last| Bound::Excluded(last.id));
        let before = rows.len();
        rows.extend(
            self.by_id.range((from, Bound::Unbounded)).map(|(_, alert)| Arc::clone(alert)).take(at_once),
        );
        rows.len() - before == at_once
    }

    pub(super) fn get(&self, id: AlertId) -> Option<Arc<Alert>> {
        self.by_id.get(&id).cloned()
    }

    pub(super) fn room(&self) -> Room {
        Room { name: "alerts", used: self.by_id.len(), max: ALERTS_MAX, given_up: self.given_up }
    }
}

fn weight(alert: &Alert) -> Weight {
    (alert.severity, alert.time, alert.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heelguard_detectors::runtime::RuntimeConfig;
    use heelguard_detectors::story::alerts;

    /// An alert of a story, under another id and severity; the higher the id, the later it is told.
    fn alert_maker() -> impl Fn(u128, Severity) -> Arc<Alert> {
        let story = "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann factor=totp outcome=fail_code x12";
        let of = alerts(story, RuntimeConfig::default()).unwrap().swap_remove(0);
        move |id, severity| {
            let time = EventTime::from_secs(id as u64);
            Arc::new(Alert { id: AlertId(id), severity, time, ..of.clone() })
        }
    }

    #[test]
    fn a_flood_of_low_findings_leaves_what_is_critical() {
        let (mut episodes, alert) = (Episodes::default(), alert_maker());
        episodes.take(alert(1, Severity::Critical));
        // It was low once: what it was then does not count.
        episodes.take(alert(2, Severity::Low));
        episodes.take(alert(2, Severity::High));
        let flood = 10..10 + 2 * ALERTS_MAX as u128;
        flood.clone().for_each(|id| episodes.take(alert(id, Severity::Low)));
        let is_there = |id| episodes.get(AlertId(id)).is_some();
        assert!(is_there(1) && is_there(2));
        assert!(!is_there(flood.start) && is_there(flood.end - 1), "of equals the oldest makes room");
        let room = episodes.room();
        assert_eq!((room.used, room.given_up), (ALERTS_MAX, ALERTS_MAX as u64 + 2));
        assert_eq!(episodes.by_weight.len(), ALERTS_MAX);
    }

    #[test]
    fn all_are_copied_in_slices() {
        let (mut episodes, alert) = (Episodes::default(), alert_maker());
        (0..5).for_each(|id| episodes.take(alert(id, Severity::Low)));
        let mut rows = Vec::new();
        while episodes.copy(&mut rows, 2) {}
        assert_eq!(rows.iter().map(|alert| alert.id.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}
