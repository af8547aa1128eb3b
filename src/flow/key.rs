//! Which flow a segment belongs to, whichever way it travels.
//! It is given a segment's ends (and its VLANs where the operator wants them told apart).
//! It promises one key for both directions and one keyed hash a segment, which every table reuses.

use crate::decode::{Endpoint, Segment, Vlans};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Two ends in address order, so both directions have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlowKey {
    low: End,
    high: End,
    vlans: [u16; 2],
    v6: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed(2))]
struct End {
    ip: u128,
    port: u16,
}

impl FlowKey {
    pub(super) fn of(segment: &Segment<'_>, vlan_in_key: bool) -> Self {
        let (src, dst) = (End::of(segment.src), End::of(segment.dst));
        let (low, high) = if src <= dst { (src, dst) } else { (dst, src) };
        let vlans = if vlan_in_key { vlan_ids(segment.vlans) } else { [0; 2] };
        Self { low, high, vlans, v6: segment.src.ip.is_ipv6() }
    }

    /// Whether `end` is the lower of the two: a bit that names a side.
    pub(super) fn is_low(&self, end: Endpoint) -> bool {
        End::of(end) == self.low
    }

    /// The lower and the higher end.
    pub(super) fn ends(&self) -> [Endpoint; 2] {
        [self.low, self.high].map(|End { ip, port }| {
            let ip = if self.v6 { Ipv6Addr::from(ip).into() } else { Ipv4Addr::from(ip as u32).into() };
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
        let vlans = (u64::from(self.vlans[0]) << 16) | u64::from(self.vlans[1]);
        let ports = (u64::from(self.low.port) << 16) | u64::from(self.high.port);
        state.write_u64((vlans << 32) | ports);
        if self.v6 {
            state.write_u128(self.low.ip);
            state.write_u128(self.high.ip);
        } else {
            state.write_u128((self.low.ip << 32) | self.high.ip);
        }
    }
}

/// Ids of both tags, plus one so that "VLAN 0" and "no tag" differ.
fn vlan_ids(vlans: Vlans) -> [u16; 2] {
    let mut ids = [0; 2];
    for (slot, id) in ids.iter_mut().zip(vlans.as_slice()) {
        *slot = id.saturating_add(1);
    }
    ids
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
    use crate::flow::tests_support::{client, segment, server};

    #[test]
    fn both_directions_have_one_key() {
        let there = segment(client(), server());
        let back = segment(server(), client());
        assert_eq!(FlowKey::of(&there, false), FlowKey::of(&back, false));
        assert_ne!(FlowKey::of(&there, false).is_low(client()), FlowKey::of(&there, false).is_low(server()));
    }

    #[test]
    fn vlans_tell_flows_apart_only_where_asked() {
        let plain = segment(client(), server());
        let mut tagged = plain;
        tagged.vlans.push(0);
        assert_eq!(FlowKey::of(&plain, false), FlowKey::of(&tagged, false));
        assert_ne!(FlowKey::of(&plain, true), FlowKey::of(&tagged, true));
    }

    #[test]
    fn families_do_not_mix() {
        let v4 = segment(client(), server());
        let lift = |end: Endpoint| match end.ip {
            IpAddr::V4(v4) => Endpoint { ip: IpAddr::V6(u128::from(u32::from(v4)).into()), ..end },
            IpAddr::V6(_) => end,
        };
        let v6 = segment(lift(client()), lift(server()));
        assert_ne!(FlowKey::of(&v4, false), FlowKey::of(&v6, false));
    }
}
