//! Interfaces somebody could listen on who has named none.
//! It is given `/sys/class/net` and lists those that are connected and hear something.
//! It promises to name the command for each, and to say which look like the end of a mirror.

use super::card::Card;
use super::finding::{Finding, State};
use std::path::Path;

/// A machine full of containers has hundreds; nobody chooses among more than these.
const LISTED_MAX: usize = 16;

/// What could be listened on, mirrors first, the busiest first.
pub(super) fn look(folder: &Path) -> Vec<Finding> {
    let mut cards: Vec<Card> = Card::all(folder)
        .into_iter()
        .filter(|card| card.is_up() && card.has_carrier && card.received > 0 && !card.is_loopback())
        .collect();
    cards.sort_by(|a, b| {
        (b.looks_mirrored(), b.received, &a.name).cmp(&(a.looks_mirrored(), a.received, &b.name))
    });
    if cards.is_empty() {
        let found = "none is named, and none is connected and hears anything";
        return vec![Finding::new("interface", State::Warn, found).mend("look with `ip -s link`")];
    }
    let beyond = cards.len().saturating_sub(LISTED_MAX);
    cards.truncate(LISTED_MAX);
    let mut findings: Vec<Finding> = cards.iter().map(offer).collect();
    if beyond > 0 {
        let found = format!("{beyond} more are connected and hear something");
        findings.push(Finding::new("interface", State::Ok, found).mend("look with `ip -s link`"));
    }
    findings
}

fn offer(card: &Card) -> Finding {
    let Card { name, received, sent, .. } = card;
    let why = if card.is_promiscuous() {
        "a mirror port by its looks: somebody hears all frames there"
    } else if card.looks_mirrored() {
        "a mirror port by its looks: it hears, and says next to nothing"
    } else {
        "this machine's own traffic by its looks"
    };
    Finding::new("interface", State::Ok, format!("{received} packets received, {sent} sent: {why}"))
        .about(name)
        .mend(format!("look closer with `heelguard doctor -i {name}`"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::super::card::samples::card;
    use super::*;

    #[test]
    fn mirrors_come_first_and_what_hears_nothing_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        card(folder.path(), "eth0", &[("statistics/rx_packets", "9000")]);
        card(folder.path(), "eth1", &[("statistics/tx_packets", "0")]);
        card(folder.path(), "eth2", &[("carrier", "0")]);
        card(folder.path(), "eth3", &[("statistics/rx_packets", "0")]);
        card(folder.path(), "eth4", &[("flags", "0x1002")]);
        card(folder.path(), "lo", &[("flags", "0x9")]);
        let findings = look(folder.path());
        let about: Vec<_> = findings.iter().map(|finding| finding.about.as_deref().unwrap()).collect();
        assert_eq!(about, ["eth1", "eth0"]);
        assert!(findings[0].found.contains("mirror port") && !findings[1].found.contains("mirror port"));
        assert!(findings[0].mend.as_ref().unwrap().contains("heelguard doctor -i eth1"));
    }

    #[test]
    fn nothing_to_hear_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(folder.path())[0].state, State::Warn);
        assert_eq!(look(&folder.path().join("none")).len(), 1);
    }

    #[test]
    fn nobody_reads_a_hundred_lines() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..100 {
            card(folder.path(), &format!("veth{number}"), &[]);
        }
        let findings = look(folder.path());
        assert_eq!(findings.len(), LISTED_MAX + 1);
        assert!(findings[LISTED_MAX].found.starts_with("84 more"));
    }
}
