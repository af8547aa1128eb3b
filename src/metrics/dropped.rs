//! Why packets were not processed, and how many of each.
//! It is given one reason for each packet that is dropped.
//! It promises that every packet read is processed or counted here once.

macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])* $variant:ident => $name:literal,)*) => {
        /// Why a packet was not processed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum DropReason { $($(#[doc = $doc])* $variant,)* }

        impl DropReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in records and metrics.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
        }
    };
}

drop_reasons! {
    /// A link type the decoder does not know.
    UnknownLink => "unknown_link",
    /// A network protocol that is not IP (ARP, LLDP …).
    NotIp => "not_ip",
    /// IP that carries neither TCP nor QUIC.
    NotTcp => "not_tcp",
    /// A tunnel that carries no packet, or whose inside is not looked into.
    Tunnel => "tunnel",
    /// In more tunnels than are looked into.
    TunnelDepth => "tunnel_depth",
    /// Shorter than its headers say, or headers that contradict themselves.
    Malformed => "malformed",
    /// The snap length cut the headers.
    Truncated => "truncated",
    /// The IPv4 header checksum is wrong.
    BadIpChecksum => "bad_ip_checksum",
    /// The TCP checksum is wrong.
    BadTcpChecksum => "bad_tcp_checksum",
    /// More IPv6 extension headers than the limit.
    ExtLimit => "ext_limit",
    /// Overlapping fragments: the datagram is dropped.
    FragOverlap => "frag_overlap",
    /// A fragment of a datagram whose rest did not come in time.
    FragTimeout => "frag_timeout",
    /// A fragment given up for the fragment memory limit.
    FragCap => "frag_cap",
    /// A decoder failed on it: a fault of ours (`faults`).
    Fault => "fault",
}

/// A counter for each reason to drop a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCounters([u64; DropReason::ALL.len()]);

impl Default for DropCounters {
    fn default() -> Self {
        Self([0; DropReason::ALL.len()])
    }
}

impl DropCounters {
    /// Counts `n` packets.
    pub fn count(&mut self, reason: DropReason, n: u64) {
        self.0[reason as usize] += n;
    }

    /// How many for this reason.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Adds the other set to this one.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Reasons that were met, with their counts, in the order of the list.
    pub fn rows(&self) -> Vec<(&'static str, u64)> {
        DropReason::ALL.iter().map(|&r| (r.name(), self.get(r))).filter(|&(_, n)| n > 0).collect()
    }

    /// Packets dropped for any reason.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}
