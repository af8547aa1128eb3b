//! Packets made to measure: one TCP segment as a `Segment`, as an Ethernet frame, or many as a capture.
//! It is given sequence numbers, flags and bytes, and computes lengths and checksums.
//! It promises frames that a real host takes, unless a test spoils them on purpose.

use heelguard::decode::{Endpoint, Segment, TcpFlags, TcpOptions, Tenant, Tunnel, Vlans};
use heelguard_detectors::time::EventTime;
use std::net::IpAddr;

/// One TCP segment with everything a test may want to set.
#[derive(Clone, Debug)]
pub struct Tcp {
    pub time: EventTime,
    pub src: Endpoint,
    pub dst: Endpoint,
    pub vlans: Vec<u16>,
    pub ttl: u8,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    pub urgent: u16,
    pub options: TcpOptions,
    /// Options that the sensor has no use for, or no host understands, as they are written.
    pub more_options: Vec<u8>,
    pub payload: Vec<u8>,
    /// Payload bytes that the capture cut off.
    pub missing: u32,
}

/// An endpoint from text: `10.0.0.5:8080`, `[2001:db8::1]:443`.
pub fn endpoint(text: &str) -> Endpoint {
    let address: std::net::SocketAddr = text.parse().expect("an address with a port");
    Endpoint { ip: address.ip(), port: address.port() }
}

impl Tcp {
    /// A plain ACK segment.
    pub fn new(src: Endpoint, dst: Endpoint) -> Self {
        Self {
            time: EventTime::ZERO,
            src,
            dst,
            vlans: Vec::new(),
            ttl: 64,
            seq: 0,
            ack: 0,
            flags: TcpFlags::ACK,
            window: u16::MAX,
            urgent: 0,
            options: TcpOptions::default(),
            more_options: Vec::new(),
            payload: Vec::new(),
            missing: 0,
        }
    }

    /// What the decoder makes of it.
    pub fn segment(&self) -> Segment<'_> {
        let mut vlans = Vlans::default();
        self.vlans.iter().for_each(|&id| vlans.push(id));
        Segment {
            time: self.time,
            src: self.src,
            dst: self.dst,
            vlans,
            tunnel: Tunnel::default(),
            tenant: Tenant::default(),
            ttl: self.ttl,
            seq: self.seq,
            ack: self.ack,
            flags: TcpFlags(self.flags),
            window: self.window,
            urgent: self.urgent,
            options: self.options,
            payload: &self.payload,
            missing: self.missing,
            is_datagram: false,
        }
    }

    /// The whole Ethernet frame, VLAN tags included.
    pub fn frame(&self) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        for id in &self.vlans {
            frame.extend(0x8100u16.to_be_bytes());
            frame.extend(id.to_be_bytes());
        }
        frame.extend(if self.src.ip.is_ipv4() { 0x0800u16 } else { 0x86dd }.to_be_bytes());
        frame.extend(self.packet());
        frame
    }

    /// The IP packet.
    pub fn packet(&self) -> Vec<u8> {
        let tcp = self.header_and_payload();
        let mut packet = Vec::with_capacity(40 + tcp.len());
        match (self.src.ip, self.dst.ip) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                packet.extend([0x45, 0]);
                packet.extend(length(20 + tcp.len()));
                packet.extend([0, 1, 0x40, 0, self.ttl, 6, 0, 0]);
                packet.extend(src.octets());
                packet.extend(dst.octets());
                let sum = checksum(&[&packet]);
                packet[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                packet.extend([0x60, 0, 0, 0]);
                packet.extend(length(tcp.len()));
                packet.extend([6, self.ttl]);
                packet.extend(src.octets());
                packet.extend(dst.octets());
            }
            _ => panic!("both ends are of one family"),
        }
        packet.extend(tcp);
        packet
    }

    fn header_and_payload(&self) -> Vec<u8> {
        let options = self.option_bytes();
        let mut tcp = Vec::new();
        tcp.extend(self.src.port.to_be_bytes());
        tcp.extend(self.dst.port.to_be_bytes());
        tcp.extend(self.seq.to_be_bytes());
        tcp.extend(self.ack.to_be_bytes());
        tcp.push(u8::try_from((20 + options.len()) / 4).expect("options fit") << 4);
        tcp.push(self.flags);
        tcp.extend(self.window.to_be_bytes());
        tcp.extend([0, 0]);
        tcp.extend(self.urgent.to_be_bytes());
        tcp.extend(options);
        tcp.extend(&self.payload);
        let sum = checksum(&[&self.pseudo_header(tcp.len()), &tcp]);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        tcp
    }

    fn pseudo_header(&self, tcp_len: usize) -> Vec<u8> {
        let mut pseudo = Vec::new();
        for ip in [self.src.ip, self.dst.ip] {
            match ip {
                IpAddr::V4(ip) => pseudo.extend(ip.octets()),
                IpAddr::V6(ip) => pseudo.extend(ip.octets()),
            }
        }
        pseudo.extend([0, 6]);
        pseudo.extend(length(tcp_len));
        pseudo
    }

    fn option_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(scale) = self.options.window_scale {
            bytes.extend([3, 3, scale]);
        }
        if let Some((value, echo)) = self.options.timestamps {
            bytes.extend([8, 10]);
            bytes.extend(value.to_be_bytes());
            bytes.extend(echo.to_be_bytes());
        }
        if self.options.signed {
            bytes.extend([19, 18]);
            bytes.extend([0xaa; 16]);
        }
        if self.options.sack_permitted {
            bytes.extend([4, 2]);
        }
        if self.options.fast_open {
            bytes.extend([34, 10, 1, 2, 3, 4, 5, 6, 7, 8]);
        }
        if self.options.malformed {
            bytes.extend([8, 1]);
        }
        bytes.extend(&self.more_options);
        while bytes.len() % 4 != 0 {
            bytes.push(1);
        }
        bytes
    }
}

/// A capture (pcap, microseconds, Ethernet) of these segments; what is `missing` counts as cut off.
pub fn pcap<'a>(segments: impl IntoIterator<Item = &'a Tcp>) -> Vec<u8> {
    pcap_of_frames(segments.into_iter().map(|tcp| (tcp.time, tcp.frame(), tcp.missing)))
}

/// A capture of any frames: time, captured bytes, and how many more there were on the wire.
pub fn pcap_of_frames(frames: impl IntoIterator<Item = (EventTime, Vec<u8>, u32)>) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(0x4_0000u32.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    for (time, frame, missing) in frames {
        let captured = u32::try_from(frame.len()).expect("a frame is short");
        let micros = time.as_nanos() / 1_000 % 1_000_000;
        file.extend(u32::try_from(time.as_secs()).expect("a time before 2106").to_le_bytes());
        file.extend(u32::try_from(micros).expect("below a million").to_le_bytes());
        file.extend(captured.to_le_bytes());
        file.extend((captured + missing).to_le_bytes());
        file.extend(frame);
    }
    file
}

/// The Internet checksum (RFC 1071) over the parts in order; all but the last have even length.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(u16::try_from(sum).expect("folded"))
}

fn length(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("a packet is short").to_be_bytes()
}
