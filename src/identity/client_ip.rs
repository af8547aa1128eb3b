//! The client behind proxies: the right-most hop that no trusted proxy stands for.
//! It is given the connection's peer, the address of a PROXY preamble and the headers in which proxies name clients.
//! It promises that what an untrusted peer claims is never believed, only noted, and that garbage ends the walk.

use super::prefixes::Prefixes;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Hops that are walked; no honest chain is longer.
const HOPS_MAX: usize = 32;

/// How a header names addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Addresses with commas between them, each hop's peer to the right of the one before.
    List,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// A header in which proxies name the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientHeader {
    pub(crate) form: Form,
    /// Its place among those that this deployment's proxies set; the others can only claim.
    pub(crate) rank: Option<u8>,
}

impl ClientHeader {
    /// A header that nobody is known to set: whoever sends it claims something.
    pub(crate) const fn unset(form: Form) -> Self {
        Self { form, rank: None }
    }
}

/// The headers of a request in which a client is named, in the order they were sent.
#[derive(Default)]
pub(crate) struct Forwarding<'a>(Vec<(ClientHeader, &'a [u8])>);

/// Who the client is, and who it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The client's address.
    pub(crate) ip: IpAddr,
    /// Another address that it, or whoever is left of it, claims to have.
    pub(crate) claimed: Option<IpAddr>,
    /// Whether a trusted proxy wrote the headers.
    pub(crate) by_proxy: bool,
    /// Whether a peer that is no trusted proxy spoke for somebody else before HTTP.
    pub(crate) false_preamble: bool,
}

impl<'a> Forwarding<'a> {
    /// One header line.
    pub(crate) fn push(&mut self, header: ClientHeader, value: &'a [u8]) {
        self.0.push((header, value));
    }

    /// The client of a connection from `peer`, which a PROXY preamble said to be on behalf of `proxied_for`.
    pub(crate) fn client(&self, peer: IpAddr, proxied_for: Option<IpAddr>, trusted: &Prefixes) -> Told {
        let peer = peer.to_canonical();
        let proxied_for = proxied_for.map(|ip| ip.to_canonical());
        let peer_trusted = trusted.contains(peer);
        // Behind a balancer that speaks the PROXY protocol the next hop wrote the headers.
        let nearest = proxied_for.filter(|_| peer_trusted).unwrap_or(peer);
        let by_proxy = peer_trusted && trusted.contains(nearest);
        let false_preamble = proxied_for.is_some() && !peer_trusted;
        let mut told = Told { ip: nearest, claimed: None, by_proxy, false_preamble };
        if by_proxy {
            let believed = self.0.iter().filter_map(|(header, _)| header.rank).min();
            let hops =
                self.0.iter().rev().filter(|(header, _)| believed.is_some() && header.rank == believed);
            walk(hops.flat_map(|&(header, line)| elements(header.form, line)), &mut told, trusted);
        } else {
            let headers = self.0.iter().rev().flat_map(|&(header, line)| elements(header.form, line));
            let claims =
                proxied_for.filter(|_| false_preamble).into_iter().chain(headers.take(HOPS_MAX).flatten());
            told.claimed = claims.into_iter().find(|&ip| ip != told.ip);
        }
        told
    }
}

/// From the right as long as trusted proxies vouch for what they wrote; the first address left of that is a claim.
fn walk(hops: impl Iterator<Item = Option<IpAddr>>, told: &mut Told, trusted: &Prefixes) {
    let mut vouched = true;
    for hop in hops.take(HOPS_MAX) {
        match hop {
            Some(ip) if vouched => {
                told.ip = ip;
                vouched = trusted.contains(ip);
            }
            Some(ip) if ip != told.ip => {
                told.claimed = Some(ip);
                return;
            }
            Some(_) => {}
            None => vouched = false,
        }
    }
}

/// The elements of a line from the right, empty ones left out (RFC 9110 section 5.6.1); what is no address is none.
fn elements(form: Form, line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let elements = line.rsplit(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty());
    elements.map(move |element| match form {
        Form::List => address(element),
        Form::Forwarded => forwarded_for(element),
    })
}

/// An address as proxies write it: bare, quoted, in brackets, with a port, with a zone.
fn address(text: &[u8]) -> Option<IpAddr> {
    // Bare IPv4 in nearly every case.
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some(ip.into());
    }
    let text = text.trim_matches('"');
    let ip = match text.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']')?;
            if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
                return None;
            }
            unzoned(ip).parse::<Ipv6Addr>().ok()?.into()
        }
        None => text
            .parse::<SocketAddr>()
            .map(|socket| socket.ip())
            .or_else(|_| unzoned(text).parse::<IpAddr>())
            .ok()?,
    };
    Some(ip.to_canonical())
}

/// Ports are numbers; RFC 7239 section 6.3 also has names for them, which begin with `_`.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() || text.starts_with('_')
}

/// Without the interface of a link-local address (RFC 4007 section 11).
fn unzoned(text: &str) -> &str {
    text.split_once('%').map_or(text, |(ip, _)| ip)
}

/// The `for` parameter of one element of `Forwarded`; `unknown` and `_hidden` are no addresses.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut parameters = element.split(|&b| b == b';').map(<[u8]>::trim_ascii);
    let value = parameters
        .find_map(|p| p.split_at_checked(4).filter(|(name, _)| name.eq_ignore_ascii_case(b"for=")))?;
    address(value.1)
}

#[cfg(test)]
mod tests;
