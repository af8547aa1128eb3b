//! What `ethtool` tells of a network card: offloads that build giant frames, and the size of its receive ring.
//! It is given an interface's name; the words come from `ethtool -k` and `ethtool -g`.
//! It promises that a card which cannot be asked is said to be unknown, not to be well.

use super::ask::{Answer, ask};
use super::finding::{Finding, State};

/// Features that join received segments to frames of up to 64 KiB, with the short names that turn them off.
const RECEIVED: [(&str, &str); 3] =
    [("generic-receive-offload", "gro"), ("large-receive-offload", "lro"), ("rx-gro-hw", "rx-gro-hw")];

/// Features that leave the cutting of sent data to the card, so that what this machine sends is seen in one piece.
const SENT: [(&str, &str); 2] =
    [("tcp-segmentation-offload", "tso"), ("generic-segmentation-offload", "gso")];

/// Looks at a card. What it sends is of interest only where it sends.
pub(super) fn look(name: &str, sends: bool) -> Vec<Finding> {
    let features = ask("ethtool", &["-k", name]);
    if features == Answer::Missing {
        let found = "ethtool is not installed: whether offloads build giant frames, and how large the card's ring is, \
                     cannot be told";
        return vec![Finding::new("offloads", State::Warn, found).about(name).mend("install ethtool")];
    }
    let features = match features {
        Answer::Said(text) => offloads(&text, name, sends),
        _ => Finding::new("offloads", State::Ok, "the card tells of none"),
    };
    let ring = match ask("ethtool", &["-g", name]) {
        Answer::Said(text) => ring(&text, name),
        _ => None,
    };
    let ring = ring.unwrap_or_else(|| Finding::new("card ring", State::Ok, "the card has none to set"));
    vec![features.about(name), ring.about(name)]
}

fn offloads(text: &str, name: &str, sends: bool) -> Finding {
    let on = |feature: &str| {
        text.lines().any(|line| {
            line.trim()
                .strip_prefix(feature)
                .and_then(|rest| rest.strip_prefix(": "))
                .is_some_and(|value| value.starts_with("on") && !value.contains("[fixed]"))
        })
    };
    let sent = SENT.iter().filter(|_| sends);
    let short: Vec<&str> =
        RECEIVED.iter().chain(sent).filter(|(feature, _)| on(feature)).map(|(_, short)| *short).collect();
    if short.is_empty() {
        return Finding::new("offloads", State::Ok, "none builds giant frames");
    }
    let found = format!(
        "{} join segments to frames of up to 64 KiB: sizes and times are not those of the wire",
        short.join(", ")
    );
    let off: Vec<String> = short.iter().map(|short| format!("{short} off")).collect();
    Finding::new("offloads", State::Warn, found).mend(format!("run `ethtool -K {name} {}`", off.join(" ")))
}

/// The size of the ring now and at the most: the first and the second `RX:` line, the most first.
fn ring(text: &str, name: &str) -> Option<Finding> {
    let mut sizes = text.lines().filter_map(|line| line.strip_prefix("RX:")?.trim().parse::<u32>().ok());
    let (most, now) = (sizes.next()?, sizes.next()?);
    let found = format!("{now} of {most} frames");
    Some(if now < most {
        Finding::new(
            "card ring",
            State::Warn,
            format!("{found}: bursts overrun it before the kernel sees them"),
        )
        .mend(format!("run `ethtool -G {name} rx {most}`"))
    } else {
        Finding::new("card ring", State::Ok, found)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;

    const FEATURES: &str = "Features for eth1:\nrx-checksumming: on\ntcp-segmentation-offload: on\n\
        \ttx-tcp-segmentation: on\ngeneric-segmentation-offload: on\ngeneric-receive-offload: on\n\
        large-receive-offload: off [fixed]\nrx-gro-hw: on [fixed]\nrx-gro-list: off\n";
    const RING: &str = "Ring parameters for eth1:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nTX:\t\t4096\n\
        Current hardware settings:\nRX:\t\t512\nRX Mini:\tn/a\nTX:\t\t512\n";

    #[test]
    fn what_joins_segments_is_turned_off_in_one_command() {
        let listens = offloads(FEATURES, "eth1", false);
        assert_eq!(listens.state, State::Warn);
        assert_eq!(listens.mend.as_deref(), Some("run `ethtool -K eth1 gro off`"));
        let sends = offloads(FEATURES, "eth1", true);
        assert_eq!(sends.mend.as_deref(), Some("run `ethtool -K eth1 gro off tso off gso off`"));
        let plain = offloads(
            &FEATURES.replace("generic-receive-offload: on", "generic-receive-offload: off"),
            "eth1",
            false,
        );
        assert_eq!((plain.state, plain.mend), (State::Ok, None), "what is fixed cannot be turned off");
    }

    #[test]
    fn a_ring_below_its_most_is_enlarged() {
        let small = ring(RING, "eth1").unwrap();
        assert_eq!(small.mend.as_deref(), Some("run `ethtool -G eth1 rx 4096`"));
        assert_eq!(ring(&RING.replace("512", "4096"), "eth1").unwrap().state, State::Ok);
        assert_eq!(ring("Ring parameters for eth1:\n", "eth1"), None);
    }
}
