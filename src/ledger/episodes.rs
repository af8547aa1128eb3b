//! Alerts by their id, each in its last state.
//! It is given states as they come; the episode that was told longest ago makes room.
//! It promises that a state which comes late does not replace a newer one.

use super::{ALERTS_MAX, Room};
use heelguard_detectors::alert::{Alert, AlertId};
use heelguard_detectors::time::EventTime;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Episodes {
    by_id: BTreeMap<AlertId, Arc<Alert>>,
    by_time: BTreeSet<(EventTime, AlertId)>,
    given_up: u64,
}

impl Episodes {
    pub(super) fn take(&mut self, alert: Arc<Alert>) {
        if let Some(known) = self.by_id.get(&alert.id) {
            if known.rev > alert.rev {
                return;
            }
            self.by_time.remove(&(known.time, known.id));
        }
        self.by_time.insert((alert.time, alert.id));
        self.by_id.insert(alert.id, alert);
        if self.by_id.len() > ALERTS_MAX
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.by_id.remove(&oldest);
            self.given_up += 1;
        }
    }

    pub(super) fn all(&self) -> Vec<Arc<Alert>> {
        self.by_id.values().cloned().collect()
    }

    pub(super) fn get(&self, id: AlertId) -> Option<Arc<Alert>> {
        self.by_id.get(&id).cloned()
    }

    pub(super) fn room(&self) -> Room {
        Room { name: "alerts", used: self.by_id.len(), max: ALERTS_MAX, given_up: self.given_up }
    }
}
