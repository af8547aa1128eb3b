//! Which flow a segment belongs to, whichever way it travels.
//! It is given a segment's ends, its network inside tunnels (and its VLANs where the operator wants them told apart).
//! It promises one key for both directions and one keyed hash a segment, which every table reuses.

use super::Config;
use crate::decode::{Endpoint, Segment, Tenant};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Two ends in address order, so both directions have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowKey {
    low: End,
    high: End,
    /// The network that the ends are in, and `V6` for their family.
    place: [u16; 3],
}

/// No network has this bit.
const V6: u16 = 0x8000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed(2))]
struct End {
    ip: u128,
    port: u16,
}

impl FlowKey {
    pub(crate) fn of(segment: &Segment<'_>, config: &Config) -> Self {
        let (src, dst) = (End::of(segment.src), End::of(segment.dst));
        let (low, high) = if src <= dst { (src, dst) } else { (dst, src) };
        let mut network = if config.vni_in_key { segment.tenant } else { Tenant::default() };
        if config.vlan_in_key {
            network = segment.vlans.as_slice().iter().fold(network, |network, &id| network.in_vlan(id));
        }
        let [a, b, c] = network.words();
        let place = [a, b, if segment.src.ip.is_ipv6() { c | V6 } else { c }];
        Self { low, high, place }
    }

    /// Whether `end` is the lower of the two: a bit that names a side.
    pub(super) fn is_low(&self, end: Endpoint) -> bool {
        End::of(end) == self.low
    }

    fn is_v6(&self) -> bool {
        self.place[2] & V6 != 0
    }

    /// The lower and the higher end.
    pub(super) fn ends(&self) -> [Endpoint; 2] {
        [self.low, self.high].map(|End { ip, port }| {
            let ip = if self.is_v6() { Ipv6Addr::from(ip).into() } else { Ipv4Addr::from(ip as u32).into() };
            Endpoint { ip, port }
        })
    }
}

impl End {
    fn of(end: Endpoint) -> Self {
        let ip = match end.ip {
            IpAddr::V4(v4) => u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        };
        Self { ip, port: end.port }
    }
}

impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c] = self.place.map(u64::from);
        let place = (c << 32) | (b << 16) | a;
        let ports = (u64::from(self.low.port) << 16) | u64::from(self.high.port);
        state.write_u64(ports);
        if self.is_v6() {
            state.write_u64(place);
            state.write_u128(self.low.ip);
            state.write_u128(self.high.ip);
        } else {
            state.write_u128((u128::from(place) << 64) | (self.low.ip << 32) | self.high.ip);
        }
    }
}

/// Passes on a hash that is keyed already.
#[derive(Default)]
pub(super) struct Prehashed(u64);

impl Hasher for Prehashed {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A map from a key's keyed hash. The entry behind it holds the key and is compared with it.
pub(super) type ByHash<T> = std::collections::HashMap<u64, T, BuildHasherDefault<Prehashed>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::TunnelKind;
    use crate::flow::tests_support::{client, segment, server};

    #[test]
    fn both_directions_have_one_key() {
        let there = segment(client(), server());
        let back = segment(server(), client());
        assert_eq!(FlowKey::of(&there, &Config::default()), FlowKey::of(&back, &Config::default()));
        assert_ne!(
            FlowKey::of(&there, &Config::default()).is_low(client()),
            FlowKey::of(&there, &Config::default()).is_low(server())
        );
    }

    #[test]
    fn vlans_tell_flows_apart_only_where_asked() {
        let plain = segment(client(), server());
        let mut tagged = plain;
        tagged.vlans.push(0);
        let apart = Config { vlan_in_key: true, ..Config::default() };
        assert_eq!(FlowKey::of(&plain, &Config::default()), FlowKey::of(&tagged, &Config::default()));
        assert_ne!(FlowKey::of(&plain, &apart), FlowKey::of(&tagged, &apart));
    }

    #[test]
    fn networks_in_tunnels_tell_flows_apart_unless_asked_not_to() {
        let plain = segment(client(), server());
        let inside = |number| Segment {
            tenant: Tenant::default().within(TunnelKind::Vxlan, number),
            ..segment(server(), client())
        };
        let keys =
            |config: &Config| [plain, inside(0), inside(1)].map(|segment| FlowKey::of(&segment, config));
        let [outside, zero, one] = keys(&Config::default());
        assert!(outside != zero && zero != one && outside != one);
        let together = Config { vni_in_key: false, ..Config::default() };
        assert!(keys(&together).iter().all(|key| *key == outside));
    }

    #[test]
    fn families_do_not_mix() {
        let v4 = segment(client(), server());
        let lift = |end: Endpoint| match end.ip {
            IpAddr::V4(v4) => Endpoint { ip: IpAddr::V6(u128::from(u32::from(v4)).into()), ..end },
            IpAddr::V6(_) => end,
        };
        let v6 = segment(lift(client()), lift(server()));
        assert_ne!(FlowKey::of(&v4, &Config::default()), FlowKey::of(&v6, &Config::default()));
    }
}
