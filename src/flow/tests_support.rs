//! Two ends and a plain segment between them, for unit tests of this layer.

use crate::decode::{Endpoint, Segment, TcpFlags, TcpOptions, Tenant, Tunnel, Vlans};
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn client() -> Endpoint {
    Endpoint { ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 4)), port: 51514 }
}

pub(super) fn server() -> Endpoint {
    Endpoint { ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5)), port: 8080 }
}

pub(crate) fn segment(src: Endpoint, dst: Endpoint) -> Segment<'static> {
    Segment {
        time: EventTime::from_secs(1),
        src,
        dst,
        vlans: Vlans::default(),
        tunnel: Tunnel::default(),
        tenant: Tenant::default(),
        ttl: 64,
        seq: 0,
        ack: 0,
        flags: TcpFlags(TcpFlags::ACK),
        window: u16::MAX,
        urgent: 0,
        options: TcpOptions::default(),
        payload: &[],
        missing: 0,
        is_datagram: false,
    }
}
