//! Parcels: attributed transactions on their way to the partitions that judge them, as bytes.
//! They are given by the attribution, which numbers transactions, and read by whoever holds the partition.
//! They promise that a number is never given twice, so that what comes again can be passed over; and, like frames, that
//! any bytes are read or refused.

use super::frame::{Second, Unreadable};
use heelguard_detectors::lane::Lanes;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Transaction;
use std::cmp::Ordering;
use std::sync::Arc;

/// Raised when the form changes.
const VERSION: u8 = 1;

/// One transaction, for some lanes.
#[derive(Debug)]
pub(super) struct Item {
    /// Higher than that of every transaction of the tenant that was dealt before.
    pub(super) number: u64,
    pub(super) lanes: Lanes,
    /// It ended before others that were judged already.
    pub(super) is_late: bool,
    pub(super) transaction: Box<Transaction>,
}

/// What goes with every parcel.
#[derive(Clone, Debug, Default)]
pub(super) struct Label {
    pub(super) tenant: Arc<str>,
    /// Which key the fingerprints were made under.
    pub(super) key: [u8; 8],
    /// The number of the last transaction that was dealt to anybody.
    pub(super) number: u64,
    /// How many partitions the transactions are dealt to.
    pub(super) partitions: u32,
    /// Everything that ended before this was sent, but what is late.
    pub(super) watermark: EventTime,
    /// How well was seen, in seconds that are over.
    pub(super) seconds: Vec<Second>,
    /// The traffic is at its end, which was then.
    pub(super) ended: Option<EventTime>,
}

saved!(Label { tenant, key, number, partitions, watermark, seconds, ended });

/// A parcel that was read.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) label: Label,
    pub(super) items: Vec<Item>,
}

/// A parcel that is being filled.
#[derive(Debug, Default)]
pub(super) struct Filling {
    items: u32,
    bytes: Vec<u8>,
}

impl Filling {
    /// Adds a transaction that was written before.
    pub(super) fn add(&mut self, number: u64, lanes: Lanes, is_late: bool, transaction: &[u8]) {
        (number, lanes, is_late).save(&mut self.bytes);
        self.bytes.extend_from_slice(transaction);
        self.items += 1;
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn items(&self) -> u32 {
        self.items
    }

    /// The parcel; what is filled next is another.
    pub(super) fn seal(&mut self, label: &Label) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + 128);
        out.push(VERSION);
        label.save(&mut out);
        std::mem::take(&mut self.items).save(&mut out);
        out.append(&mut self.bytes);
        out
    }
}

impl Parcel {
    /// Reads what `Filling` sealed.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (&version, mut from) = bytes.split_first().ok_or(Unreadable::Damaged)?;
        match version.cmp(&VERSION) {
            Ordering::Equal => Self::load(&mut from).map_err(|Damaged| Unreadable::Damaged),
            Ordering::Greater => Err(Unreadable::Newer(version)),
            Ordering::Less => Err(Unreadable::Damaged),
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let label = Label::load(from)?;
        let count = u32::load(from)? as usize;
        // No item is a byte long: a count beyond what is left is damage, and must not take memory.
        if count > from.len() {
            return Err(Damaged);
        }
        let mut items = Vec::with_capacity(count.min(4_096));
        for _ in 0..count {
            let (number, lanes, is_late) = Saved::load(from)?;
            items.push(Item { number, lanes, is_late, transaction: Saved::load(from)? });
        }
        if from.is_empty() { Ok(Self { label, items }) } else { Err(Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heelguard_detectors::lane::Lane;
    use heelguard_detectors::story::transactions;
    use proptest::prelude::*;

    fn sealed() -> (Vec<u8>, String) {
        let all = transactions("10:00:00 203.0.113.9 -> login POST /login 401 user=ann x3").unwrap();
        let mut filling = Filling::default();
        for (number, tx) in (7..).zip(&all) {
            let mut bytes = Vec::new();
            tx.save(&mut bytes);
            filling.add(number, Lanes::of(Lane::Client), number == 8, &bytes);
        }
        let label = Label { tenant: "acme".into(), partitions: 4, ..Label::default() };
        (filling.seal(&label), format!("{all:?}"))
    }

    #[test]
    fn what_was_sealed_is_read() {
        let (bytes, all) = sealed();
        let Parcel { label, items } = Parcel::read(&bytes).unwrap();
        assert_eq!((&*label.tenant, label.partitions), ("acme", 4));
        let heads: Vec<_> = items.iter().map(|item| (item.number, item.lanes, item.is_late)).collect();
        let client = Lanes::of(Lane::Client);
        assert_eq!(heads, [(7, client, false), (8, client, true), (9, client, false)]);
        let read: Vec<_> = items.iter().map(|item| &*item.transaction).collect();
        assert_eq!(format!("{read:?}"), all);
    }

    #[test]
    fn a_parcel_is_empty_behind_its_seal() {
        let mut filling = Filling::default();
        filling.add(1, Lanes::NONE, false, b"");
        filling.seal(&Label::default());
        assert_eq!((filling.items(), filling.bytes()), (0, 0));
        assert!(Parcel::read(&filling.seal(&Label::default())).unwrap().items.is_empty());
    }

    #[test]
    fn a_later_form_is_named_and_an_earlier_one_refused() {
        assert_eq!(Parcel::read(&[VERSION + 1]).unwrap_err(), Unreadable::Newer(VERSION + 1));
        for damaged in [&[][..], &[VERSION - 1]] {
            assert_eq!(Parcel::read(damaged).unwrap_err(), Unreadable::Damaged);
        }
    }

    proptest! {
        #[test]
        fn damage_anywhere_is_read_or_refused(place in 0..2_000_usize, byte in any::<u8>(), cut in 0..2_000_usize) {
            let (mut bytes, _) = sealed();
            let length = bytes.len();
            bytes[place % length] = byte;
            bytes.truncate(length - cut % length);
            let _ = Parcel::read(&bytes);
        }
    }
}
