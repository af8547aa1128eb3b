//! The device by traits that survive an update: the agent's product, the order of headers, the platform.
//! It is given the request's header lines one by one.
//! It promises that version numbers, and what proxies or single requests add, do not change a trait.
//!
//! The order is that of the headers nearly every request of a client carries. What comes and goes with the kind of
//! request (`Sec-Fetch-*`, `Upgrade-Insecure-Requests`) or with a browser's update (client hints) is no part of it.

use super::agent::{Agent, Agents, System};
use heelguard_detectors::transaction::{AgentKind, Device};

/// Headers that make an order; one alone has none.
const ORDER_HEADERS_MIN: u8 = 2;

/// Gathers traits while the headers are read.
#[derive(Default)]
pub(crate) struct Traits {
    order: Hash,
    ordered: u8,
    agent: Option<Agent>,
    platform: Option<System>,
    mobile: bool,
}

impl Traits {
    /// A header that belongs to the client's habits: its name counts by its place.
    pub(crate) fn in_order(&mut self, name: &[u8]) {
        self.order.add_all(name.iter().map(u8::to_ascii_lowercase));
        self.order.add(b'\n');
        self.ordered = self.ordered.saturating_add(1);
    }

    /// `User-Agent`.
    pub(crate) fn agent(&mut self, value: &[u8], agents: &mut Agents) {
        self.agent = (!value.is_empty()).then(|| agents.read(value));
    }

    /// `Sec-CH-UA-Platform`.
    pub(crate) fn platform(&mut self, value: &[u8]) {
        self.platform = System::hinted(value);
    }

    /// `Sec-CH-UA-Mobile`.
    pub(crate) fn mobile(&mut self, value: &[u8]) {
        self.mobile = value == b"?1";
    }

    /// What kind of program the client is.
    pub(crate) fn kind(&self) -> AgentKind {
        self.agent.map_or(AgentKind::Unknown, |agent| agent.kind)
    }

    /// The device, when anything is known of it. The handshake is not: its trait is absent.
    pub(crate) fn device(&self) -> Option<Device> {
        let order = if self.ordered < ORDER_HEADERS_MIN { 0 } else { self.order.short() };
        let traits = [0, self.agent_trait(), order, self.platform_trait()];
        (traits != [0; 4]).then_some(Device { traits })
    }

    /// Product and system: one app on two systems is two devices, whatever else agrees.
    fn agent_trait(&self) -> u32 {
        let Some(agent) = self.agent else { return 0 };
        let mut hash = Hash::default();
        hash.add_all(agent.product.to_be_bytes().into_iter());
        hash.add(agent.system.map_or(u8::MAX, |system| system as u8));
        hash.short()
    }

    /// The hinted system, else the one in the user agent. A program that names none (curl and its like) is told
    /// from one that does by naming none, and from its like by its product.
    fn platform_trait(&self) -> u32 {
        let mut hash = Hash::default();
        match (self.platform, self.agent) {
            (Some(system), _) | (None, Some(Agent { system: Some(system), .. })) => hash.add(system as u8),
            _ if self.mobile => hash.add(b'?'),
            (None, Some(agent)) => hash.add_all(agent.product.to_be_bytes().into_iter()),
            (None, None) => return 0,
        }
        hash.short()
    }
}

/// FNV-1a: short inputs, nothing is looked up by it.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hash {
    pub(super) fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }

    pub(super) fn add_all(&mut self, bytes: impl Iterator<Item = u8>) {
        for byte in bytes {
            self.add(byte);
        }
    }

    /// Never 0, which means absent.
    pub(super) fn short(self) -> u32 {
        ((self.0 >> 32) as u32 ^ self.0 as u32).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heelguard_detectors::transaction::{Comparison, DeviceTrait};

    /// A device from header lines, as they are told apart by the tables.
    fn device(lines: &[(&str, &str)]) -> Device {
        let mut traits = Traits::default();
        for (name, value) in lines {
            match *name {
                "User-Agent" => {
                    traits.in_order(name.as_bytes());
                    traits.agent(value.as_bytes(), &mut Agents::new());
                }
                "Sec-CH-UA-Platform" => traits.platform(value.as_bytes()),
                "Sec-CH-UA-Mobile" => traits.mobile(value.as_bytes()),
                _ => traits.in_order(name.as_bytes()),
            }
        }
        traits.device().unwrap()
    }

    #[track_caller]
    fn check(a: &[(&str, &str)], b: &[(&str, &str)], expected: Comparison) {
        assert_eq!(device(a).compare(&device(b)), expected, "{a:?} {b:?}");
    }

    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
    const CHROME_NEXT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    const BROWSER: [(&str, &str); 4] =
        [("User-Agent", CHROME), ("Accept", "*/*"), ("Accept-Encoding", "gzip"), ("Accept-Language", "de")];

    #[test]
    fn an_update_and_a_new_hint_keep_the_device() {
        let mut updated = BROWSER.to_vec();
        updated[0].1 = CHROME_NEXT;
        check(&BROWSER, &updated, Comparison::Same);
        updated.insert(0, ("Sec-CH-UA-Platform", "\"Windows\""));
        updated.insert(0, ("Sec-CH-UA-Mobile", "?0"));
        check(&BROWSER, &updated, Comparison::Same);
        assert_eq!(device(&BROWSER).changed(&device(&updated)).count(), 0);
    }

    #[test]
    fn another_order_of_headers_alone_is_no_other_device() {
        let [agent, accept, encoding, language] = BROWSER;
        check(&BROWSER, &[accept, agent, encoding, language], Comparison::Same);
        let changed = device(&BROWSER).changed(&device(&[accept, agent])).collect::<Vec<_>>();
        assert_eq!(changed, [DeviceTrait::HeaderOrder]);
        check(&[("User-Agent", "curl/8.5.0"), accept], &[("User-Agent", "curl/8.7.1")], Comparison::Same);
    }

    #[test]
    fn another_program_is_another_device_even_with_the_same_headers() {
        let with = |agent| [("User-Agent", agent), BROWSER[1], BROWSER[2], BROWSER[3]];
        for other in [
            "curl/8.5.0",
            "python-requests/2.32.3",
            "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
            "AcmeMobile/5.2.0 (Linux; Android 15; Pixel 8) okhttp/4.12.0",
        ] {
            check(&BROWSER, &with(other), Comparison::Different);
        }
        check(&with("curl/8.5.0"), &with("python-requests/2.32.3"), Comparison::Different);
        check(
            &with("AcmeMobile/5 (iPhone; iOS 18)"),
            &with("AcmeMobile/5 (Linux; Android 15)"),
            Comparison::Different,
        );
    }

    #[test]
    fn little_is_not_enough_to_tell() {
        check(&[("Accept", ""), ("Accept-Encoding", "")], &BROWSER, Comparison::Unknown);
        assert!(Traits::default().device().is_none());
        let mut lone = Traits::default();
        lone.in_order(b"accept");
        assert!(lone.device().is_none());
    }
}
