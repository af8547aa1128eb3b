//! How many networks and devices used one thing at the same time: within one hour of the clock.
//! It is given each use in order of time.
//! It promises the hour with the most of each, and lower bounds: an hour's end parts what was together.

use heelguard_detectors::saved::saved;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Device, Transaction};
use std::net::IpAddr;

/// Networks and devices of one hour that are told apart; further ones are the last one.
pub const AT_ONCE_MAX: usize = 16;
const HOUR_S: u64 = 3_600;

/// The hour that goes on, and the fullest one.
#[derive(Clone, Debug, Default)]
pub struct AtOnce {
    hour: u64,
    networks_now: Vec<IpAddr>,
    devices_now: Vec<Device>,
    /// The most networks.
    pub networks: Most,
    /// The most devices.
    pub devices: Most,
}

saved!(AtOnce { hour, networks_now, devices_now, networks, devices });

/// The most there were in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Most {
    /// How many.
    pub count: u64,
    /// When that was first reached.
    pub at: EventTime,
}

saved!(Most { count, at });

impl AtOnce {
    pub(super) fn note(&mut self, tx: &Transaction) {
        let hour = tx.end.as_secs() / HOUR_S;
        if hour > self.hour {
            self.hour = hour;
            self.networks_now.clear();
            self.devices_now.clear();
        }
        self.networks.with(add(&mut self.networks_now, tx.client.network()), tx.end);
        if let Some(device) = tx.device {
            self.devices.with(add(&mut self.devices_now, device), tx.end);
        }
    }

    /// What it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.networks_now.capacity() * size_of::<IpAddr>() + self.devices_now.capacity() * size_of::<Device>()
    }
}

impl Most {
    fn with(&mut self, count: usize, at: EventTime) {
        if count as u64 > self.count {
            *self = Self { count: count as u64, at };
        }
    }
}

/// Adds what is new while there is room; gives how many there are.
fn add<T: PartialEq>(list: &mut Vec<T>, thing: T) -> usize {
    if list.len() < AT_ONCE_MAX && !list.contains(&thing) {
        if list.len() == list.capacity() {
            list.reserve_exact(list.len().clamp(1, AT_ONCE_MAX - list.len()));
        }
        list.push(thing);
    }
    list.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use heelguard_detectors::story::transactions;

    fn most(story: &str) -> (u64, u64) {
        let mut at_once = AtOnce::default();
        transactions(story).unwrap().iter().for_each(|tx| at_once.note(tx));
        (at_once.networks.count, at_once.devices.count)
    }

    #[test]
    fn what_moves_is_at_one_place_at_a_time_and_what_is_shared_at_several() {
        assert_eq!(
            most("09:30:00 203.0.113.{1..5} -> use GET /a 200 key=k1 device={abcd,wxyz} every 1h"),
            (1, 1)
        );
        assert_eq!(
            most("09:00:00 203.0.113.{1..5} -> use GET /a 200 key=k1 device={abcd,wxyz} every 1m"),
            (5, 2)
        );
        // One step either side of the hour.
        assert_eq!(most("09:59:59 203.0.113.{1,2} -> use GET /a 200 key=k1 every 1s x2"), (1, 0));
        assert_eq!(most("10:00:00 203.0.113.{1,2} -> use GET /a 200 key=k1 every 3599s x2"), (2, 0));
    }

    #[test]
    fn of_many_a_few_are_told_apart() {
        assert_eq!(most("09:00:00 203.0.{1..40}.1 -> use GET /a 200 key=k1").0, AT_ONCE_MAX as u64);
    }
}
