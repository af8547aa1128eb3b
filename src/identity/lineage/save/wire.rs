//! Numbers, texts and choices as bytes, and back.
//! It is given values one by one and gives them back in the same order.
//! It promises that reading never goes beyond its bytes: what is missing or impossible is an error.

use super::RestoreError;
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::time::EventTime;

/// Bytes being written.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Room for so many bytes in front, to be filled in when all is written.
    pub(super) fn behind(bytes: usize) -> Self {
        Self(vec![0; bytes])
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn time(&mut self, value: EventTime) {
        self.u64(value.as_nanos());
    }

    pub(super) fn fingerprint(&mut self, value: Fingerprint) {
        self.0.extend_from_slice(&value.0);
    }

    pub(super) fn array(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.u32(value.len() as u32);
        self.array(value.as_bytes());
    }

    /// The place of a value in the list of all there are.
    pub(super) fn choice<T: PartialEq>(&mut self, all: &[T], value: &T) {
        let place = all.iter().position(|known| known == value).unwrap_or(all.len());
        self.u8(place as u8);
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Bytes being read.
pub(super) struct Reader<'a>(&'a [u8]);

type Read<T> = Result<T, RestoreError>;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (value, rest) = self.0.split_first_chunk().ok_or(RestoreError::Corrupt("it ends inside"))?;
        self.0 = rest;
        Ok(*value)
    }

    pub(super) fn u8(&mut self) -> Read<u8> {
        self.array::<1>().map(|[value]| value)
    }

    pub(super) fn flag(&mut self) -> Read<bool> {
        self.u8().map(|value| value != 0)
    }

    pub(super) fn u16(&mut self) -> Read<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Read<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn time(&mut self) -> Read<EventTime> {
        self.u64().map(EventTime::from_nanos)
    }

    pub(super) fn fingerprint(&mut self) -> Read<Fingerprint> {
        self.array().map(Fingerprint)
    }

    pub(super) fn text(&mut self) -> Read<&'a str> {
        let length = self.u32()? as usize;
        let (text, rest) =
            self.0.split_at_checked(length).ok_or(RestoreError::Corrupt("a text ends inside"))?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| RestoreError::Corrupt("a text is no UTF-8"))
    }

    pub(super) fn choice<T: Copy>(&mut self, all: &[T]) -> Read<T> {
        let place = self.u8()?;
        all.get(usize::from(place)).copied().ok_or(RestoreError::Corrupt("a word is not known"))
    }

    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Read<()> {
        if self.0.is_empty() { Ok(()) } else { Err(RestoreError::Corrupt("it goes on after its end")) }
    }
}
