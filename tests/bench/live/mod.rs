//! Measurements on a live interface: a virtual cable, a sender on one end, a listener on the other.
//! They are given traffic and a rate and give what arrived, what was dropped, and what the listener used.
//! They promise connections that are new in every round, so that a listener never sees a packet twice.

mod climb;
mod cores;
mod listener;
mod page;
mod round;
mod sender;
mod socket;
mod used;
mod wire;

pub(crate) use climb::{Climb, Climber, Step};
pub(crate) use listener::{Listener, Listening, Outcome};
pub(crate) use round::Round;
pub(crate) use sender::{Sender, Told};
pub(crate) use used::Used;
pub(crate) use wire::Wire;
