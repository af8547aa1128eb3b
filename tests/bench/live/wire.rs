//! The cable of a measurement, in a network of this process's own, and who runs where.
//! It is stretched by the first thread before there are others, and is gone when the process ends.
//! It promises silence: nothing but what is sent through it comes out at the other end.

use super::cable;
use super::cores::Core;

/// A cable with a sender's end and a listener's end.
pub(crate) struct Wire {
    pub(super) senders: Core,
}

impl Wire {
    /// Where frames go in.
    pub(crate) const FAR: &'static str = "veth0";
    /// Where they come out.
    pub(crate) const NEAR: &'static str = "veth1";

    /// Moves this process into a network of its own and makes the cable there; takes root.
    pub(crate) fn stretch() -> Result<Self, String> {
        cable::leave_network()?;
        cable::stretch(Self::FAR, Self::NEAR)?;
        Ok(Self { senders: Core::apart() })
    }

    /// Packets that came out at the near end since the cable was made, and those lost inside it.
    #[expect(clippy::unused_self, reason = "without a cable there is nothing to ask")]
    pub(crate) fn arrived(&self) -> Result<(u64, u64), String> {
        cable::arrived(Self::FAR, Self::NEAR)
    }
}
