//! IP fragments as whole datagrams, IPv4 and IPv6.
//! It is given fragments in any order and gives a datagram's payload when its last hole closes.
//! It promises what Linux does (an overlap ends the datagram, known bytes coming again are ignored) in bounded memory,
//! and that each fragment is counted with its datagram's fate.

use super::ip::{Fragment, HeaderSum, IpPacket};
use super::layers::{Refused, Tally};
use super::{Tenant, Vlans};
use crate::metrics::{AnomalyCounters, Counters, DropReason};
use ahash::RandomState;
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

/// A datagram's payload ends before this.
const DATAGRAM_BYTES_MAX: u32 = 65_535;

/// What a datagram and a piece of one cost beside their bytes: map nodes and allocator.
const DATAGRAM_OVERHEAD_BYTES: u64 = 640;
const PIECE_OVERHEAD_BYTES: u64 = 64;

/// All datagrams that wait for fragments.
#[derive(Debug)]
pub(super) struct Defrag {
    bytes_max: u64,
    timeout: Duration,
    /// By age: the oldest has the smallest serial, as packet times are monotone.
    datagrams: BTreeMap<u64, Datagram>,
    serials: HashMap<Key, u64, RandomState>,
    next_serial: u64,
    bytes: u64,
}

/// What fragments of one datagram share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    /// Zero for IPv6, where fragments may differ and the first one's counts (RFC 8200, 4.5).
    protocol: u8,
    vlans: Vlans,
    tenant: Tenant,
}

#[derive(Debug)]
struct Datagram {
    key: Key,
    first_seen: EventTime,
    /// Packets held for it, repeated ones too, and all of those that its fragments were put together from.
    packets: u64,
    /// By offset; they never overlap.
    pieces: BTreeMap<u32, Box<[u8]>>,
    bytes: u32,
    /// The largest end seen.
    end: u32,
    last_seen: bool,
    /// From the fragment with offset zero: TTL, protocol, extension headers.
    first: Option<(u8, u8, u32)>,
}

/// How a fragment fits what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    New,
    Known,
    /// Known, with other bytes.
    KnownDiffering,
    Overlap,
}

impl Defrag {
    pub(super) fn new(bytes_max: u64, timeout: Duration) -> Self {
        Self {
            bytes_max,
            timeout,
            datagrams: BTreeMap::new(),
            serials: HashMap::default(),
            next_serial: 0,
            bytes: 0,
        }
    }

    /// Adds a fragment and gives the whole datagram if it was the last one missing, in the buffer.
    pub(super) fn add<'a>(
        &mut self,
        packet: IpPacket<'a>,
        fragment: Fragment,
        (vlans, tenant): (Vlans, Tenant),
        (time, assembled): (EventTime, &'a mut Vec<u8>),
        tally: &mut Tally<'_>,
    ) -> Result<IpPacket<'a>, Refused> {
        if packet.missing > 0 {
            return Err(DropReason::Truncated.into());
        }
        let v4 = packet.src.is_ipv4();
        let payload = match (packet.payload, fragment.more) {
            // Linux cuts IPv4 fragments to whole units and refuses such IPv6 ones.
            (bytes, true) if v4 => bytes.get(..bytes.len() & !7).unwrap_or(bytes),
            (bytes, true) if !bytes.len().is_multiple_of(8) => return Err(DropReason::Malformed.into()),
            (bytes, _) => bytes,
        };
        let protocol = if v4 { packet.protocol } else { 0 };
        let key = Key { src: packet.src, dst: packet.dst, id: fragment.id, protocol, vlans, tenant };
        let serial = self.serial_of(key, time, tally);
        let Some(datagram) = self.datagrams.get_mut(&serial) else { return Err(Refused::Held) };
        datagram.packets += tally.packets;
        self.bytes -= datagram.cost();
        let added = datagram.add(&packet, fragment, payload, &mut tally.counters.anomalies);
        self.bytes += datagram.cost();
        if let Err(reason) = added {
            tally.packets = self.remove(serial).map_or(1, |datagram| datagram.packets);
            return Err(reason.into());
        }
        if !self.datagrams.get(&serial).is_some_and(Datagram::is_whole) {
            self.enforce_limit(tally.counters);
            return Err(Refused::Held);
        }
        let datagram = self.remove(serial).ok_or(Refused::Held)?;
        tally.packets = datagram.packets;
        assembled.clear();
        datagram.pieces.values().for_each(|piece| assembled.extend_from_slice(piece));
        let (ttl, protocol, extensions) = datagram.first.ok_or(DropReason::Malformed)?;
        Ok(IpPacket {
            ttl,
            protocol,
            extensions,
            payload: assembled,
            missing: 0,
            fragment: None,
            header_sum: HeaderSum::None,
            ..packet
        })
    }

    /// Gives up datagrams whose time is over.
    #[inline]
    pub(super) fn expire(&mut self, now: EventTime, counters: &mut Counters) {
        if !self.datagrams.is_empty() {
            self.expire_some(now, counters);
        }
    }

    /// Gives up all datagrams.
    pub(super) fn finish(&mut self, counters: &mut Counters) {
        self.expire_some(EventTime::MAX, counters);
    }

    fn expire_some(&mut self, now: EventTime, counters: &mut Counters) {
        while let Some((&serial, oldest)) = self.datagrams.first_key_value() {
            if now < oldest.first_seen.after(self.timeout) {
                return;
            }
            let packets = self.remove(serial).map_or(0, |datagram| datagram.packets);
            counters.dropped.count(DropReason::FragTimeout, packets);
        }
    }

    fn enforce_limit(&mut self, counters: &mut Counters) {
        while self.bytes > self.bytes_max {
            let Some((&oldest, _)) = self.datagrams.first_key_value() else { return };
            let packets = self.remove(oldest).map_or(0, |datagram| datagram.packets);
            counters.dropped.count(DropReason::FragCap, packets);
        }
    }

    /// The datagram's serial; a new datagram is begun if there is none.
    fn serial_of(&mut self, key: Key, time: EventTime, tally: &mut Tally<'_>) -> u64 {
        if let Some(serial) = self.serials.get(&key) {
            return *serial;
        }
        tally.counters.anomalies.count(Anomaly::IpFragment);
        let serial = self.next_serial;
        self.next_serial += 1;
        self.serials.insert(key, serial);
        let datagram = Datagram::new(key, time);
        self.bytes += datagram.cost();
        self.datagrams.insert(serial, datagram);
        serial
    }

    fn remove(&mut self, serial: u64) -> Option<Datagram> {
        let datagram = self.datagrams.remove(&serial)?;
        self.serials.remove(&datagram.key);
        self.bytes -= datagram.cost();
        Some(datagram)
    }
}

impl Datagram {
    fn new(key: Key, first_seen: EventTime) -> Self {
        let pieces = BTreeMap::new();
        Self { key, first_seen, packets: 0, pieces, bytes: 0, end: 0, last_seen: false, first: None }
    }

    /// Memory it takes.
    fn cost(&self) -> u64 {
        DATAGRAM_OVERHEAD_BYTES + self.pieces.len() as u64 * PIECE_OVERHEAD_BYTES + u64::from(self.bytes)
    }

    fn is_whole(&self) -> bool {
        self.last_seen && self.bytes == self.end
    }

    /// Adds one fragment; an error is the end of the datagram.
    fn add(
        &mut self,
        packet: &IpPacket<'_>,
        fragment: Fragment,
        payload: &[u8],
        anomalies: &mut AnomalyCounters,
    ) -> Result<(), DropReason> {
        let start = fragment.offset;
        let end = start + payload.len() as u32;
        let past_the_end = end > self.end && self.last_seen;
        let another_end = !fragment.more && (end < self.end || past_the_end);
        if payload.is_empty() || end > DATAGRAM_BYTES_MAX || past_the_end || another_end {
            return Err(DropReason::Malformed);
        }
        self.last_seen |= !fragment.more;
        self.end = self.end.max(end);
        match self.fit(start, end, payload) {
            Fit::New => {}
            Fit::Known => return Ok(()),
            Fit::KnownDiffering => {
                // The first copy stays, as in Linux, but others may keep the second.
                anomalies.count(Anomaly::IpFragOverlap);
                return Ok(());
            }
            Fit::Overlap => {
                anomalies.count(Anomaly::IpFragOverlap);
                return Err(DropReason::FragOverlap);
            }
        }
        if start == 0 {
            self.first = Some((packet.ttl, packet.protocol, packet.extensions));
        }
        self.bytes += end - start;
        self.pieces.insert(start, payload.into());
        Ok(())
    }

    /// Compares a fragment with the pieces. One that lies within contiguous pieces is known;
    /// one that lies partly in them is an overlap.
    fn fit(&self, start: u32, end: u32, payload: &[u8]) -> Fit {
        let before = self.pieces.range(..=start).next_back();
        let from = before.filter(|(at, piece)| *at + piece.len() as u32 > start).map(|(at, _)| *at);
        let mut overlapping = self.pieces.range(from.unwrap_or(start)..end).peekable();
        if overlapping.peek().is_none() {
            return Fit::New;
        }
        let (mut reached, mut equal) = (start, true);
        for (&at, piece) in overlapping {
            if at > reached {
                return Fit::Overlap;
            }
            let until = (at + piece.len() as u32).min(end);
            let theirs = piece.get((reached - at) as usize..(until - at) as usize);
            let ours = payload.get((reached - start) as usize..(until - start) as usize);
            equal &= theirs == ours;
            reached = until;
        }
        match (reached == end, equal) {
            (false, _) => Fit::Overlap,
            (true, true) => Fit::Known,
            (true, false) => Fit::KnownDiffering,
        }
    }
}
