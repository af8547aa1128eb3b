//! Whether two clients are in two networks, and how sure that is.
//! Shared by the rules about sessions and tokens in other hands.
//! It promises that what is not known of a network sets nobody apart.

use crate::detector::Doubts;
use crate::identity::Country;
use crate::saved::saved;
use crate::transaction::Client;
use std::fmt;
use std::net::IpAddr;

/// Where a client is, as far as networks tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) ip: IpAddr,
    pub(super) country: Option<Country>,
    pub(super) asn: Option<u32>,
}

saved!(Network { ip, country, asn });

/// How two networks are known to be two, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    /// By their autonomous systems.
    System,
    /// By their countries.
    Country,
    /// By the first bits of their addresses.
    Prefix,
}

impl Network {
    pub(super) fn of(client: &Client) -> Self {
        Self { ip: client.ip, country: client.country, asn: client.asn }
    }

    /// How the two are known to be two networks, if they are: by system, else by country, else by /16 or /32.
    pub(super) fn apart_from(&self, other: &Self) -> Option<Apart> {
        if let Some((a, b)) = self.asn.zip(other.asn) {
            return (a != b).then_some(Apart::System);
        }
        if let Some((a, b)) = self.country.zip(other.country) {
            return (a != b).then_some(Apart::Country);
        }
        let differs = match (self.ip, other.ip) {
            (IpAddr::V4(a), IpAddr::V4(b)) => a.to_bits() >> 16 != b.to_bits() >> 16,
            (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() >> 96 != b.to_bits() >> 96,
            _ => false,
        };
        differs.then_some(Apart::Prefix)
    }
}

/// `203.0.113.7 (DE)`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.country {
            Some(country) => write!(f, "{} ({country})", self.ip),
            None => write!(f, "{}", self.ip),
        }
    }
}

impl Apart {
    /// For facts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Country => "country",
            Self::Prefix => "prefix",
        }
    }

    /// For messages.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::System => "autonomous system",
            Self::Country => "country",
            Self::Prefix => "address range",
        }
    }

    /// Countries are large and address ranges many: what they set apart is less sure.
    pub(super) fn doubts(self, doubts: Doubts) -> Doubts {
        match self {
            Self::System => doubts,
            Self::Country => Doubts { inferred: true, ..doubts },
            Self::Prefix => Doubts { learning: true, ..doubts },
        }
    }
}
