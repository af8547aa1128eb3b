//! Which senders are known to write right checksums.
//! It is given the address of each right checksum and answers whether a wrong one of the same sender is a decoy.
//! It promises bounded memory and, keyed hashing notwithstanding, answers that depend on the packets alone.

use super::Tenant;
use ahash::RandomState;
use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;

/// Senders of one generation. When it is full it becomes the old one and the old one is forgotten,
/// so a sender is remembered while it is among the last 32,768 at least.
const SENDERS_MAX: usize = 32_768;

/// An address and its network.
pub(super) type Sender = (IpAddr, Tenant);

/// Whose checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Layer {
    Ip = 1,
    Tcp = 2,
}

/// Senders that were seen to write right checksums, as bit sets of layers.
#[derive(Debug, Default)]
pub(super) struct Senders {
    young: HashMap<u128, u8, RandomState>,
    old: HashMap<u128, u8, RandomState>,
    /// The sender noted last, which is in `young`; segments come in trains.
    last: Option<(u128, u8)>,
}

impl Senders {
    /// Notes a right checksum.
    #[inline]
    pub(super) fn note(&mut self, (sender, tenant): Sender, layer: Layer) {
        let sender = number(sender, tenant);
        match self.last {
            Some((last, layers)) if last == sender && layers & layer as u8 != 0 => {}
            _ => self.note_other(sender, layer),
        }
    }

    /// Whether the sender was seen to write right checksums. A loopback address is never exact: its packets
    /// cross no wire, and systems leave out on some of them what they write on others.
    pub(super) fn is_exact(&self, (sender, tenant): Sender, layer: Layer) -> bool {
        if sender.is_loopback() {
            return false;
        }
        let sender = number(sender, tenant);
        let layers = self.young.get(&sender).or_else(|| self.old.get(&sender)).copied().unwrap_or(0);
        layers & layer as u8 != 0
    }

    fn note_other(&mut self, sender: u128, layer: Layer) {
        let layers = match self.young.get_mut(&sender) {
            Some(layers) => layers,
            None => self.admit(sender),
        };
        *layers |= layer as u8;
        self.last = Some((sender, *layers));
    }

    /// A new sender of the young generation, with what the old one knew of it.
    #[cold]
    fn admit(&mut self, sender: u128) -> &mut u8 {
        if self.young.len() >= SENDERS_MAX {
            self.old = mem::take(&mut self.young);
        }
        let known = self.old.get(&sender).copied().unwrap_or(0);
        self.young.entry(sender).or_insert(known)
    }
}

/// One number for both families, IPv4 as a mapped address, and for the same address in other networks another.
#[inline]
fn number(address: IpAddr, tenant: Tenant) -> u128 {
    let network = u128::from(tenant.bits()) << 80;
    match address {
        IpAddr::V4(address) => network ^ (0xffff_0000_0000 | u128::from(address.to_bits())),
        IpAddr::V6(address) => network ^ address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn sender(n: u32) -> Sender {
        (IpAddr::V4(Ipv4Addr::from_bits(n)), Tenant::default())
    }

    #[test]
    fn a_sender_is_exact_for_the_layer_it_was_exact_in() {
        let mut senders = Senders::default();
        senders.note(sender(1), Layer::Ip);
        assert!(senders.is_exact(sender(1), Layer::Ip));
        assert!(!senders.is_exact(sender(1), Layer::Tcp));
        assert!(!senders.is_exact(sender(2), Layer::Ip));
        senders.note(sender(1), Layer::Tcp);
        assert!(senders.is_exact(sender(1), Layer::Ip) && senders.is_exact(sender(1), Layer::Tcp));
    }

    #[test]
    fn loopback_is_never_exact_and_its_neighbour_is() {
        let mut senders = Senders::default();
        for sender in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(126, 0, 0, 1)].map(IpAddr::V4) {
            senders.note((sender, Tenant::default()), Layer::Ip);
            let is_exact = senders.is_exact((sender, Tenant::default()), Layer::Ip);
            assert_eq!(is_exact, !sender.is_loopback());
        }
    }

    #[test]
    fn a_flood_of_senders_is_bounded_and_an_active_one_survives_it() {
        let mut senders = Senders::default();
        senders.note(sender(0), Layer::Tcp);
        senders.note(sender(7), Layer::Tcp);
        for n in 100..300_000 {
            senders.note(sender(n), Layer::Ip);
            if n % 10_000 == 0 {
                senders.note(sender(0), Layer::Tcp);
            }
        }
        assert!(senders.young.len() + senders.old.len() <= 2 * SENDERS_MAX);
        assert!(senders.is_exact(sender(0), Layer::Tcp));
        assert!(!senders.is_exact(sender(7), Layer::Tcp), "long silent, forgotten");
    }
}
