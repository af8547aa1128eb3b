//! An interface as `/sys/class/net` shows it: flags, carrier, MTU, counts.
//! It is given that folder and a name and reads a few small files.
//! It promises that what cannot be read is zero or absent, and that a name leads nowhere else.

use std::path::Path;

/// From if.h.
const UP: u32 = 0x1;
const LOOPBACK: u32 = 0x8;
const PROMISCUOUS: u32 = 0x100;
/// From if_arp.h.
const ETHERNET: u64 = 1;
/// Longer names are none; the last byte is the end.
const NAME_BYTES_MAX: usize = 15;

/// One reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) name: String,
    flags: u32,
    kind: u64,
    pub(super) has_carrier: bool,
    pub(super) is_wireless: bool,
    pub(super) mtu: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
    /// Given up by the kernel after they were received.
    pub(super) dropped: u64,
    /// Given up by the card, because nobody took them in time.
    pub(super) missed: u64,
}

impl Card {
    /// `None` when there is no such interface.
    pub(super) fn read(folder: &Path, name: &str) -> Option<Self> {
        let is_name = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && !name.contains(['/', '\0'])
            && !matches!(name, "." | "..");
        let place = folder.join(name);
        if !is_name || !place.is_dir() {
            return None;
        }
        let text =
            |file: &str| std::fs::read_to_string(place.join(file)).unwrap_or_default().trim().to_owned();
        let number = |file: &str| text(file).parse::<u64>().unwrap_or(0);
        let count = |what: &str| number(&format!("statistics/{what}"));
        Some(Self {
            name: name.to_owned(),
            flags: u32::from_str_radix(text("flags").trim_start_matches("0x"), 16).unwrap_or(0),
            kind: number("type"),
            has_carrier: text("carrier") == "1",
            is_wireless: place.join("wireless").exists() || place.join("phy80211").exists(),
            mtu: number("mtu"),
            received: count("rx_packets"),
            sent: count("tx_packets"),
            dropped: count("rx_dropped"),
            missed: count("rx_missed_errors").saturating_add(count("rx_fifo_errors")),
        })
    }

    /// Every interface, in order of name.
    pub(super) fn all(folder: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names.iter().filter_map(|name| Self::read(folder, name)).collect()
    }

    pub(super) fn is_up(&self) -> bool {
        self.flags & UP != 0
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.flags & LOOPBACK != 0
    }

    pub(super) fn is_promiscuous(&self) -> bool {
        self.flags & PROMISCUOUS != 0
    }

    pub(super) fn is_ethernet(&self) -> bool {
        self.kind == ETHERNET
    }

    /// Whether it looks like the end of a mirror: somebody listens to all of it, or it hears much and says next to
    /// nothing. Other machines answer what they are asked.
    pub(super) fn looks_mirrored(&self) -> bool {
        const HEARS_AT_LEAST: u64 = 1_000;
        const TIMES: u64 = 100;
        self.is_promiscuous()
            || (self.received >= HEARS_AT_LEAST && self.received / TIMES >= self.sent.max(1))
    }
}

#[cfg(test)]
pub(super) mod samples {
    //! Interfaces in a folder of files.

    use std::path::Path;

    /// A card that is well: up, connected, with these files other than usual.
    #[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    pub(in crate::cli::doctor) fn card(folder: &Path, name: &str, other: &[(&str, &str)]) {
        let place = folder.join(name);
        std::fs::create_dir_all(place.join("statistics")).unwrap();
        let usual = [
            ("flags", "0x1003"),
            ("type", "1"),
            ("carrier", "1"),
            ("mtu", "9000"),
            ("statistics/rx_packets", "5000"),
            ("statistics/tx_packets", "4000"),
        ];
        for (file, content) in usual.iter().chain(other) {
            std::fs::write(place.join(file), format!("{content}\n")).unwrap();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::samples::card;
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let net = folder.path().join("net");
        card(&net, "eth0", &[]);
        card(folder.path(), "elsewhere", &[]);
        for name in ["", ".", "..", "../elsewhere", "eth0/statistics", "eth0/", "sixteen-letters-"] {
            assert_eq!(Card::read(&net, name), None, "{name}");
        }
        assert_eq!(Card::all(&net).iter().map(|card| card.name.as_str()).collect::<Vec<_>>(), ["eth0"]);
    }

    #[test]
    fn a_mirror_hears_much_and_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let looks = |other: &[(&str, &str)]| {
            card(folder.path(), "eth0", other);
            Card::read(folder.path(), "eth0").unwrap().looks_mirrored()
        };
        assert!(!looks(&[]), "a machine that talks");
        assert!(looks(&[("statistics/tx_packets", "50")]));
        assert!(!looks(&[("statistics/tx_packets", "51")]));
        assert!(
            !looks(&[("statistics/rx_packets", "999"), ("statistics/tx_packets", "0")]),
            "not enough to tell"
        );
        assert!(looks(&[("flags", "0x1103")]), "somebody listens to all of it");
    }
}
