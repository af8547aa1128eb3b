//! A client's device as its habits tell it, and what kind of program speaks for it.
//! The sensor fills the traits in as hashes; rules compare devices and name what changed.
//! It promises that what is not known of a device counts neither for it nor against it.

use crate::identity::named;
use crate::saved::saved;
use std::fmt;

named! {
    /// A habit by which a device is known.
    DeviceTrait {
        /// The TLS handshake, as stable JA4.
        Tls => "tls",
        /// The user agent's product and system, without versions.
        Agent => "agent",
        /// The order in which the request's headers stand.
        HeaderOrder => "header_order",
        /// The platform by client hint, else by the user agent.
        Platform => "platform",
    }
}

named! {
    /// What two devices have in common.
    Comparison {
        /// Most of what is known of both agrees.
        Same => "same",
        /// Most of it differs.
        Different => "different",
        /// Too little is known of both, or it says both.
        Unknown => "unknown",
    }
}

named! {
    /// What kind of program sent a request, by its user agent.
    AgentKind {
        /// A browser with a person in front of it.
        Browser => "browser",
        /// An app of a phone, tablet or desktop.
        App => "app",
        /// A program's HTTP library, or a command-line tool.
        Library => "library",
        /// A browser that a program drives.
        Headless => "headless",
        /// A crawler, monitor or scanner that says so.
        Bot => "bot",
        /// Not said, or a name that is in no list.
        Unknown => "unknown",
    }
}

impl AgentKind {
    /// Whether it says that a program acts and no person.
    pub fn is_script(self) -> bool {
        matches!(self, Self::Library | Self::Headless | Self::Bot)
    }
}

/// A device by four traits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// A hash of each trait, in the order of `DeviceTrait`; 0 where it is not known.
    pub traits: [u32; 4],
}

saved!(Device { traits } as |device: &Self| crate::shown::Shown::word(device));

impl Device {
    /// What the two have in common: one trait may change (an update, another network stack), more may not.
    /// Of four traits known on both sides three must agree, of three two, of two both; one alone says nothing.
    pub fn compare(&self, other: &Self) -> Comparison {
        let known = self.traits.iter().zip(other.traits).filter(|&(&a, b)| a != 0 && b != 0);
        let (known, agree) =
            known.fold((0, 0), |(known, agree), (&a, b)| (known + 1, agree + u32::from(a == b)));
        match (known, agree) {
            (0 | 1, _) | (2, 1) => Comparison::Unknown,
            (4, 3..) | (3, 2..) | (2, 2) => Comparison::Same,
            _ => Comparison::Different,
        }
    }

    /// Whether the two are known to be one device.
    pub fn same_as(&self, other: &Self) -> bool {
        self.compare(other) == Comparison::Same
    }

    /// Whether the two are known to be two devices.
    pub fn differs_from(&self, other: &Self) -> bool {
        self != other && self.compare(other) == Comparison::Different
    }

    /// The traits known on both sides that do not agree, in the order of `DeviceTrait`.
    pub fn changed(&self, other: &Self) -> impl Iterator<Item = DeviceTrait> + use<> {
        let pairs = self.traits.into_iter().zip(other.traits);
        let named = DeviceTrait::ALL.iter().copied().zip(pairs);
        named.filter(|&(_, (a, b))| a != 0 && b != 0 && a != b).map(|(name, _)| name)
    }
}

/// `d:` and eight hex digits over all traits but the order of headers, which one program may have several of.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [tls, agent, _, platform] = self.traits;
        let mix = |mixed: u32, part: u32| (mixed ^ part).wrapping_mul(0x9E37_79B1).rotate_left(15);
        write!(f, "d:{:08x}", [tls, agent, platform].into_iter().reduce(mix).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: [u32; 4], b: [u32; 4], expected: Comparison, changed: &[DeviceTrait]) {
        let (a, b) = (Device { traits: a }, Device { traits: b });
        assert_eq!((a.compare(&b), b.compare(&a)), (expected, expected), "{a:?} {b:?}");
        assert_eq!(a.changed(&b).collect::<Vec<_>>(), changed, "{a:?} {b:?}");
    }

    #[test]
    fn one_change_is_an_update_and_two_are_another_device() {
        use DeviceTrait::{Agent, HeaderOrder, Platform, Tls};
        check([1, 2, 3, 4], [1, 2, 3, 4], Comparison::Same, &[]);
        check([1, 2, 3, 4], [9, 2, 3, 4], Comparison::Same, &[Tls]);
        check([1, 2, 3, 4], [9, 9, 3, 4], Comparison::Different, &[Tls, Agent]);
        check([1, 2, 3, 4], [9, 9, 9, 9], Comparison::Different, &[Tls, Agent, HeaderOrder, Platform]);
        check([0, 2, 3, 4], [0, 2, 9, 4], Comparison::Same, &[HeaderOrder]);
        check([0, 2, 3, 4], [0, 9, 3, 9], Comparison::Different, &[Agent, Platform]);
    }

    #[test]
    fn what_is_absent_neither_agrees_nor_differs() {
        check([0, 2, 0, 4], [1, 2, 3, 4], Comparison::Same, &[]);
        check(
            [0, 2, 3, 0],
            [1, 9, 9, 4],
            Comparison::Different,
            &[DeviceTrait::Agent, DeviceTrait::HeaderOrder],
        );
        check([0, 2, 3, 0], [1, 2, 9, 4], Comparison::Unknown, &[DeviceTrait::HeaderOrder]);
        check([0, 0, 3, 0], [0, 0, 3, 0], Comparison::Unknown, &[]);
        check([0; 4], [1, 2, 3, 4], Comparison::Unknown, &[]);
    }

    #[test]
    fn a_device_keeps_its_name_when_its_headers_change_places() {
        let device = Device { traits: [1, 2, 3, 4] };
        assert_eq!(device.to_string(), Device { traits: [1, 2, 9, 4] }.to_string());
        assert_ne!(device.to_string(), Device { traits: [1, 9, 3, 4] }.to_string());
    }
}
