//! Community ID version 1: one name for a connection that Zeek, Suricata and Arkime agree on.
//! It is given the two ends of a connection and gives `1:` and 28 base64 characters.
//! It promises the same id whichever end is named first (seed 0, SHA-1, per the Community ID specification).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use sha1::{Digest as _, Sha1};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

const SEED: [u8; 2] = [0, 0];
/// A SHA-1 digest is 20 bytes, 28 characters of base64.
const BASE64_LEN: usize = 28;

/// The protocol of IP that carries a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Carrier {
    /// TCP.
    Tcp = 6,
    /// UDP.
    Udp = 17,
}

/// The Community ID of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CommunityId([u8; 2 + BASE64_LEN]);

impl CommunityId {
    /// Of the connection between two ends, in either order.
    pub fn of(carrier: Carrier, a: SocketAddr, b: SocketAddr) -> Self {
        let (low, high) = if (a.ip(), a.port()) <= (b.ip(), b.port()) { (a, b) } else { (b, a) };
        let mut hash = Sha1::new();
        hash.update(SEED);
        update_address(&mut hash, low.ip());
        update_address(&mut hash, high.ip());
        hash.update([carrier as u8, 0]);
        hash.update(low.port().to_be_bytes());
        hash.update(high.port().to_be_bytes());

        let mut text = [b'='; 2 + BASE64_LEN];
        text[..2].copy_from_slice(b"1:");
        // 20 bytes always fill 28 characters; the slice cannot be too short.
        let _ = STANDARD.encode_slice(hash.finalize(), &mut text[2..]);
        Self(text)
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for CommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CommunityId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

fn update_address(hash: &mut Sha1, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => hash.update(ip.octets()),
        IpAddr::V6(ip) => hash.update(ip.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(a: &str, b: &str) -> String {
        CommunityId::of(Carrier::Tcp, a.parse().unwrap(), b.parse().unwrap()).as_str().to_owned()
    }

    /// A UDP vector of the specification's reference implementation.
    #[test]
    fn udp_is_another_protocol() {
        let [a, b] = ["192.168.1.52:54585", "8.8.8.8:53"].map(|end| end.parse().unwrap());
        let id = CommunityId::of(Carrier::Udp, a, b);
        assert_eq!(id.as_str(), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        assert_eq!(id, CommunityId::of(Carrier::Udp, b, a));
        assert_ne!(id, CommunityId::of(Carrier::Tcp, a, b));
    }

    /// The TCP vectors of the specification's reference implementation.
    #[test]
    fn equals_the_reference_vectors_in_both_directions() {
        let v4 = "1:LQU9qZlK+B5F3KDmev6m5PMibrg=";
        assert_eq!(id("128.232.110.120:34855", "66.35.250.204:80"), v4);
        assert_eq!(id("66.35.250.204:80", "128.232.110.120:34855"), v4);
    }

    #[test]
    fn ports_order_two_ends_of_one_host() {
        assert_eq!(id("10.0.0.1:80", "10.0.0.1:9000"), id("10.0.0.1:9000", "10.0.0.1:80"));
        assert_ne!(id("10.0.0.1:80", "10.0.0.1:9000"), id("10.0.0.1:80", "10.0.0.1:9001"));
    }

    #[test]
    fn version_six_is_hashed_by_its_sixteen_octets() {
        assert_ne!(id("[::1]:80", "[::2]:81"), id("[::1]:80", "[::3]:81"));
        assert_eq!(id("[::1]:80", "[::2]:81").len(), 30);
    }
}
