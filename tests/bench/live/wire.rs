//! A cable of two virtual interfaces, in a network namespace that nobody else is in.
//! It is stretched by the first thread before there are others, and is gone when the process ends.
//! It promises silence: nothing but what is sent through it comes out at the other end.

use super::cores::Core;
use super::socket;
use std::process::Command;

/// A cable with a sender's end and a listener's end.
pub(crate) struct Wire {
    pub(super) senders: Core,
}

impl Wire {
    /// Where frames go in.
    pub(crate) const FAR: &'static str = "veth0";
    /// Where they come out.
    pub(crate) const NEAR: &'static str = "veth1";

    /// Moves this process into a namespace of its own and makes the cable there; takes root.
    pub(crate) fn stretch() -> Result<Self, String> {
        socket::leave_network()
            .map_err(|error| format!("a network namespace of its own, which takes root: {error}"))?;
        // The kernel's own announcements would be counted as traffic.
        for scope in ["all", "default"] {
            let path = format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6");
            // A kernel without IPv6 announces nothing.
            let _ = std::fs::write(path, "1");
        }
        let (far, near) = (Self::FAR, Self::NEAR);
        ip("link set lo up")?;
        ip(&format!("link add {far} type veth peer name {near}"))?;
        for end in [far, near] {
            ip(&format!("link set {end} arp off multicast off promisc on up"))?;
        }
        Ok(Self { senders: Core::apart() })
    }

    /// Packets that came out at the near end since the cable was made, and those lost inside it.
    #[expect(clippy::unused_self, reason = "without a cable there is nothing to ask")]
    pub(crate) fn arrived(&self) -> Result<(u64, u64), String> {
        let text = std::fs::read_to_string("/proc/self/net/dev").map_err(|error| error.to_string())?;
        let row = |end: &str| {
            let line =
                text.lines().find_map(|line| line.trim_start().strip_prefix(end)?.strip_prefix(':'))?;
            Some(line.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u64>>())
        };
        // Received: bytes, packets, errors, drops and four more; then the same eight for sent.
        let (near, far) = (row(Self::NEAR), row(Self::FAR));
        let counts = near.zip(far).and_then(|(near, far)| Some((*near.get(1)?, near.get(3)? + far.get(11)?)));
        counts.ok_or_else(|| "the cable is gone".to_owned())
    }
}

fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip")
        .args(words.split(' '))
        .output()
        .map_err(|error| format!("ip ({error}): apt install iproute2"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {words}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
