//! How tunnels are called, and how the networks inside them are told apart.

/// A kind of tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TunnelKind {
    /// VXLAN (RFC 7348), with its generic protocol extension.
    Vxlan = 1,
    /// Geneve (RFC 8926).
    Geneve,
    /// GRE (RFC 2784, RFC 2890).
    Gre,
    /// NVGRE (RFC 7637).
    Nvgre,
    /// ERSPAN, types I, II and III.
    Erspan,
    /// Labels (RFC 3032), pseudowires with them (RFC 4448).
    Mpls,
    /// IPv4 or IPv6 directly in IPv4 or IPv6 (RFC 2003, RFC 2473, RFC 4213).
    IpInIp,
    /// The user plane of GTP (3GPP TS 29.281).
    Gtp,
    /// Teredo (RFC 4380).
    Teredo,
    /// L2TP (RFC 2661).
    L2tp,
    /// PPTP's variant of GRE (RFC 2637).
    Pptp,
}

impl TunnelKind {
    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Nvgre => "nvgre",
            Self::Erspan => "erspan",
            Self::Mpls => "mpls",
            Self::IpInIp => "ipip",
            Self::Gtp => "gtp",
            Self::Teredo => "teredo",
            Self::L2tp => "l2tp",
            Self::Pptp => "pptp",
        }
    }
}

/// The innermost tunnel of a packet, or none; a flow has that of its first packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tunnel {
    /// Meaningful with `is_numbered`; kept apart for size.
    number: u32,
    kind: Option<TunnelKind>,
    is_numbered: bool,
}

impl Tunnel {
    /// A tunnel inside this one. One without a number is known by that of the tunnel around it.
    #[must_use]
    pub fn then(self, kind: TunnelKind, number: Option<u32>) -> Self {
        let outer = Self { kind: Some(kind), ..self };
        number.map_or(outer, |number| Self { number, kind: Some(kind), is_numbered: true })
    }

    /// The kind's name.
    pub fn name(self) -> Option<&'static str> {
        self.kind.map(TunnelKind::name)
    }

    /// The number of the network, key, session or bearer.
    pub fn number(self) -> Option<u32> {
        self.is_numbered.then_some(self.number)
    }
}

/// Which of many networks with the same addresses: 47 bits, zero outside of them all. For one network in another it is
/// a sum over both, so nobody writes into a network beside his own by a tunnel inside his own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tenant(u64);

impl Tenant {
    const NESTED: u64 = 1 << 46;
    /// Beside the kinds of tunnels.
    const VLAN: u8 = 0xff;

    /// The network of this number inside the present one.
    #[must_use]
    pub fn within(self, kind: TunnelKind, network: u32) -> Self {
        self.named(kind as u8, network)
    }

    /// The VLAN of this id in the present network.
    #[must_use]
    pub fn in_vlan(self, id: u16) -> Self {
        self.named(Self::VLAN, id.into())
    }

    fn named(self, kind: u8, number: u32) -> Self {
        let name = u64::from(kind) << 32 | u64::from(number);
        if self == Self::default() {
            return Self(name);
        }
        let mixed = (self.0.rotate_left(17) ^ name).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self((mixed ^ mixed >> 32) & (Self::NESTED - 1) | Self::NESTED)
    }

    /// The bits.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The bits as words, for tables that count bytes.
    pub fn words(self) -> [u16; 3] {
        [self.0 as u16, (self.0 >> 16) as u16, (self.0 >> 32) as u16]
    }
}
