//! The network of the invented company: a mirror port behind its TLS terminators.
//! It is given who calls and gives the connection the sensor sees: proxied, internal, or straight from outside.
//! It promises that only the legacy host is reachable in plain text from outside.

use super::message::{Answer, Request};
use super::places::Place;
use super::random::Random;
use super::timeline::{Exchange, Lane, Then};
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The main API, behind the terminators.
pub(super) const API: &str = "api.acme.example";
/// An old API that was never moved behind them.
pub(super) const LEGACY: &str = "legacy.acme.example";
/// A reporting server for internal use.
pub(super) const REPORTS: &str = "reports.acme.example";
/// The warehouse's API.
pub(super) const WAREHOUSE: &str = "warehouse.acme.example";

/// There and back inside the data centre.
const INTERNAL_RTT_US: u64 = 180;

/// How a client's requests reach the mirrored segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// Over TLS to a terminator, which passes them on in plain text and says for whom.
    Proxied,
    /// In plain text from the client's own address.
    Direct { rtt_us: u64 },
}

/// A client: an address and a program.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub address: IpAddr,
    pub path: Path,
    /// The program's header lines, with the terminator's in front where there is one.
    pub lines: Arc<str>,
    /// Keeps the connections of two programs on one address apart.
    pub program: u32,
}

impl Visitor {
    /// Someone on the internet who uses the API as intended.
    pub(super) fn proxied(address: IpAddr, device_lines: &str) -> Self {
        let lines = format!("X-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\n{device_lines}");
        Self { address, path: Path::Proxied, lines: lines.into(), program: 0 }
    }

    /// Someone on the internet who talks to the legacy host in plain text.
    pub(super) fn outside(address: IpAddr, place: &Place, device_lines: &str) -> Self {
        Self { address, path: Path::Direct { rtt_us: place.rtt_us }, lines: device_lines.into(), program: 0 }
    }

    /// A program in the data centre.
    pub(super) fn internal(address: IpAddr, device_lines: &str) -> Self {
        Self {
            address,
            path: Path::Direct { rtt_us: INTERNAL_RTT_US },
            lines: device_lines.into(),
            program: 0,
        }
    }

    /// One call of this client, on the connection it takes.
    pub(super) fn exchange(
        &self,
        at: EventTime,
        request: Request,
        answer: Answer,
        random: &mut Random,
    ) -> Exchange {
        let (client, rtt_us) = match self.path {
            Path::Proxied => (terminator(self.address), INTERNAL_RTT_US),
            Path::Direct { rtt_us } => (self.address, rtt_us),
        };
        let server = server(request.host, client.is_ipv6(), random);
        let lane = Lane { client, server, id: self.program };
        Exchange { at, lane, rtt_us, request, answer, then: Then::Keep }
    }
}

/// Each client is sent to one of two terminators.
fn terminator(client: IpAddr) -> IpAddr {
    let last = match client {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(ip) => ip.octets()[15],
    };
    IpAddr::V4(Ipv4Addr::new(10, 20, 0, 5 + (last & 1)))
}

/// One of the servers of a host.
fn server(host: &str, v6: bool, random: &mut Random) -> SocketAddr {
    let (net, last, port) = match host {
        LEGACY => (1, 30, 80),
        REPORTS => (1, 40, 8080),
        WAREHOUSE => (1, 50, 8080),
        _ => (1, 11 + random.below(3) as u8, 8080),
    };
    let ip = if v6 {
        IpAddr::V6(Ipv6Addr::new(0xFD12, 0x3456, 0x789A, 0x20, 0, 0, 0, u16::from(last)))
    } else {
        IpAddr::V4(Ipv4Addr::new(10, 20, net, last))
    };
    SocketAddr::new(ip, port)
}
