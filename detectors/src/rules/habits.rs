//! The devices and countries an account logs in with, for rules that ask whether a step is out of its way.
//! It is told of logins and proofs that succeeded.
//! It promises that the first of each is never new, and that a network which hides its place tells no country.

use crate::identity::{AddressClass, Country};
use crate::saved::saved;
use crate::transaction::{Device, Transaction};

/// Devices and countries remembered of one account; of more, the oldest go.
const HABITS_MAX: usize = 16;

/// What an account is used to.
#[derive(Debug, Default)]
pub(super) struct Habits {
    devices: Vec<Device>,
    countries: Vec<Country>,
}

saved!(Habits { devices, countries });

impl Habits {
    /// Whether the device differs from every one known.
    pub(super) fn is_new_device(&self, tx: &Transaction) -> bool {
        let strange = |device: Device| self.devices.iter().all(|known| known.differs_from(&device));
        !self.devices.is_empty() && tx.device.is_some_and(strange)
    }

    /// Whether the country is none of those known.
    pub(super) fn is_new_country(&self, tx: &Transaction) -> bool {
        !self.countries.is_empty() && country(tx).is_some_and(|country| !self.countries.contains(&country))
    }

    /// Makes device and country known.
    pub(super) fn learn(&mut self, tx: &Transaction) {
        if let Some(country) = country(tx)
            && !self.countries.contains(&country)
        {
            remember(&mut self.countries, country);
        }
        if let Some(device) = tx.device
            && !self.devices.iter().any(|known| known.same_as(&device))
        {
            remember(&mut self.devices, device);
        }
    }
}

fn country(tx: &Transaction) -> Option<Country> {
    tx.client.country.filter(|_| !tx.client.class.is_some_and(AddressClass::hides_place))
}

fn remember<T>(known: &mut Vec<T>, new: T) {
    if known.len() >= HABITS_MAX {
        known.remove(0);
    }
    known.push(new);
}
