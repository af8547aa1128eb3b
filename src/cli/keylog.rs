//! TLS secrets for a command: a key log beside the traffic, and what captures bring themselves.
//! It is given the configuration, and opens, reads or follows what it names.
//! It promises that a replay knows all secrets of files before its first packet, and that a sensor waits for none.

use super::{Failure, warn};
use crate::capture::replay::Timeline;
use crate::config::Raw;
use crate::tls::decrypt::{Follower, KeyStore, Lines};
use std::sync::Arc;

/// What a replay can know; `None` when that is nothing.
pub(super) fn read(raw: &Raw, timeline: &mut Timeline) -> Result<Option<Arc<KeyStore>>, Failure> {
    let keys = Arc::new(KeyStore::new(raw.tls.secrets_max, timeline.may_bring_secrets()));
    let has_file = !raw.tls.keylog.as_os_str().is_empty();
    if has_file && let Some(warning) = keys.read_file(&raw.tls.keylog).map_err(Failure::running)? {
        warn(&warning);
    }
    let (mut lines, store) = (Lines::default(), Arc::clone(&keys));
    timeline.tell_secrets(Box::new(move |piece, since| lines.read(piece, since, &store)));
    let counters = keys.counters();
    if counters.forgotten > 0 {
        warn(&format!(
            "tls.secrets_max: the secrets of {} connections were forgotten for this limit",
            counters.forgotten
        ));
    }
    if has_file && counters.taken == 0 {
        warn(&format!("key log {}: there is no secret in it", raw.tls.keylog.display()));
    }
    Ok((has_file || keys.grows() || counters.taken > 0).then_some(keys))
}

/// The key log of a sensor, opened; what follows it is started when threads may be.
pub(super) fn open(raw: &Raw) -> Result<Option<(Arc<KeyStore>, Follower)>, Failure> {
    if raw.tls.keylog.as_os_str().is_empty() {
        return Ok(None);
    }
    let follower = Follower::open(&raw.tls.keylog).map_err(Failure::running)?;
    Ok(Some((Arc::new(KeyStore::new(raw.tls.secrets_max, true)), follower)))
}
