//! A report of a sensor's state: what it knew at its last checkpoint.
//! It is given the folder, or takes that of the configuration.
//! It promises to read alone: the sensor may be running, and goes on with its files as they are.

use crate::cli::Failure;
use crate::cli::replay::settings;
use crate::config::Raw;
use crate::ledger::Ledger;
use crate::pipeline::checkpoint::{self, Checkpoint};
use crate::report::{Kind, Range, Report, Sight, Source, Told, of_ledger};
use crate::sinks::inventory::Inventory;
use heelguard_detectors::saved::Damaged;
use std::path::Path;
use std::sync::Arc;

/// The report of the state in `folder`, or where a sensor with this configuration would keep its own.
pub(super) fn report(raw: &mut Raw, folder: Option<&Path>, range: Range) -> Result<Report, Failure> {
    raw.settle(false);
    let folder = folder.unwrap_or(&raw.state.dir).to_owned();
    if !folder.is_dir() {
        return Err(Failure::usage(no_state(&folder)));
    }
    let key = settings(raw)?.state_id();
    let kept = checkpoint::look(&folder, key).map_err(Failure::running)?;
    let kept = kept.ok_or_else(|| Failure::usage(no_state(&folder)))?;
    let shown = folder.display();
    let ledger = ledger_of_state(&kept).map_err(|why| Failure::running(format!("state {shown}: {why}")))?;
    let ledger = ledger.ok_or_else(|| {
        Failure::running(format!(
            "the state in {shown} holds no tables of what was seen: a version that kept none wrote it. `heelguard run` of \
             this version goes on from it and writes them with its next checkpoint"
        ))
    })?;
    let labels = raw.labels();
    let source = Source { kind: Kind::State, name: format!("state of the sensor in {}", folder.display()) };
    let told = Told { labels: &labels, source, range, sight: Sight::of_state() };
    Ok(of_ledger(&ledger, told))
}

/// The tables that a checkpoint holds; nothing where it holds none.
fn ledger_of_state(kept: &Checkpoint) -> Result<Option<Arc<Ledger>>, Damaged> {
    let ledger = Arc::new(Ledger::default());
    let mut inventory = Inventory::over(Arc::clone(&ledger));
    let mut parts = kept.of_outputs().peekable();
    let holds_some = parts.peek().is_some();
    parts.try_for_each(|(name, bytes)| inventory.load(name, bytes))?;
    Ok(holds_some.then_some(ledger))
}

fn no_state(folder: &Path) -> String {
    let found = if folder.as_os_str().is_empty() {
        "the configuration has no state.dir".to_owned()
    } else {
        format!("{} holds no state of a sensor", folder.display())
    };
    format!("{found}; name captures (heelguard report capture.pcap) or the folder of a sensor (--state DIR)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::checkpoint::Store;

    #[test]
    fn a_state_of_a_version_that_kept_no_tables_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut raw = Raw::default();
        raw.privacy.key_file = folder.path().join("key");
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let key = settings(&raw).unwrap().state_id();
        let store = Store::open(&state).unwrap();
        store.begin(key).unwrap().finish(Checkpoint::default().last).unwrap();
        let refused = report(&mut raw, Some(&state), Range::default()).err().unwrap().to_string();
        assert!(refused.contains("holds no tables of what was seen"), "{refused}");
        assert!(refused.contains("`heelguard run` of this version goes on from it"), "{refused}");
    }
}
