//! One interface that will be listened on: whether anything can be heard there, whole and in its own sizes.
//! It is given its name and looks into `/sys/class/net` and at what `ethtool` tells.
//! It promises a finding about each thing that loses or changes packets before the sensor has them.

use super::card::Card;
use super::ethtool;
use super::finding::{Finding, State};
use std::path::Path;

/// What fits the usual 1,500 bytes inside VXLAN over IPv6 (70), ERSPAN III over GRE (54) and VLAN tags.
const MTU_FOR_TUNNELS: u64 = 1_600;

/// Kernels count frames of unknown protocols as dropped, too: a few in a thousand tell nothing.
const DROPS_TOLD_PER_THOUSAND: u64 = 1;

/// Looks at one interface; the first finding is whether it is there.
pub(super) fn look(folder: &Path, name: &str) -> Vec<Finding> {
    let Some(card) = Card::read(folder, name) else {
        return vec![missing(folder, name)];
    };
    let findings = [state(&card), promiscuous(&card), mtu(&card), drops(&card)];
    let findings = findings.into_iter().map(|finding| finding.about(name));
    findings.chain(ethtool::look(name, card.sent > 0 && !card.looks_mirrored())).collect()
}

fn missing(folder: &Path, name: &str) -> Finding {
    let names: Vec<String> = Card::all(folder).into_iter().map(|card| card.name).collect();
    let finding = Finding::new("interface", State::Bad, "there is no such interface").about(name);
    if names.is_empty() {
        return finding.mend("look with `ip link`");
    }
    let near = crate::config::nearest(name, names.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    finding.mend(format!("{near}there are {}", names.join(", ")))
}

fn state(card: &Card) -> Finding {
    let name = &card.name;
    if !card.is_up() {
        return Finding::new("interface", State::Bad, "is down").mend(format!("run `ip link set {name} up`"));
    }
    if !card.has_carrier {
        return Finding::new("interface", State::Bad, "is up, and nothing is connected to it (no carrier)")
            .mend("look at the cable, the other end, or the switch's mirror session");
    }
    if card.received == 0 {
        return Finding::new("interface", State::Warn, "is up and connected, and nothing was ever received")
            .mend("look at the switch's mirror session");
    }
    Finding::new("interface", State::Ok, format!("is up and connected; {} packets received", card.received))
}

fn promiscuous(card: &Card) -> Finding {
    let check = "promiscuous";
    if card.is_loopback() {
        return Finding::new(
            check,
            State::Ok,
            "loopback: hears what this machine says to itself, each packet once",
        );
    }
    if card.is_wireless {
        return Finding::new(check, State::Warn, "Wi-Fi: hears this machine's own traffic only")
            .mend("listen on a mirror port");
    }
    if !card.is_ethernet() {
        return Finding::new(check, State::Ok, "no Ethernet: hears what is sent through it");
    }
    if card.is_promiscuous() {
        return Finding::new(check, State::Ok, "somebody hears all frames there already");
    }
    Finding::new(check, State::Ok, "Ethernet: can be made to hear all frames")
}

fn mtu(card: &Card) -> Finding {
    let Card { name, mtu, .. } = card;
    if *mtu >= MTU_FOR_TUNNELS || !card.is_ethernet() || card.is_loopback() {
        return Finding::new("mtu", State::Ok, format!("{mtu} bytes"));
    }
    let found = format!("{mtu} bytes: full frames that a mirror wraps into VXLAN, GRE or ERSPAN do not fit");
    Finding::new("mtu", State::Warn, found).mend(format!("run `ip link set {name} mtu {MTU_FOR_TUNNELS}`"))
}

/// What was lost before the kernel could hand it to anybody.
fn drops(card: &Card) -> Finding {
    let Card { name, received, dropped, missed, .. } = card;
    if *missed > 0 {
        let found = format!("the card lost {missed} packets beside {received} received: its ring was full");
        let mend = format!(
            "enlarge the ring (`ethtool -g {name}` shows the most) or spread the load over more queues"
        );
        return Finding::new("drops", State::Warn, found).mend(mend);
    }
    if *dropped > received.saturating_mul(DROPS_TOLD_PER_THOUSAND) / 1_000 {
        let found = format!("the kernel dropped {dropped} packets beside {received} received");
        let mend = "run `sysctl net.core.netdev_max_backlog=10000` and look whether the number still grows";
        return Finding::new("drops", State::Warn, found).mend(mend);
    }
    Finding::new("drops", State::Ok, format!("{dropped} of {received} packets"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::super::card::samples::card;
    use super::*;

    /// State and mending of each check but those of ethtool, for a card with these files.
    fn found(other: &[(&str, &str)]) -> Vec<(&'static str, State, String)> {
        let folder = tempfile::tempdir().unwrap();
        card(folder.path(), "eth1", other);
        let findings = look(folder.path(), "eth1");
        assert!(findings.iter().all(|finding| finding.about.as_deref() == Some("eth1")));
        let own = findings.into_iter().take(4);
        own.map(|finding| (finding.check, finding.state, finding.mend.unwrap_or_default())).collect()
    }

    #[test]
    fn a_card_that_is_well_needs_nothing() {
        let states = found(&[]);
        assert_eq!(
            states.iter().map(|(check, ..)| *check).collect::<Vec<_>>(),
            ["interface", "promiscuous", "mtu", "drops"]
        );
        assert!(states.iter().all(|(_, state, mend)| *state == State::Ok && mend.is_empty()), "{states:?}");
    }

    #[test]
    fn what_keeps_packets_away_is_told_with_its_command() {
        for (files, check, state, mend) in [
            (&[("flags", "0x1002")][..], "interface", State::Bad, "ip link set eth1 up"),
            (&[("carrier", "0")], "interface", State::Bad, "cable"),
            (&[("statistics/rx_packets", "0")], "interface", State::Warn, "mirror session"),
            (&[("mtu", "1599")], "mtu", State::Warn, "ip link set eth1 mtu 1600"),
            (&[("statistics/rx_missed_errors", "1")], "drops", State::Warn, "ethtool -g eth1"),
            (&[("statistics/rx_fifo_errors", "1")], "drops", State::Warn, "ethtool -g eth1"),
            (&[("statistics/rx_dropped", "6")], "drops", State::Warn, "netdev_max_backlog"),
            (&[("wireless", "")], "promiscuous", State::Warn, "mirror port"),
        ] {
            let found = found(files);
            let (_, found_state, found_mend) = found.iter().find(|(name, ..)| *name == check).unwrap();
            assert_eq!(*found_state, state, "{files:?}");
            assert!(found_mend.contains(mend), "{files:?}: {found_mend}");
        }
    }

    #[test]
    fn the_nearest_innocent_is_left_alone() {
        for files in [
            &[("mtu", "1600")][..],
            &[("statistics/rx_dropped", "5")],
            &[("mtu", "1500"), ("type", "65534")],
            &[("mtu", "1500"), ("type", "772"), ("flags", "0x9")],
        ] {
            assert!(found(files).iter().all(|(_, state, _)| *state == State::Ok), "{files:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_there_gets_those_that_are() {
        let folder = tempfile::tempdir().unwrap();
        card(folder.path(), "eth0", &[]);
        card(folder.path(), "mirror0", &[]);
        let findings = look(folder.path(), "miror0");
        assert_eq!((findings.len(), findings[0].state), (1, State::Bad));
        let mend = findings[0].mend.as_ref().unwrap();
        assert_eq!(mend, "did you mean `mirror0`? there are eth0, mirror0");
        assert!(look(&folder.path().join("none"), "eth0")[0].mend.as_ref().unwrap().contains("ip link"));
    }
}
