//! What fuzz targets may give to the readers of this layer (`crate::fuzzing`).

use super::parcel::{Filling, Label, Parcel};
use super::state::Reading;
use heelguard_detectors::lane::Lanes;
use heelguard_detectors::saved::Saved as _;
use heelguard_detectors::transaction::Transaction;

/// The items of a parcel; nothing where it cannot be read.
pub fn parcel(bytes: &[u8]) -> Option<usize> {
    Parcel::read(bytes).ok().map(|parcel| parcel.items.len())
}

/// A parcel of some transactions, every other of them late.
pub fn sealed(transactions: &[Transaction]) -> Vec<u8> {
    let mut filling = Filling::default();
    for (number, transaction) in (1..).zip(transactions) {
        let mut bytes = Vec::new();
        transaction.save(&mut bytes);
        filling.add(number, Lanes::ALL, number % 2 == 0, &bytes);
    }
    filling.seal(&Label::default())
}

/// The offset that a partition's memory goes on from, after records of the topic.
pub fn worker_state<'a>(
    records: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    key: [u8; 8],
    partitions: u32,
) -> Result<Option<i64>, String> {
    let mut reading = Reading::default();
    records.into_iter().for_each(|(key, value)| reading.take(key, value));
    Ok(reading.restore(key, partitions)?.map(|restored| restored.place.next_offset))
}
