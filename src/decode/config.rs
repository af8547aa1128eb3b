//! What an operator may set about decoding.

use serde::{Deserialize, Serialize};

/// `[capture]`: how packets are read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// IPv6 extension headers of one packet; those with more are dropped.
    pub ip_extension_headers_max: u32,
    /// Memory for fragments that wait for others; beyond it the oldest datagrams are given up.
    pub fragment_bytes_max: u64,
    /// How long a datagram's first fragment waits for the last one, in packet time.
    pub fragment_timeout_ms: u64,
    /// What a wrong checksum means.
    pub checksums: Checksums,
    /// UDP ports that VXLAN is sent to.
    pub vxlan_ports: Vec<u16>,
    /// UDP ports that Geneve is sent to.
    pub geneve_ports: Vec<u16>,
    /// UDP ports that GTP-U is sent to or from.
    pub gtp_ports: Vec<u16>,
    /// Whether these tunnels and Teredo are looked for on all other UDP ports, too. They are believed there when what is
    /// inside begins with an IP header that is right in checksum and length.
    pub tunnels_by_content: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // Real packets have at most three or four; Suricata's limit is 16 as well.
            ip_extension_headers_max: 16,
            fragment_bytes_max: 32 * 1024 * 1024,
            // Linux: net.ipv4.ipfrag_time.
            fragment_timeout_ms: 30_000,
            checksums: Checksums::OffloadAware,
            // IANA's, and the one that Linux took before there was one.
            vxlan_ports: vec![4_789, 8_472],
            geneve_ports: vec![6_081],
            gtp_ports: vec![2_152],
            tunnels_by_content: true,
        }
    }
}

/// What a wrong checksum means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checksums {
    /// The receiver drops the packet, unless the sender's network card was still to write the checksum.
    #[default]
    OffloadAware,
    /// The receiver drops the packet.
    Strict,
    /// Nothing: checksums are not looked at.
    Off,
}
