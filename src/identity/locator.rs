//! What is known of a client's address, remembered for those that come again: place, network and its class.
//! It is given addresses one by one and asks databases and lists only about those it has not met lately.
//! It promises bounded memory, and to forget everything once a database was exchanged.

use super::geo::Located;
use super::settings::Settings;
use ahash::RandomState;
use heelguard_detectors::identity::AddressClass;
use std::net::IpAddr;

/// Addresses remembered; two that meet in a slot take turns.
const SLOTS: usize = 1024;

/// What is known of an address.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Country, city, point, number of the network.
    pub(crate) located: Located,
    /// What kind of network it is.
    pub(crate) class: Option<AddressClass>,
    /// Whether it is outside the internal networks.
    pub(crate) external: bool,
}

/// A memory of addresses; one for each shard.
pub(crate) struct Locator {
    slots: Vec<Option<(IpAddr, Known)>>,
    /// Keyed, for clients choose addresses; where one is remembered reaches no output.
    hash: RandomState,
    generation: u64,
}

impl Locator {
    /// With nothing remembered.
    pub(crate) fn new() -> Self {
        Self { slots: vec![None; SLOTS], hash: RandomState::new(), generation: 0 }
    }

    /// What is known of `ip`.
    pub(crate) fn find(&mut self, ip: IpAddr, settings: &Settings) -> Known {
        let generation = settings.geo.generation();
        if self.generation != generation {
            self.slots.fill(None);
            self.generation = generation;
        }
        let slot = self.hash.hash_one(ip) as usize % SLOTS;
        let Some(slot) = self.slots.get_mut(slot) else { return know(ip, settings) };
        match slot {
            Some((met, known)) if *met == ip => known.clone(),
            _ => slot.insert((ip, know(ip, settings))).1.clone(),
        }
    }
}

fn know(ip: IpAddr, settings: &Settings) -> Known {
    let located = settings.geo.lookup(ip);
    let external = !settings.internal.contains(ip);
    let class = settings.classes.of(ip, located.asn, !external);
    Known { located, class, external }
}
