//! Where clients are: real address ranges of real countries, so that country look-ups come out right.
//! It is given a country and gives addresses in it, its clock and how far it is.
//! It promises that every range lies wholly inside its country in public registry data.

use super::random::Random;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A country that clients connect from.
#[derive(Debug)]
pub(super) struct Place {
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// Hours ahead of UTC in November.
    pub utc_offset_h: i64,
    /// There and back to the data centre in Frankfurt.
    pub rtt_us: u64,
    /// First two bytes of IPv4 networks of access providers (/16).
    v4: &'static [[u8; 2]],
    /// First two groups of an IPv6 network (/32).
    v6: [u16; 2],
}

/// The countries of the demo; the first ones are where the company's people are.
pub(super) const PLACES: &[Place] = &[
    place("DE", 1, 9_000, &[[84, 142], [87, 133], [91, 41], [84, 159]], [0x2001, 0x0638]),
    place("FR", 1, 14_000, &[[86, 196], [90, 3], [86, 216]], [0x2001, 0x0660]),
    place("NL", 1, 11_000, &[[145, 54], [84, 82]], [0x2001, 0x0610]),
    place("PL", 1, 22_000, &[[31, 60], [83, 10], [83, 21]], [0x2001, 0x0808]),
    place("GB", 0, 17_000, &[[81, 133], [86, 143], [86, 16]], [0x2001, 0x0630]),
    place("ES", 1, 31_000, &[[80, 39], [88, 3]], [0x2001, 0x0720]),
    place("SE", 1, 24_000, &[[90, 143], [90, 236], [81, 229]], [0x2001, 0x06b0]),
    place("US", -5, 92_000, &[[73, 162], [98, 150], [68, 107]], [0x2001, 0x0400]),
    place("CA", -5, 101_000, &[[24, 114], [70, 53], [24, 84]], [0x2001, 0x0410]),
    place("JP", 9, 231_000, &[[126, 40], [60, 34]], [0x2001, 0x02f8]),
    place("BR", -3, 198_000, &[[177, 121], [189, 61], [189, 58]], [0x2001, 0x1284]),
    place("RO", 2, 29_000, &[[79, 114], [86, 120]], [0x2001, 0x0b30]),
    place("VN", 7, 214_000, &[[113, 179], [14, 226]], [0x2400, 0x1060]),
    place("ZA", 2, 163_000, &[[105, 4], [41, 31]], [0x2001, 0x4200]),
];

const fn place(
    country: &'static str,
    utc_offset_h: i64,
    rtt_us: u64,
    v4: &'static [[u8; 2]],
    v6: [u16; 2],
) -> Place {
    Place { country, utc_offset_h, rtt_us, v4, v6 }
}

/// The place of a country code; the first place for one that is not listed.
pub(super) fn of(country: &str) -> &'static Place {
    const HOME: &Place = &PLACES[0];
    PLACES.iter().find(|place| place.country == country).unwrap_or(HOME)
}

impl Place {
    /// A subscriber's IPv4 address.
    pub(super) fn v4(&self, random: &mut Random) -> IpAddr {
        let [a, b] = random.pick(self.v4);
        IpAddr::V4(Ipv4Addr::new(a, b, random.range(1, 254) as u8, random.range(1, 254) as u8))
    }

    /// A subscriber's IPv6 address, one /64 a subscriber.
    pub(super) fn v6(&self, random: &mut Random) -> IpAddr {
        let [a, b] = self.v6;
        let mut group = || random.range(1, 0xFFFE) as u16;
        IpAddr::V6(Ipv6Addr::new(a, b, group(), group() & 0xFF00, group(), group(), group(), group()))
    }

    /// One in eight subscribers comes over IPv6.
    pub(super) fn address(&self, random: &mut Random) -> IpAddr {
        if random.chance(125) { self.v6(random) } else { self.v4(random) }
    }
}
