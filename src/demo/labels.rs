//! What is in the traffic: each attack, and each innocent that looks like one.
//! They are written by whoever writes the traffic and compared with what a sensor says.
//! They promise names and spans only: a label says that an alert is due, not how it must read.

use heelguard_detectors::time::EventTime;
use std::net::IpAddr;

/// One thing that a sensor should say, or should not.
#[derive(Clone, Debug)]
pub struct Label {
    /// The detector that is meant.
    pub detector: &'static str,
    /// Other detectors that rightly speak up about the same events.
    pub also: &'static [&'static str],
    /// An innocent: `detector` should stay silent about it.
    pub benign: bool,
    /// Every name of the account it is about; empty when it is about none.
    pub principals: Vec<String>,
    /// The addresses it comes from.
    pub clients: Vec<IpAddr>,
    /// The host it happens on, and the route unless it is empty.
    pub endpoint: Option<(&'static str, &'static str)>,
    /// The first event.
    pub from: EventTime,
    /// The last event.
    pub to: EventTime,
    /// The story in one sentence.
    pub note: &'static str,
}

impl Label {
    /// Who or where, in a few words.
    pub fn subject(&self) -> String {
        match (self.principals.first(), self.clients.first(), self.endpoint) {
            (Some(name), ..) => name.clone(),
            (None, Some(address), _) => address.to_string(),
            (None, None, Some((host, route))) => format!("{host}{route}"),
            (None, None, None) => String::from("-"),
        }
    }
}
