//! Which services were seen, by host and port: how many connections of which protocol.
//! It is given one count per connection and gives rows for the stats object.
//! It promises bounded memory and an order that does not depend on arrival.

use crate::decode::Endpoint;
use std::collections::BTreeMap;

/// At most this many (host, port) pairs have a row of their own.
const SERVICES_MAX: usize = 4_096;
/// A host name is at most this long (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 255;

/// A host label without a dash is at most this long.
const LABEL_WORD_BYTES_MAX: usize = 20;

/// A word of a label so long that has letters and digits mixed is no name.
const RANDOM_WORD_BYTES_MIN: usize = 12;

/// Connections of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceCounts {
    /// TLS that is not looked into.
    pub tls: u64,
    /// HTTP/1.
    pub http1: u64,
    /// HTTP/2.
    pub http2: u64,
    /// QUIC.
    pub quic: u64,
    /// Anything else that carried bytes.
    pub unknown: u64,
}

/// What a connection turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceKind {
    Tls,
    Http1,
    Http2,
    Quic,
    Unknown,
}

/// Connections by port and host.
#[derive(Clone, Debug, Default)]
pub struct Services {
    // By port first, so that a look-up needs no owned host.
    by_port: BTreeMap<u16, BTreeMap<Box<str>, ServiceCounts>>,
    rows: usize,
    /// Connections of services beyond the limit.
    other: u64,
}

impl Services {
    /// Host, port and counts, by host and then port.
    pub fn rows(&self) -> Vec<(&str, u16, ServiceCounts)> {
        let mut rows: Vec<_> = self
            .by_port
            .iter()
            .flat_map(|(&port, hosts)| hosts.iter().map(move |(host, &counts)| (&**host, port, counts)))
            .collect();
        rows.sort_unstable_by_key(|&(host, port, _)| (host, port));
        rows
    }

    /// Connections of services for which there was no row left.
    pub fn other(&self) -> u64 {
        self.other
    }

    /// Adds another set to this one.
    pub fn add(&mut self, other: &Self) {
        self.other += other.other;
        for (host, port, counts) in other.rows() {
            let ServiceCounts { tls, http1, http2, quic, unknown } = counts;
            if let Some(mine) = self.entry(host, port) {
                mine.tls += tls;
                mine.http1 += http1;
                mine.http2 += http2;
                mine.quic += quic;
                mine.unknown += unknown;
            } else {
                self.other += tls + http1 + http2 + quic + unknown;
            }
        }
    }

    /// Counts a connection over QUIC, which was told under the name that its client asked for.
    pub fn count_quic(&mut self, server: Endpoint, host: Option<&[u8]>) {
        self.count(server, host, ServiceKind::Quic);
    }

    /// Counts one connection; `host` is what the first request said, if it is a name or address at all.
    pub(super) fn count(&mut self, server: Endpoint, host: Option<&[u8]>, kind: ServiceKind) {
        let mut buffer = [0; HOST_BYTES_MAX];
        let row = match host.and_then(|host| clean_host(host, &mut buffer)) {
            Some(host) => self.entry(host, server.port),
            None => self.entry(&server.ip.to_string(), server.port),
        };
        match (row, kind) {
            (None, _) => self.other += 1,
            (Some(row), ServiceKind::Tls) => row.tls += 1,
            (Some(row), ServiceKind::Http1) => row.http1 += 1,
            (Some(row), ServiceKind::Http2) => row.http2 += 1,
            (Some(row), ServiceKind::Quic) => row.quic += 1,
            (Some(row), ServiceKind::Unknown) => row.unknown += 1,
        }
    }

    /// The row of a service, made if there is room for it.
    fn entry(&mut self, host: &str, port: u16) -> Option<&mut ServiceCounts> {
        if !self.by_port.get(&port).is_some_and(|hosts| hosts.contains_key(host)) {
            if self.rows >= SERVICES_MAX {
                return None;
            }
            self.rows += 1;
            self.by_port.entry(port).or_default().insert(host.into(), ServiceCounts::default());
        }
        self.by_port.get_mut(&port)?.get_mut(host)
    }
}

/// The host without its port, in lower case; `None` unless every byte may stand in a name or address.
fn clean_host<'b>(host: &[u8], buffer: &'b mut [u8; HOST_BYTES_MAX]) -> Option<&'b str> {
    let name = match host.iter().rposition(|&b| b == b':') {
        // `[::1]:8080` has a port, `[::1]` and `::1` have none.
        Some(colon) if host.get(colon + 1..)?.iter().all(u8::is_ascii_digit) && !host.starts_with(b":") => {
            host.get(..colon)?
        }
        _ => host,
    };
    let lawful = |b: &u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(b);
    // A label that is long and in one piece is no name of a server; it may be a key that somebody sent as one.
    let wordless = |label: &[u8]| label.len() > LABEL_WORD_BYTES_MAX && !label.contains(&b'-');
    let spoilt = |label: &[u8]| wordless(label) || is_random(label);
    if name.is_empty() || !name.iter().all(lawful) || name.split(|&b| b == b'.').any(spoilt) {
        return None;
    }
    let out = buffer.get_mut(..name.len())?;
    out.copy_from_slice(name);
    out.make_ascii_lowercase();
    std::str::from_utf8(out).ok()
}

/// Whether a label has a long word of letters and digits mixed, or turns from letter to digit again and again.
fn is_random(label: &[u8]) -> bool {
    let turns = |word: &[u8]| {
        let turn = |w: &&[u8]| w.first().map(u8::is_ascii_digit) != w.last().map(u8::is_ascii_digit);
        word.windows(2).filter(turn).count()
    };
    let mut words = label.split(|b| !b.is_ascii_alphanumeric());
    let all: usize = words.clone().map(turns).sum();
    words.any(|word| word.len() >= RANDOM_WORD_BYTES_MIN && turns(word) > 0)
        || label.len() > LABEL_WORD_BYTES_MAX && all * 6 > label.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u16) -> Endpoint {
        Endpoint { ip: [10, 0, 0, 5].into(), port }
    }

    #[test]
    fn rows_come_by_name_and_junk_hosts_by_address() {
        let mut services = Services::default();
        services.count(server(80), Some(b"B.example:8080"), ServiceKind::Http1);
        services.count(server(80), Some(b"a.example"), ServiceKind::Http1);
        services.count(server(80), Some(b"A.EXAMPLE"), ServiceKind::Http1);
        services.count(server(80), Some(b"<script>"), ServiceKind::Http1);
        services.count(server(443), None, ServiceKind::Tls);
        let rows: Vec<_> = services
            .rows()
            .iter()
            .map(|(host, port, c)| format!("{host}:{port} {} {}", c.http1, c.tls))
            .collect();
        assert_eq!(rows, ["10.0.0.5:80 1 0", "10.0.0.5:443 0 1", "a.example:80 2 0", "b.example:80 1 0"]);
    }

    #[test]
    fn a_host_that_looks_random_has_its_address_as_its_row() {
        let row = |host: &str| {
            let mut services = Services::default();
            services.count(server(80), Some(host.as_bytes()), ServiceKind::Http1);
            services.rows()[0].0.to_owned()
        };
        for key in ["k9x2p7q4m1z8", "a1b2-c3d4-e5f6-g7h8-j9k0", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"] {
            assert_eq!(row(&format!("{key}.example.com")), "10.0.0.5", "{key}");
        }
        for name in ["api-v2.eu-west-1.example.com", "ec2-3-120-0-1.compute.amazonaws.com", "10.0.0.7"] {
            assert_eq!(row(name), name);
        }
    }

    #[test]
    fn a_flood_of_hosts_is_bounded_and_counted() {
        let mut services = Services::default();
        for n in 0..SERVICES_MAX + 10 {
            services.count(server(80), Some(format!("h{n}").as_bytes()), ServiceKind::Http1);
        }
        assert_eq!((services.rows().len(), services.other()), (SERVICES_MAX, 10));
        let copy = services.clone();
        services.add(&copy);
        assert_eq!((services.rows().len(), services.other()), (SERVICES_MAX, 20));
    }
}
