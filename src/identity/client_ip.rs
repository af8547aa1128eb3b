//! The client behind proxies: the right-most hop that no trusted proxy stands for.
//! It is given the connection's peer and the forwarding headers, in the order they were sent.
//! It promises that what an untrusted peer claims is never believed, and that garbage ends the walk.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Hops that are walked; no honest chain is longer.
const HOPS_MAX: usize = 32;

/// Addresses and prefixes, as in `10.0.0.0/8`.
pub(crate) struct Prefixes(Vec<(u128, u8)>);

impl Prefixes {
    /// From addresses with or without a length.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        let one = |text: &String| {
            let (address, len) = text.split_once('/').map_or((text.as_str(), None), |(a, l)| (a, Some(l)));
            let ip: IpAddr =
                address.trim().parse().map_err(|_| format!("`{text}` is no address or prefix"))?;
            let offset = if ip.is_ipv4() { 96 } else { 0 };
            let len = match len {
                None => 128 - offset,
                Some(len) => len.trim().parse::<u8>().map_err(|_| format!("`{text}` has no valid length"))?,
            };
            if len > 128 - offset {
                return Err(format!("`{text}` is longer than its address"));
            }
            Ok((wide(ip), len + offset))
        };
        texts.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of the prefixes covers `ip`.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        let ip = wide(ip);
        self.0.iter().any(|&(prefix, len)| len == 0 || (ip ^ prefix) >> (128 - u32::from(len)) == 0)
    }
}

/// The forwarding headers of a request, lines of one name in order.
#[derive(Default)]
pub(crate) struct Forwarding<'a> {
    /// `X-Forwarded-For`.
    pub(crate) x_forwarded_for: Vec<&'a [u8]>,
    /// `Forwarded` (RFC 7239).
    pub(crate) forwarded: Vec<&'a [u8]>,
    /// `X-Real-IP`.
    pub(crate) x_real_ip: Option<&'a [u8]>,
}

/// The client's address.
pub(crate) fn client(peer: IpAddr, forwarding: &Forwarding<'_>, trusted: &Prefixes) -> IpAddr {
    let mut client = canonical(peer);
    if !trusted.contains(client) {
        return client;
    }
    if !forwarding.x_forwarded_for.is_empty() {
        let hops = forwarding.x_forwarded_for.iter().rev().flat_map(|line| line.rsplit(|&b| b == b','));
        walk(hops.map(address), &mut client, trusted);
    } else if !forwarding.forwarded.is_empty() {
        let hops = forwarding.forwarded.iter().rev().flat_map(|line| line.rsplit(|&b| b == b','));
        walk(hops.map(forwarded_for), &mut client, trusted);
    } else if let Some(ip) = forwarding.x_real_ip.and_then(address) {
        client = ip;
    }
    client
}

fn walk(hops: impl Iterator<Item = Option<IpAddr>>, client: &mut IpAddr, trusted: &Prefixes) {
    for hop in hops.take(HOPS_MAX) {
        let Some(ip) = hop else { return };
        *client = ip;
        if !trusted.contains(ip) {
            return;
        }
    }
}

/// An address as proxies write it: bare, in brackets, with a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?.trim_matches('"');
    let ip = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|s| s.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse::<Ipv6Addr>().map(IpAddr::V6));
    ip.ok().map(canonical)
}

/// The `for` parameter of one element of `Forwarded`.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut parameters = element.split(|&b| b == b';').map(<[u8]>::trim_ascii);
    let value = parameters
        .find_map(|p| p.split_at_checked(4).filter(|(name, _)| name.eq_ignore_ascii_case(b"for=")))?;
    address(value.1)
}

/// IPv4 in IPv6 clothes is IPv4.
fn canonical(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// Both families on one number line.
fn wide(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(Ipv4Addr::to_ipv6_mapped(&v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, headers: &[(&str, &'static str)], expected: &str) {
        let trusted = Prefixes::parse(&["10.0.0.0/8".into(), "fd00::/8".into(), "192.0.2.1".into()]).unwrap();
        let lines =
            |name: &str| headers.iter().filter(|h| h.0 == name).map(|h| h.1.as_bytes()).collect::<Vec<_>>();
        let forwarding = Forwarding {
            x_forwarded_for: lines("xff"),
            forwarded: lines("fwd"),
            x_real_ip: lines("real").first().copied(),
        };
        let ip = client(peer.parse().unwrap(), &forwarding, &trusted);
        assert_eq!(ip.to_string(), expected, "{peer} {headers:?}");
    }

    #[test]
    fn only_trusted_peers_speak_for_others() {
        check("198.51.100.4", &[("xff", "1.1.1.1")], "198.51.100.4");
        check("10.0.0.1", &[("xff", "1.1.1.1")], "1.1.1.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("::ffff:10.0.0.1", &[("real", "203.0.113.9")], "203.0.113.9");
    }

    #[test]
    fn a_forged_entry_stands_left_of_the_true_one() {
        check("10.0.0.1", &[("xff", "1.1.1.7, 203.0.113.9")], "203.0.113.9");
        check("10.0.0.1", &[("xff", "1.1.1.7"), ("xff", "203.0.113.9, 10.0.0.2, 192.0.2.1")], "203.0.113.9");
        check("10.0.0.1", &[("xff", "10.9.9.9, 10.0.0.2")], "10.9.9.9");
    }

    #[test]
    fn garbage_ends_the_walk() {
        check("10.0.0.1", &[("xff", "203.0.113.9, unknown, 10.0.0.2")], "10.0.0.2");
        check("10.0.0.1", &[("xff", "")], "10.0.0.1");
        check("10.0.0.1", &[("real", "nonsense")], "10.0.0.1");
    }

    #[test]
    fn forms_of_addresses() {
        check("10.0.0.1", &[("xff", "203.0.113.9:4711")], "203.0.113.9");
        check("10.0.0.1", &[("xff", "[2001:db8::7]:443")], "2001:db8::7");
        check(
            "fd00::1",
            &[("fwd", r#"for=1.1.1.1, proto=http;For="[2001:db8:cafe::17]:4711";by=x"#)],
            "2001:db8:cafe::17",
        );
        check("10.0.0.1", &[("fwd", "for=_hidden")], "10.0.0.1");
    }
}
