//! The start of a capture with rings: every interface, and who has which ring.
//! It is given a checked configuration and gives taps and a watcher, tied together by channels.
//! It promises one message for everything that is wrong with the interfaces, and no thread.

use super::config::Config;
use super::group::{self, Dealing, Failure};
use super::observer::{Interface, Observer};
use super::ring::Ring;
use super::rings::Rings;
use super::supervisor::Watcher;
use super::{OpenError, Opened, Stop, Supervisor, Tap, kernel_deals, known_interfaces, not_permitted};
use crossbeam_channel::bounded;
use std::sync::Arc;

/// Opens every interface with a ring for each shard.
pub(super) fn open(config: &Config, shards: usize) -> Result<Opened, OpenError> {
    let mut warnings = Vec::new();
    let mut interfaces = Vec::new();
    // Rings by shard, then by interface.
    let mut rings: Vec<Vec<Option<Ring>>> = std::iter::repeat_with(Vec::new).take(shards).collect();
    let mut missing = Vec::new();
    for name in &config.interfaces {
        let opened = match group::open(name, config, shards) {
            Ok(group) => {
                if group.dealing == Dealing::Kernel {
                    warnings.push(kernel_deals(name));
                }
                Some(group.rings)
            }
            Err(Failure::Missing) => {
                missing.push(name.as_str());
                continue;
            }
            Err(Failure::Down) => {
                warnings.push(format!("{name} is down: nothing is seen there until it is up"));
                None
            }
            Err(Failure::NotPermitted) => return Err(not_permitted(name)),
            Err(Failure::Setting(words)) if words.starts_with("capture.") => {
                return Err(OpenError::Setting(words));
            }
            Err(Failure::Setting(words)) => return Err(OpenError::Setting(format!("{name}: {words}"))),
            Err(Failure::System(words)) => return Err(OpenError::System(format!("{name}: {words}"))),
        };
        interfaces.push(Interface::new(name, shards, opened.is_some()));
        let mut opened = opened.into_iter().flatten();
        for rings in &mut rings {
            rings.push(opened.next());
        }
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(OpenError::Setting(format!("no interface {missing}{}", known_interfaces())));
    }
    let interfaces: Arc<[Interface]> = interfaces.into();
    let stop = Stop::default();
    let room = interfaces.len() * shards;
    let (returned_in, returned) = bounded(room);
    let (mut taps, mut senders) = (Vec::new(), Vec::new());
    for (shard, rings) in rings.into_iter().enumerate() {
        let (sender, arrivals) = bounded(interfaces.len());
        senders.push(sender);
        let shared = Arc::clone(&interfaces);
        let returned = returned_in.clone();
        taps.push(Tap::of_rings(Rings::new(shard, shared, rings, arrivals, returned, stop.clone())));
    }
    let watcher = Watcher::new(config, Arc::clone(&interfaces), senders, returned, stop.clone());
    let supervisor = Supervisor { watcher: Some(watcher) };
    Ok(Opened { taps, supervisor, observer: Observer { interfaces }, stop, warnings })
}
