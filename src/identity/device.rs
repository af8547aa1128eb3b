//! The device by traits that survive an update: user-agent family, header order, platform hint.
//! It is given the request's header lines one by one.
//! It promises that version numbers and what proxies add do not change a trait.

use heelguard_detectors::transaction::Device;

/// Gathers traits while the headers are read.
#[derive(Default)]
pub(crate) struct Traits {
    order: Hash,
    agent: u32,
    system: u32,
    platform: u32,
}

impl Traits {
    /// A header that belongs to the client's habits: its name counts by its place.
    pub(crate) fn in_order(&mut self, name: &[u8]) {
        self.order.add_all(name.iter().map(u8::to_ascii_lowercase));
        self.order.add(b'\n');
    }

    /// The user agent without versions: digits and what joins them are left out.
    pub(crate) fn agent(&mut self, value: &[u8]) {
        self.agent = hash(value.iter().copied().filter(|b| !b.is_ascii_digit() && !matches!(b, b'.' | b'_')));
        let comment = value.iter().position(|&b| b == b'(').and_then(|from| value.get(from..));
        let system = comment.and_then(|c| c.iter().position(|&b| b == b')').and_then(|to| c.get(..to)));
        self.system = system.map_or(0, |s| {
            hash(s.iter().copied().filter(|b| !b.is_ascii_digit() && !matches!(b, b'.' | b'_')))
        });
    }

    /// `Sec-CH-UA-Platform`.
    pub(crate) fn platform(&mut self, value: &[u8]) {
        self.platform = hash(value.iter().copied());
    }

    /// The device, when anything is known of it. Where there is no client hint, the system in the user agent
    /// stands for the platform. Where there is no TLS handshake, the user agent stands for JA4 as well:
    /// absent traits would agree with each other and make all devices one.
    pub(crate) fn device(&self) -> Option<Device> {
        if self.agent == 0 && self.order.0 == Hash::default().0 {
            return None;
        }
        let order = if self.order.0 == Hash::default().0 { 0 } else { self.order.short() };
        let platform = if self.platform == 0 { self.system } else { self.platform };
        Some(Device { traits: [self.agent, self.agent, order, platform] })
    }
}

/// FNV-1a: short inputs, nothing is looked up by it.
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hash {
    fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }

    fn add_all(&mut self, bytes: impl Iterator<Item = u8>) {
        for byte in bytes {
            self.add(byte);
        }
    }

    /// Never 0, which means absent.
    fn short(&self) -> u32 {
        ((self.0 >> 32) as u32 ^ self.0 as u32).max(1)
    }
}

fn hash(bytes: impl Iterator<Item = u8>) -> u32 {
    let mut hash = Hash::default();
    hash.add_all(bytes);
    hash.short()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(agent: &str, order: &[&str]) -> Device {
        let mut traits = Traits::default();
        for name in order {
            traits.in_order(name.as_bytes());
        }
        traits.agent(agent.as_bytes());
        traits.device().unwrap()
    }

    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";

    #[test]
    fn an_update_keeps_the_device_and_another_program_does_not() {
        let order = ["User-Agent", "Accept-Encoding", "Accept"];
        let chrome = device(CHROME, &order);
        assert!(chrome.same_as(&device(&CHROME.replace("141", "142"), &order)));
        assert!(!chrome.same_as(&device(
            "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
            &order
        )));
        assert!(!chrome.same_as(&device("curl/8.7.1", &["User-Agent", "Accept"])));
        assert!(chrome.same_as(&device(CHROME, &["Accept", "User-Agent"])));
        assert!(Traits::default().device().is_none());
    }
}
