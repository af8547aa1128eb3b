//! What an operator may set about live capture.
//! It is given the keys of `[capture]` that decoding does not know, and says what of them cannot be.
//! It promises defaults that are right on a mirror port, and messages that name key and allowed values.

use serde::{Deserialize, Serialize};

/// Largest and smallest ring, in MiB.
const RING_MIB: std::ops::RangeInclusive<u32> = 1..=4_096;
/// Largest and smallest block, in KiB. A block holds whole frames, and the largest frame is half a MiB.
const BLOCK_KIB: std::ops::RangeInclusive<u32> = 64..=65_536;
/// The shortest snap length that leaves room for headers, and the longest that libpcap knows.
const SNAPLEN: std::ops::RangeInclusive<u32> = 256..=262_144;
/// A filter longer than this is a mistake.
const FILTER_BYTES_MAX: usize = 65_536;
/// A name of an interface is shorter than this.
const NAME_BYTES_MAX: usize = 16;
/// The kernel has one page size or a multiple of it for blocks; this is the largest page in use.
const PAGE_KIB: u32 = 64;
/// So many interfaces are a mistake.
const INTERFACES_MAX: usize = 64;

/// `[capture]`: where packets come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Config {
    /// Interfaces to listen on; a flow may come in on one and go out on another.
    pub interfaces: Vec<String>,
    /// How packets are taken from the kernel.
    pub backend: Backend,
    /// What the kernel is to hand over, in the language of `tcpdump`. Empty is everything, and is right: a filter
    /// such as `tcp port 8080` does not match what is inside tunnels, nor fragments behind the first.
    pub filter: String,
    /// Whether frames for other hosts are taken, as they come on a mirror port.
    pub promiscuous: bool,
    /// Memory for packets that wait to be read, for each interface and shard.
    pub ring_mib: u32,
    /// The ring is handed over in blocks of this size. A block is handed over after some time however little is in
    /// it, so that smaller ones let the ring bridge a longer pause of the sensor where traffic is thin.
    pub block_kib: u32,
    /// Bytes taken of each frame. Frames that the network card joined, or is still to cut, are far longer than the MTU.
    pub snaplen: u32,
    /// Whose clock tells when a frame came.
    pub hardware_timestamps: HardwareTimestamps,
}

/// How packets are taken from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A ring shared with the Linux kernel, one for each shard; nothing is copied.
    AfPacket,
    /// The portable library.
    Libpcap,
}

impl Default for Backend {
    fn default() -> Self {
        if cfg!(target_os = "linux") { Self::AfPacket } else { Self::Libpcap }
    }
}

/// Whose clock tells when a frame came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HardwareTimestamps {
    /// The network card's, where it has been told to stamp frames (as a PTP daemon does); the kernel's elsewhere.
    #[default]
    Auto,
    /// The kernel's: for cards whose clock nobody sets.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            backend: Backend::default(),
            filter: String::new(),
            promiscuous: true,
            // Half a second of a busy gigabit.
            ring_mib: 64,
            block_kib: 256,
            snaplen: *SNAPLEN.end(),
            hardware_timestamps: HardwareTimestamps::Auto,
        }
    }
}

impl Config {
    /// What cannot be, naming the key and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        within("ring_mib", self.ring_mib, &RING_MIB)?;
        within("block_kib", self.block_kib, &BLOCK_KIB)?;
        within("snaplen", self.snaplen, &SNAPLEN)?;
        if !self.block_kib.is_multiple_of(PAGE_KIB) {
            return Err(format!(
                "capture.block_kib: {} is not a multiple of {PAGE_KIB}, the size of a page",
                self.block_kib
            ));
        }
        if !(self.ring_mib * 1_024).is_multiple_of(self.block_kib) || self.blocks() < 2 {
            return Err(format!(
                "capture.block_kib: {} does not divide capture.ring_mib = {} into two blocks or more",
                self.block_kib, self.ring_mib
            ));
        }
        if self.filter.len() > FILTER_BYTES_MAX {
            return Err(format!("capture.filter: longer than {FILTER_BYTES_MAX} bytes"));
        }
        if self.interfaces.len() > INTERFACES_MAX {
            return Err(format!("capture.interfaces: more than {INTERFACES_MAX}"));
        }
        for (at, name) in self.interfaces.iter().enumerate() {
            let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '/';
            let too_long = self.backend == Backend::AfPacket && name.len() >= NAME_BYTES_MAX;
            if name.is_empty() || too_long || name.contains(is_odd) {
                return Err(format!(
                    "capture.interfaces: {name:?} is no name of an interface, as in \"eth0\""
                ));
            }
            if self.interfaces.iter().take(at).any(|earlier| earlier == name) {
                return Err(format!("capture.interfaces: {name} is there twice"));
            }
        }
        Ok(())
    }

    /// Blocks of one ring.
    pub(super) fn blocks(&self) -> u32 {
        self.ring_mib * 1_024 / self.block_kib.max(1)
    }
}

fn within(key: &str, value: u32, allowed: &std::ops::RangeInclusive<u32>) -> Result<(), String> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(format!("capture.{key}: {value} is not in {} to {}", allowed.start(), allowed.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Config), expected: &str) {
        let mut config = Config::default();
        change(&mut config);
        assert_eq!(config.check().err().unwrap_or_default(), expected);
    }

    #[test]
    fn the_default_is_right_and_its_neighbours_are_told_apart() {
        check(|_| {}, "");
        check(|config| config.ring_mib = 4_096, "");
        check(|config| config.ring_mib = 4_097, "capture.ring_mib: 4097 is not in 1 to 4096");
        check(|config| config.ring_mib = 0, "capture.ring_mib: 0 is not in 1 to 4096");
        check(|config| config.snaplen = 255, "capture.snaplen: 255 is not in 256 to 262144");
    }

    #[test]
    fn blocks_divide_the_ring_in_pages() {
        check(|config| config.block_kib = 4_096, "");
        check(
            |config| config.block_kib = 1_000,
            "capture.block_kib: 1000 is not a multiple of 64, the size of a page",
        );
        check(
            |config| config.block_kib = 3_072,
            "capture.block_kib: 3072 does not divide capture.ring_mib = 64 into two blocks or more",
        );
        check(
            |config| (config.ring_mib, config.block_kib) = (1, 1_024),
            "capture.block_kib: 1024 does not divide capture.ring_mib = 1 into two blocks or more",
        );
    }

    #[test]
    fn interfaces_have_names_and_each_is_there_once() {
        let named = |names: &'static [&'static str]| {
            move |config: &mut Config| config.interfaces = names.iter().map(ToString::to_string).collect()
        };
        check(named(&["eth0", "eth1.100", "wg0"]), "");
        check(named(&["eth0", "eth0"]), "capture.interfaces: eth0 is there twice");
        check(named(&[""]), "capture.interfaces: \"\" is no name of an interface, as in \"eth0\"");
        check(named(&["eth 0"]), "capture.interfaces: \"eth 0\" is no name of an interface, as in \"eth0\"");
    }
}
