//! Addresses and prefixes as operators write them: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`.
//! It is given texts once at start-up and asked about addresses from then on.
//! It promises that both families live on one number line, where an IPv4-mapped address is IPv4.

use std::net::IpAddr;

/// The bits of a prefix, zero behind its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Prefix {
    /// Leading bits that count, of 128.
    pub(crate) len: u8,
    /// The first address, IPv4 as IPv4-mapped IPv6.
    pub(crate) first: u128,
}

impl Prefix {
    /// From an address with or without a length.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (address, len) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let ip: IpAddr = address.trim().parse().map_err(|_| format!("`{text}` is no address or prefix"))?;
        let offset = if ip.is_ipv4() { 96 } else { 0 };
        let len = match len {
            None => 128 - offset,
            Some(len) => len.trim().parse::<u8>().map_err(|_| format!("`{text}` has no valid length"))?,
        };
        if len > 128 - offset {
            return Err(format!("`{text}` is longer than its address"));
        }
        let len = len + offset;
        Ok(Self { len, first: cut(wide(ip), len) })
    }

    /// The prefix of that length that `ip` is in.
    pub(crate) fn around(ip: IpAddr, len: u8) -> Self {
        Self { len, first: cut(wide(ip), len) }
    }
}

/// A set of prefixes.
pub(crate) struct Prefixes(Vec<Prefix>);

impl Prefixes {
    /// From addresses with or without a length.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        texts.iter().map(|text| Prefix::parse(text)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of the prefixes covers `ip`.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        let ip = wide(ip);
        self.0.iter().any(|prefix| cut(ip, prefix.len) == prefix.first)
    }
}

/// The leading bits of an address, zeros behind them.
fn cut(address: u128, len: u8) -> u128 {
    let mask = u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0);
    address & mask
}

/// Both families on one number line.
fn wide(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_edges_of_a_prefix() {
        let prefixes = ["10.0.0.0/8", "192.0.2.1", "fd00::/8", "198.51.100.77/24"].map(str::to_owned);
        let prefixes = Prefixes::parse(&prefixes).unwrap();
        for (ip, inside) in [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("::ffff:10.1.2.3", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("198.51.100.0", true),
            ("fdff::1", true),
            ("fe00::", false),
        ] {
            assert_eq!(prefixes.contains(ip.parse().unwrap()), inside, "{ip}");
        }
        let all = Prefixes::parse(&["0.0.0.0/0".to_owned()]).unwrap();
        assert!(all.contains([8, 8, 8, 8].into()) && !all.contains("2001:db8::1".parse().unwrap()));
        assert!(Prefixes::parse(&["::/0".to_owned()]).unwrap().contains([8, 8, 8, 8].into()));
    }

    #[test]
    fn what_is_no_prefix_is_refused_with_its_text() {
        for text in ["10.0.0.0/33", "10.0.0/8", "10.0.0.0/x", "fd00::/129", "", "name"] {
            assert!(Prefix::parse(text).unwrap_err().contains(text), "{text}");
        }
    }
}
