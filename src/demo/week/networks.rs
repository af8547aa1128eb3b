//! The networks that people carry their devices through: home, office, phone network, VPN, relay, hotel.
//! It is given a person's country and gives addresses as their providers hand them out.
//! It promises phone networks of the same country, and home addresses that last until the provider renews them.

use crate::demo::places::Place;
use crate::demo::random::Random;
use std::net::{IpAddr, Ipv4Addr};

/// Where a device is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Home,
    /// An office's one address, for all who are in it.
    Office,
    /// A phone network: carrier-grade NAT, another address every now and then.
    Road,
    /// The company's VPN, which leaves at an office.
    Vpn,
    /// The relay of a browser's maker.
    Relay,
    /// Wi-Fi of a hotel or a friend, in the country where the person is.
    Away,
}

/// The addresses of one device.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    home: IpAddr,
    office: Option<IpAddr>,
    /// Where the company's VPN leaves.
    vpn: Option<IpAddr>,
    /// The address that the phone network gave last.
    road: Option<IpAddr>,
    away: Option<IpAddr>,
}

/// Two bytes of phone networks by country.
const CARRIERS: &[(&str, &[[u8; 2]])] = &[
    ("DE", &[[80, 187], [109, 40], [176, 1]]),
    ("FR", &[[37, 165], [92, 184]]),
    ("NL", &[[178, 225], [188, 207]]),
    ("PL", &[[37, 47], [5, 173]]),
    ("GB", &[[92, 40], [31, 94]]),
    ("ES", &[[31, 4], [95, 127]]),
    ("SE", &[[2, 68], [94, 234]]),
    ("US", &[[172, 58], [174, 203]]),
    ("CA", &[[24, 114], [72, 143]]),
    ("JP", &[[49, 98], [126, 33]]),
];

impl Networks {
    pub(super) fn new(
        place: &Place,
        office: Option<IpAddr>,
        vpn: Option<IpAddr>,
        random: &mut Random,
    ) -> Self {
        Self { home: place.address(random), office, vpn, road: None, away: None }
    }

    /// The address of a device that connects, or stays connected, in this way.
    pub(super) fn address(&mut self, via: Via, place: &Place, random: &mut Random) -> IpAddr {
        match via {
            Via::Home => self.home,
            Via::Office => self.office.unwrap_or(self.home),
            Via::Vpn => self.vpn.unwrap_or(self.home),
            Via::Relay => relay(random),
            // Translators hand out another address in the middle of things.
            Via::Road => match self.road.filter(|_| !random.chance(120)) {
                Some(address) => address,
                None => *self.road.insert(carrier(place, random)),
            },
            Via::Away => *self.away.get_or_insert_with(|| place.v4(random)),
        }
    }

    /// A new day: some providers hand out addresses anew every night.
    pub(super) fn renew(&mut self, place: &Place, random: &mut Random) {
        if random.chance(300) {
            self.home = match self.home {
                IpAddr::V4(_) => place.v4(random),
                IpAddr::V6(_) => place.v6(random),
            };
        }
        self.leave();
    }

    /// The device goes on to somewhere else.
    pub(super) fn leave(&mut self) {
        (self.road, self.away) = (None, None);
    }
}

/// A subscriber of a phone network of the country.
fn carrier(place: &Place, random: &mut Random) -> IpAddr {
    let ranges = CARRIERS.iter().find(|(country, _)| *country == place.country);
    let Some((_, ranges)) = ranges else { return place.v4(random) };
    let [a, b] = random.pick(ranges);
    IpAddr::V4(Ipv4Addr::new(a, b, random.range(1, 254) as u8, random.range(1, 254) as u8))
}

fn relay(random: &mut Random) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(104, 28, random.range(16, 120) as u8, random.range(1, 254) as u8))
}

/// Every phone network: its country, and the first two bytes of its addresses.
pub fn phone_networks() -> impl Iterator<Item = (&'static str, [u8; 2])> {
    CARRIERS.iter().flat_map(|(country, ranges)| ranges.iter().map(move |range| (*country, *range)))
}

/// An address of a cloud, where build machines run: another one each time.
pub(super) fn cloud(random: &mut Random) -> IpAddr {
    let [a, b] = random.pick(&[[20, 42], [20, 169], [13, 68], [52, 255]]);
    IpAddr::V4(Ipv4Addr::new(a, b, random.range(1, 254) as u8, random.range(1, 254) as u8))
}
