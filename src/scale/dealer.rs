//! Deals attributed transactions to the partitions of the lanes: each key's to one of them.
//! It is given transactions with the lanes that want them, and gives parcels when they are full or due.
//! It promises that a transaction is in a partition's parcels once, whatever number of its lanes end there.

use super::parcel::{Filling, Label};
use crate::metrics::ScaleCounters;
use heelguard_detectors::hash::Mark;
use heelguard_detectors::lane::{self, Lane, Lanes};
use heelguard_detectors::saved::Saved as _;
use heelguard_detectors::transaction::Transaction;

/// A parcel that grew to so much is sent.
const PARCEL_BYTES: usize = 256 * 1024;

/// The parcels that are being filled.
#[derive(Debug)]
pub(super) struct Dealer {
    filling: Vec<Filling>,
    /// The lanes of the present transaction, by partition.
    shares: Vec<(usize, Lanes)>,
    bytes: Vec<u8>,
}

impl Dealer {
    pub(super) fn new(partitions: usize) -> Self {
        let filling = (0..partitions.max(1)).map(|_| Filling::default()).collect();
        Self { filling, shares: Vec::new(), bytes: Vec::new() }
    }

    pub(super) fn partitions(&self) -> usize {
        self.filling.len()
    }

    /// Deals a transaction to the lanes that want it; says whether a parcel is full now.
    pub(super) fn deal(
        &mut self,
        (number, is_late): (u64, bool),
        transaction: &Transaction,
        lanes: Lanes,
        counters: &mut ScaleCounters,
    ) -> bool {
        if lanes.is_empty() {
            return false;
        }
        self.shares.clear();
        for lane in lanes.iter() {
            let partition = place_of(lane, transaction) as usize % self.filling.len();
            match self.shares.iter_mut().find(|(known, _)| *known == partition) {
                Some((_, share)) => *share = share.with(lane),
                None => self.shares.push((partition, Lanes::of(lane))),
            }
        }
        self.bytes.clear();
        transaction.save(&mut self.bytes);
        let mut is_full = false;
        for (partition, share) in &self.shares {
            if let Some(filling) = self.filling.get_mut(*partition) {
                filling.add(number, *share, is_late, &self.bytes);
                counters.lanes_out += 1;
                is_full |= filling.bytes() >= PARCEL_BYTES;
            }
        }
        is_full
    }

    /// Gives the parcels that are full to `send`; all of them, even empty ones, where `all` says so.
    pub(super) fn send(&mut self, label: &Label, all: bool, mut send: impl FnMut(usize, Vec<u8>)) {
        for (partition, filling) in self.filling.iter_mut().enumerate() {
            if all || filling.bytes() >= PARCEL_BYTES {
                send(partition, filling.seal(label));
            }
        }
    }

    /// Whether anything waits to be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.filling.iter().all(|filling| filling.items() == 0)
    }
}

/// The number that decides on the partition. Whole lanes are spread by their order, so that few meet in one.
fn place_of(lane: Lane, transaction: &Transaction) -> u64 {
    if lane.is_whole() {
        return lane as u64;
    }
    // One busy account shall not be where its busy address is.
    Mark::of([lane.name()]).wrapping_add(lane::key(lane, transaction))
}

#[cfg(test)]
mod tests {
    use super::super::parcel::Parcel;
    use super::*;
    use heelguard_detectors::story::transactions;

    fn dealt(story: &str, lanes: Lanes, partitions: usize) -> Vec<Vec<Parcel>> {
        let mut dealer = Dealer::new(partitions);
        let mut counters = ScaleCounters::default();
        let mut parcels: Vec<Vec<Parcel>> = (0..partitions).map(|_| Vec::new()).collect();
        let mut send = |to: usize, bytes: Vec<u8>| parcels[to].push(Parcel::read(&bytes).unwrap());
        for (number, tx) in (1..).zip(&transactions(story).unwrap()) {
            dealer.deal((number, false), tx, lanes, &mut counters);
            dealer.send(&Label::default(), false, &mut send);
        }
        dealer.send(&Label::default(), true, &mut send);
        assert!(dealer.is_empty());
        let items: usize = parcels.iter().flatten().map(|parcel| parcel.items.len()).sum();
        assert_eq!(counters.lanes_out, items as u64);
        parcels
    }

    #[test]
    fn a_key_is_in_one_partition_and_keys_are_spread() {
        let story = "10:00:00 203.0.113.{1..200} -> use GET /me 200 user=u{1..200} x3";
        let parcels = dealt(story, Lanes::of(Lane::Client), 4);
        for partition in &parcels {
            let items: Vec<_> = partition.iter().flat_map(|parcel| &parcel.items).collect();
            assert!((90..=210).contains(&items.len()), "{}", items.len());
            let clients: std::collections::BTreeSet<_> =
                items.iter().map(|item| item.transaction.client.ip).collect();
            assert_eq!(clients.len() * 3, items.len(), "all of a client");
        }
    }

    #[test]
    fn a_transaction_is_in_a_partition_once_whatever_lanes_end_there() {
        let parcels = dealt("10:00:00 203.0.113.1 -> use GET /me 200 user=ann", Lanes::DEALT, 1);
        let items: Vec<_> = parcels[0].iter().flat_map(|parcel| &parcel.items).collect();
        assert_eq!((items.len(), items[0].lanes), (1, Lanes::DEALT));
    }

    #[test]
    fn a_parcel_that_is_full_goes_at_once() {
        let story = "10:00:00 203.0.113.1 -> use GET /me 200 user=ann x2000";
        let parcels = dealt(story, Lanes::of(Lane::Client), 3);
        assert!(parcels.iter().any(|partition| partition.len() > 2));
    }
}
