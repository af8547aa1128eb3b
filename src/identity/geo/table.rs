//! A built-in table of numbers by address (countries, autonomous systems): its file format, and the look-up.
//! It is given the bytes of a `.geo` file and unpacks them once into sorted arrays.
//! It promises to refuse damaged bytes as a whole and to read what `Builder` writes.
//!
//! The file is text lines (`key: value`, the first names the format) up to an empty line, then one zstd frame, in
//! which every number is LEB128:
//!
//! | numbers | what |
//! |---|---|
//! | 1, then as many | how many values there are, and the values; a country is its two letters, the first in front |
//! | 1, then as many | how many IPv4 ranges there are, and their starts, each as the distance to the one before |
//! | as many | their values as positions among the values, counted from 1; 0 stands for none |
//! | the same again | IPv6 ranges, in units of one /64, counted from 2000:: |

use super::ranges::Ranges;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// The first line of the file.
const FORMAT: &str = "heelguard-geo: 2";
/// More than any table unpacks to; a damaged frame cannot ask for more memory.
const UNPACKED_BYTES_MAX: usize = 16 << 20;
/// The /64 with which the global unicast space 2000::/3 begins.
const V6_FIRST: u64 = 0x2000 << 48;
/// The first /64 after it.
const V6_END: u64 = 0x4000 << 48;
/// 2000::/3 holds 2^61 networks of /64: 2^16 slots of 2^45.
const V6_SLOT_BITS: u32 = 45;
/// 2^32 addresses: 2^16 slots of 2^16.
const V4_SLOT_BITS: u32 = 16;

/// Values by address.
#[derive(Debug, Default)]
pub struct Table {
    date: String,
    values: Vec<u32>,
    v4: Ranges,
    v6: Ranges,
}

impl Table {
    /// Reads a table; none when a byte of it is not as it should be.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let head_bytes = bytes.windows(2).position(|pair| pair == b"\n\n")?;
        let (head, packed) = bytes.split_at_checked(head_bytes)?;
        let head = std::str::from_utf8(head).ok()?;
        if head.lines().next() != Some(FORMAT) {
            return None;
        }
        let date = head.lines().find_map(|line| line.strip_prefix("date: "))?.to_owned();
        let body = zstd::bulk::decompress(packed.get(2..)?, UNPACKED_BYTES_MAX).ok()?;

        let mut cursor = Cursor(&body);
        let count = cursor.count()?;
        let values = cursor.numbers(count)?;
        let v4 = cursor.ranges(0, V4_SLOT_BITS)?;
        let v6 = cursor.ranges(V6_FIRST, V6_SLOT_BITS)?;
        let known = v4.iter().chain(v6.iter()).all(|(_, value)| value as usize <= values.len());
        (known && cursor.0.is_empty()).then_some(Self { date, values, v4, v6 })
    }

    /// The day the data was made, `YYYY-MM-DD`.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// How many IPv4 and IPv6 ranges there are.
    pub fn ranges(&self) -> (usize, usize) {
        (self.v4.len(), self.v6.len())
    }

    /// The values; `index` counts along them.
    pub fn values(&self) -> &[u32] {
        &self.values
    }

    /// Position in `values` of what `ip` belongs to. An IPv4-mapped address is IPv4.
    pub fn index(&self, ip: IpAddr) -> Option<usize> {
        let value = match ip.to_canonical() {
            IpAddr::V4(v4) => self.v4.find(u64::from(v4.to_bits())),
            IpAddr::V6(v6) => self.v6.find(network(v6)),
        };
        (value? as usize).checked_sub(1)
    }

    /// What `ip` belongs to.
    pub fn find(&self, ip: IpAddr) -> Option<u32> {
        self.values.get(self.index(ip)?).copied()
    }
}

/// Collects ranges and writes the file.
#[derive(Debug, Default)]
pub struct Builder {
    v4: Vec<(u64, Option<u32>)>,
    v6: Vec<(u64, Option<u32>)>,
}

impl Builder {
    /// Addresses from `first` to `last` have `value`. Calls come in rising order within a family. The value of an
    /// IPv6 /64 is that of its first address; outside 2000::/3 there is none.
    pub fn add(&mut self, first: IpAddr, last: IpAddr, value: u32) {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                note(&mut self.v4, u64::from(first.to_bits()), Some(value));
                note(&mut self.v4, u64::from(last.to_bits()) + 1, None);
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                self.v6(Some(first), Some(value));
                self.v6(last.to_bits().checked_add(1).map(Ipv6Addr::from_bits), None);
            }
            _ => {}
        }
    }

    fn v6(&mut self, first: Option<Ipv6Addr>, value: Option<u32>) {
        let Some(first) = first else { return };
        let inside_a_network = first.to_bits() as u64 != 0;
        let network = network(first).saturating_add(u64::from(inside_a_network)).max(V6_FIRST);
        if network < V6_END {
            note(&mut self.v6, network, value);
        }
    }

    /// The file, with `notes` as further lines in its head.
    pub fn finish(&self, date: &str, notes: &[(&str, &str)]) -> std::io::Result<Vec<u8>> {
        // The end of the space is no range's start.
        let v4: Vec<_> = self.v4.iter().copied().filter(|&(start, _)| u32::try_from(start).is_ok()).collect();
        let mut uses: BTreeMap<u32, u64> = BTreeMap::new();
        for value in v4.iter().chain(&self.v6).filter_map(|&(_, value)| value) {
            *uses.entry(value).or_default() += 1;
        }
        // Frequent values have short positions.
        let mut values: Vec<(u64, u32)> = uses.into_iter().map(|(value, uses)| (uses, value)).collect();
        values.sort_by_key(|&(uses, value)| (std::cmp::Reverse(uses), value));
        let positions: BTreeMap<u32, u64> = values.iter().map(|&(_, value)| value).zip(1..).collect();

        let mut body = Vec::new();
        push_varint(&mut body, values.len() as u64);
        for &(_, value) in &values {
            push_varint(&mut body, u64::from(value));
        }
        for (ranges, first) in [(&v4, 0), (&self.v6, V6_FIRST)] {
            push_varint(&mut body, ranges.len() as u64);
            let mut before = first;
            for &(start, _) in ranges {
                let distance = start.checked_sub(before);
                push_varint(&mut body, distance.ok_or_else(|| std::io::Error::other("ranges out of order"))?);
                before = start;
            }
            for (_, value) in ranges {
                push_varint(&mut body, value.and_then(|value| positions.get(&value).copied()).unwrap_or(0));
            }
        }

        let mut file = format!("{FORMAT}\ndate: {date}\n").into_bytes();
        for (key, value) in notes {
            file.extend(format!("{key}: {value}\n").bytes());
        }
        file.push(b'\n');
        file.extend(zstd::bulk::compress(&body, *zstd::compression_level_range().end())?);
        Ok(file)
    }
}

/// The /64 of an address.
fn network(ip: Ipv6Addr) -> u64 {
    (ip.to_bits() >> 64) as u64
}

/// Adds a range start: a later one at the same place wins, and one that changes nothing is left out.
fn note(ranges: &mut Vec<(u64, Option<u32>)>, start: u64, value: Option<u32>) {
    if ranges.last().is_some_and(|&(last, _)| last == start) {
        ranges.pop();
    }
    if ranges.last().map_or(value.is_some(), |&(_, last)| last != value) {
        ranges.push((start, value));
    }
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes not read yet.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn varint(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        if first < 0x80 {
            self.0 = rest;
            return Some(u64::from(first));
        }
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// How many numbers follow; each takes a byte at least.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn numbers(&mut self, count: usize) -> Option<Vec<u32>> {
        let mut numbers = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            numbers.push(u32::try_from(self.varint()?).ok()?);
        }
        Some(numbers)
    }

    fn ranges(&mut self, first: u64, slot_bits: u32) -> Option<Ranges> {
        let count = self.count()?;
        let mut starts = Vec::with_capacity(count);
        let mut start = first;
        for _ in 0..count {
            start = start.checked_add(self.varint()?)?;
            starts.push(start);
        }
        let values = self.numbers(count)?;
        Ranges::new(first, slot_bits, starts, values)
    }
}

#[cfg(test)]
mod tests {
    use super::{Builder, Table};
    use std::net::IpAddr;

    fn written() -> Vec<u8> {
        let mut builder = Builder::default();
        let mut add = |first: &str, last: &str, value| {
            builder.add(first.parse().unwrap(), last.parse().unwrap(), value);
        };
        add("1.0.0.0", "1.0.0.255", 7);
        add("1.0.1.0", "1.0.1.255", 7);
        add("1.0.2.0", "1.0.2.255", 400_000);
        add("1.0.4.0", "1.0.4.255", 7);
        add("255.0.0.0", "255.255.255.255", 7);
        add("2001:4::", "2001:4:0:1:7fff:ffff:ffff:ffff", 400_000);
        add("2001:4:0:1:8000::", "2001:4:ffff:ffff:ffff:ffff:ffff:ffff", 7);
        builder.finish("2026-01-02", &[("licence", "CC0-1.0")]).unwrap()
    }

    fn find<const N: usize>(table: &Table, ips: [&str; N]) -> [u32; N] {
        ips.map(|ip| table.find(ip.parse::<IpAddr>().unwrap()).unwrap_or(0))
    }

    #[test]
    fn what_is_written_is_read() {
        let table = Table::parse(&written()).unwrap();
        assert_eq!((table.date(), table.ranges()), ("2026-01-02", (6, 3)), "equal neighbours are one range");
        let ips =
            ["0.255.255.255", "1.0.0.0", "1.0.1.255", "1.0.2.0", "1.0.3.0", "1.0.4.0", "::ffff:1.0.2.9"];
        assert_eq!(find(&table, ips), [0, 7, 7, 400_000, 0, 7, 400_000]);
        assert_eq!(
            find(&table, ["1.0.5.0", "254.255.255.255", "255.0.0.0", "255.255.255.255"]),
            [0, 0, 7, 7]
        );
        let ips = ["2001:3:ffff::", "2001:4::1", "2001:4:0:1:9000::", "2001:4:0:2::", "2001:5::", "fe80::1"];
        assert_eq!(find(&table, ips), [0, 400_000, 400_000, 7, 0, 0]);
    }

    #[test]
    fn a_cut_table_is_refused_wherever_it_is_cut() {
        let whole = written();
        assert!(Table::parse(&whole).is_some());
        for length in 0..whole.len() {
            assert!(Table::parse(&whole[..length]).is_none(), "cut at {length}");
        }
    }

    #[test]
    fn a_damaged_byte_is_no_panic() {
        let whole = written();
        for position in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[position] ^= 0x55;
            let _ = Table::parse(&bytes).map(|table| table.index([1, 0, 2, 0].into()));
        }
    }
}
