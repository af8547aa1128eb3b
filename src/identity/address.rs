//! What kind of network an address belongs to: hosting, VPN, relay, Tor, satellite, mobile, internal.
//! It is given a built-in list of networks by number and prefix, and lists of the operator, which come first.
//! It promises an answer in a few steps for lists of any size, and errors that name file and line.
//!
//! A line is `prefix-or-ASnnn class`, `#` begins a comment; of prefixes the longest counts, before any number.
//! `none` takes a class away.

use super::prefixes::Prefix;
use crate::files;
use heelguard_detectors::identity::AddressClass;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

/// More than every network that is announced.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Hand-written; a test reads it, so that here it cannot fail.
static BUILTIN: LazyLock<List> =
    LazyLock::new(|| List::parse(include_str!("address/networks.txt")).unwrap_or_default());

/// The lists in force.
pub(crate) struct Classes {
    own: List,
}

impl Classes {
    /// The built-in list behind those of the operator; of two lines about one network the later counts.
    pub(crate) fn load(paths: &[PathBuf]) -> Result<Self, String> {
        let mut own = List::default();
        for path in paths {
            let shown = path.display();
            let text = files::read_text(path, FILE_BYTES_MAX).map_err(|error| format!("{shown}: {error}"))?;
            own.read(&text).map_err(|(line, wrong)| format!("{shown}:{line}: {wrong}"))?;
        }
        own.settle();
        LazyLock::force(&BUILTIN);
        Ok(Self { own })
    }

    /// The class of an address in a network with this number, by the operator's lists, else by `internal`,
    /// else by the built-in list.
    pub(crate) fn of(&self, ip: IpAddr, asn: Option<u32>, internal: bool) -> Option<AddressClass> {
        match self.own.find(ip, asn) {
            Some(Said(class)) => class,
            None if internal => Some(AddressClass::Internal),
            None => BUILTIN.find(ip, asn).and_then(|Said(class)| class),
        }
    }
}

/// What a list says of a network: a class, or that it has none.
#[derive(Clone, Copy)]
struct Said(Option<AddressClass>);

/// One list of networks.
#[derive(Default)]
struct List {
    /// By length, longest first.
    prefixes: Vec<Group>,
    /// In rising order.
    systems: Vec<(u32, Said)>,
}

/// The prefixes of one length.
struct Group {
    len: u8,
    /// First addresses in rising order.
    entries: Vec<(u128, Said)>,
}

impl List {
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut list = Self::default();
        list.read(text)?;
        list.settle();
        Ok(list)
    }

    /// Adds lines as they come; an error has the line's number.
    fn read(&mut self, text: &str) -> Result<(), (usize, String)> {
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                self.add(line).map_err(|wrong| (number + 1, wrong))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let [network, class] = line.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
            return Err(format!("`{line}` is not a network and a class"));
        };
        let class = match class {
            "none" => Said(None),
            name => Said(Some(AddressClass::parse(name).ok_or_else(|| {
                let known: Vec<&str> = AddressClass::ALL.iter().map(|class| class.name()).collect();
                format!("`{name}` is no class; wanted one of {}, none", known.join(", "))
            })?)),
        };
        if let Some(number) = network.strip_prefix("AS").or_else(|| network.strip_prefix("as")) {
            let number = number.parse().map_err(|_| format!("`{network}` is no AS number"))?;
            self.systems.push((number, class));
            return Ok(());
        }
        let prefix = Prefix::parse(network)?;
        match self.prefixes.iter_mut().find(|group| group.len == prefix.len) {
            Some(group) => group.entries.push((prefix.first, class)),
            None => self.prefixes.push(Group { len: prefix.len, entries: vec![(prefix.first, class)] }),
        }
        Ok(())
    }

    /// Brings everything into the order that `find` wants.
    fn settle(&mut self) {
        self.prefixes.sort_by_key(|group| std::cmp::Reverse(group.len));
        self.prefixes.iter_mut().for_each(|group| keep_last(&mut group.entries));
        keep_last(&mut self.systems);
    }

    /// What the list says of an address, by its longest prefix, else by its network's number.
    fn find(&self, ip: IpAddr, asn: Option<u32>) -> Option<Said> {
        let by_prefix = self.prefixes.iter().find_map(|Group { len, entries }| {
            let first = Prefix::around(ip, *len).first;
            let at = entries.binary_search_by_key(&first, |&(first, _)| first).ok()?;
            entries.get(at).map(|&(_, said)| said)
        });
        by_prefix.or_else(|| {
            let at = self.systems.binary_search_by_key(&asn?, |&(number, _)| number).ok()?;
            self.systems.get(at).map(|&(_, said)| said)
        })
    }
}

/// Sorts by key; of equal keys the one that came last stays.
fn keep_last<K: Ord + Copy, V>(entries: &mut Vec<(K, V)>) {
    entries.reverse();
    entries.sort_by_key(|&(key, _)| key);
    entries.dedup_by_key(|&mut (key, _)| key);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Classes {
        Classes { own: List::parse(text).unwrap() }
    }

    #[track_caller]
    fn check(classes: &Classes, ip: &str, asn: u32, expected: Option<AddressClass>) {
        assert_eq!(classes.of(ip.parse().unwrap(), Some(asn), false), expected, "{ip} AS{asn}");
    }

    #[test]
    fn the_built_in_list_is_sound_and_names_every_network() {
        let text = include_str!("address/networks.txt");
        let list = List::parse(text).unwrap();
        assert!(list.systems.len() > 300, "{}", list.systems.len());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            assert!(line.split_once(" # ").is_some_and(|(_, name)| !name.is_empty()), "no name: {line}");
        }
        let classes = own("");
        check(&classes, "3.5.140.1", 16509, Some(AddressClass::Hosting));
        check(&classes, "172.32.0.1", 21928, Some(AddressClass::Mobile));
        check(&classes, "98.97.0.1", 14593, Some(AddressClass::Satellite));
        check(&classes, "104.28.3.4", 13335, Some(AddressClass::Relay));
        check(&classes, "104.29.3.4", 13335, Some(AddressClass::Hosting));
        check(&classes, "87.123.13.252", 8881, None);
    }

    #[test]
    fn the_operators_word_comes_first_and_the_longest_prefix_of_it() {
        let classes = own(
            "198.51.100.0/24 vpn # branch\n198.51.100.128/25 none\n\nAS64500 mobile\n2001:db8::/32 tor\nAS16509 none\n",
        );
        check(&classes, "198.51.100.1", 64500, Some(AddressClass::Vpn));
        check(&classes, "198.51.100.129", 64500, None);
        check(&classes, "203.0.113.1", 64500, Some(AddressClass::Mobile));
        check(&classes, "2001:db8::1", 1, Some(AddressClass::Tor));
        check(&classes, "3.5.140.1", 16509, None);
        let internal = |ip: &str| classes.of(ip.parse().unwrap(), None, true);
        assert_eq!(internal("10.1.2.3"), Some(AddressClass::Internal));
        assert_eq!(internal("198.51.100.1"), Some(AddressClass::Vpn));
    }

    #[test]
    fn the_later_line_counts() {
        check(&own("AS64500 vpn\nAS64500 tor\n"), "203.0.113.1", 64500, Some(AddressClass::Tor));
        check(&own("203.0.113.0/24 vpn\n203.0.113.9/24 none\n"), "203.0.113.1", 1, None);
    }

    #[test]
    fn errors_name_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.txt");
        for (text, line, wrong) in [
            ("# ours\n203.0.113.0/24 vpm\n", 2, "vpm"),
            ("203.0.113.0/40 vpn\n", 1, "203.0.113.0/40"),
            ("\n\nASX vpn\n", 3, "ASX"),
            ("203.0.113.0/24\n", 1, "not a network and a class"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Classes::load(std::slice::from_ref(&path)).err().unwrap();
            assert!(error.contains(&format!("own.txt:{line}: ")) && error.contains(wrong), "{error}");
        }
        let error = Classes::load(&[folder.path().join("missing.txt")]).err().unwrap();
        assert!(error.contains("missing.txt"), "{error}");
    }
}
