//! The built-in country table: its file format, and the look-up.
//! It is given the bytes of `countries.geo` and unpacks them once into sorted arrays.
//! It promises to refuse damaged bytes as a whole and to read what `Builder` writes.
//!
//! The file is text lines (`key: value`, the first names the format) up to an empty line, then one zstd frame:
//!
//! | bytes | what |
//! |---|---|
//! | 1, then 2 each | number of countries and their codes; index 0 stands for "none", the first code has index 1 |
//! | 4 | number of IPv4 ranges, little-endian |
//! | varints | their starts, each as the distance to the one before (LEB128) |
//! | 1 each | their country indexes |
//! | the same again | IPv6 ranges, in units of one /64, counted from 2000:: |

use super::ranges::Ranges;
use heelguard_detectors::identity::Country;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first line of the file.
const FORMAT: &str = "heelguard-geo: 1";
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

/// Countries by address.
#[derive(Debug, Default)]
pub struct Table {
    date: String,
    countries: Vec<Country>,
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
        let codes = cursor.take(1)?.first().copied()?;
        let mut countries = Vec::with_capacity(usize::from(codes));
        for _ in 0..codes {
            countries.push(Country::parse(std::str::from_utf8(cursor.take(2)?).ok()?)?);
        }
        let v4 = cursor.ranges(0, V4_SLOT_BITS)?;
        let v6 = cursor.ranges(V6_FIRST, V6_SLOT_BITS)?;
        let known = v4.iter().chain(v6.iter()).all(|(_, country)| country <= codes);
        (known && cursor.0.is_empty()).then_some(Self { date, countries, v4, v6 })
    }

    /// The day the data was made, `YYYY-MM-DD`.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// How many IPv4 and IPv6 ranges there are.
    pub fn ranges(&self) -> (usize, usize) {
        (self.v4.len(), self.v6.len())
    }

    /// The countries; `index` counts along them.
    pub fn countries(&self) -> &[Country] {
        &self.countries
    }

    /// Position in `countries` of the country that `ip` is registered to. An IPv4-mapped address is IPv4.
    pub fn index(&self, ip: IpAddr) -> Option<usize> {
        let country = match ip.to_canonical() {
            IpAddr::V4(v4) => self.v4.find(u64::from(v4.to_bits())),
            IpAddr::V6(v6) => self.v6.find(network(v6)),
        };
        usize::from(country?).checked_sub(1)
    }
}

/// Collects ranges and writes the file.
#[derive(Debug, Default)]
pub struct Builder {
    v4: Vec<(u64, Option<Country>)>,
    v6: Vec<(u64, Option<Country>)>,
}

impl Builder {
    /// From `first` on, up to the next call, addresses are `country`'s. Calls come in rising order.
    pub fn v4(&mut self, first: Ipv4Addr, country: Option<Country>) {
        note(&mut self.v4, u64::from(first.to_bits()), country);
    }

    /// The same for IPv6; the country of a /64 is that of its first address, outside 2000::/3 there is none.
    pub fn v6(&mut self, first: Ipv6Addr, country: Option<Country>) {
        let inside_a_network = first.to_bits() as u64 != 0;
        let network = network(first).saturating_add(u64::from(inside_a_network)).max(V6_FIRST);
        if network < V6_END {
            note(&mut self.v6, network, country);
        }
    }

    /// The file, with `notes` as further lines in its head.
    pub fn finish(&self, date: &str, notes: &[(&str, &str)]) -> std::io::Result<Vec<u8>> {
        let starts = self.v4.iter().chain(&self.v6);
        let mut uses: BTreeMap<Country, usize> = BTreeMap::new();
        for country in starts.filter_map(|&(_, country)| country) {
            *uses.entry(country).or_default() += 1;
        }
        let codes: Vec<Country> = uses.into_keys().collect();
        let count = u8::try_from(codes.len()).map_err(std::io::Error::other)?;
        let index = |country: Option<Country>| {
            country.and_then(|c| codes.binary_search(&c).ok()).map_or(0, |position| position as u8 + 1)
        };

        let mut body = vec![count];
        body.extend(codes.iter().flat_map(|country| country.0));
        for (ranges, first) in [(&self.v4, 0), (&self.v6, V6_FIRST)] {
            body.extend(u32::try_from(ranges.len()).map_err(std::io::Error::other)?.to_le_bytes());
            let mut before = first;
            for &(start, _) in ranges {
                let distance = start.checked_sub(before);
                push_varint(&mut body, distance.ok_or_else(|| std::io::Error::other("ranges out of order"))?);
                before = start;
            }
            body.extend(ranges.iter().map(|&(_, country)| index(country)));
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
fn note(ranges: &mut Vec<(u64, Option<Country>)>, start: u64, country: Option<Country>) {
    if ranges.last().is_some_and(|&(last, _)| last == start) {
        ranges.pop();
    }
    if ranges.last().map_or(country.is_some(), |&(_, last)| last != country) {
        ranges.push((start, country));
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

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn ranges(&mut self, first: u64, slot_bits: u32) -> Option<Ranges> {
        let count = u32::from_le_bytes(self.take(4)?.try_into().ok()?) as usize;
        if count > self.0.len() {
            return None;
        }
        let mut starts = Vec::with_capacity(count);
        let mut start = first;
        for _ in 0..count {
            start = start.checked_add(self.varint()?)?;
            starts.push(start);
        }
        let countries = self.take(count)?.to_vec();
        Ranges::new(first, slot_bits, starts, countries)
    }
}

#[cfg(test)]
mod tests {
    use super::{Builder, Table};
    use heelguard_detectors::identity::Country;

    const NL: Option<Country> = Some(Country(*b"NL"));
    const PE: Option<Country> = Some(Country(*b"PE"));

    fn written() -> Vec<u8> {
        let mut builder = Builder::default();
        builder.v4([1, 0, 0, 0].into(), NL);
        builder.v4([1, 0, 1, 0].into(), NL);
        builder.v4([1, 0, 2, 0].into(), PE);
        builder.v4([1, 0, 3, 0].into(), None);
        builder.v6("2001:4::".parse().unwrap(), PE);
        builder.v6("2001:4:0:1:8000::".parse().unwrap(), NL);
        builder.v6("2001:5::".parse().unwrap(), None);
        builder.finish("2026-01-02", &[("licence", "CC0-1.0")]).unwrap()
    }

    fn country(table: &Table, ip: &str) -> String {
        let index = table.index(ip.parse().unwrap());
        index.map_or_else(|| "-".to_owned(), |index| table.countries()[index].to_string())
    }

    #[test]
    fn what_is_written_is_read() {
        let table = Table::parse(&written()).unwrap();
        assert_eq!((table.date(), table.ranges()), ("2026-01-02", (3, 3)), "equal neighbours are one range");
        let ips = ["0.255.255.255", "1.0.0.0", "1.0.1.255", "1.0.2.0", "1.0.3.0", "::ffff:1.0.2.9"];
        assert_eq!(ips.map(|ip| country(&table, ip)), ["-", "NL", "NL", "PE", "-", "PE"]);
        let ips = ["2001:3:ffff::", "2001:4::1", "2001:4:0:1:9000::", "2001:4:0:2::", "2001:5::", "fe80::1"];
        assert_eq!(ips.map(|ip| country(&table, ip)), ["-", "PE", "PE", "NL", "-", "-"]);
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
