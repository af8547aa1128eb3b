//! A report of a sensor's state: what it knew at its last checkpoint.
//! It is given the folder, or takes that of the configuration.
//! It promises to read alone: the sensor may be running, and goes on with its files as they are.

use crate::cli::Failure;
use crate::cli::replay::settings;
use crate::config::Raw;
use crate::ledger::Ledger;
use crate::pipeline::checkpoint::{self, Checkpoint};
use crate::report::{Range, Report, Sight, Source, Told, of_ledger};
use std::path::Path;

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
    let ledger = ledger_of_state(&kept).ok_or_else(|| {
        Failure::running(format!(
            "the state in {} holds no tables of what was seen; a sensor of this version writes them",
            folder.display()
        ))
    })?;
    let labels = raw.labels();
    let source = Source { kind: "state", name: format!("state of the sensor in {}", folder.display()) };
    let told = Told { labels: &labels, source, range, is_cut: false, sight: Sight::of_state() };
    Ok(of_ledger(&ledger, told))
}

/// The tables that a checkpoint holds; the one place that knows where they are in it.
fn ledger_of_state(_: &Checkpoint) -> Option<Ledger> {
    None
}

fn no_state(folder: &Path) -> String {
    let found = if folder.as_os_str().is_empty() {
        "the configuration has no state.dir".to_owned()
    } else {
        format!("{} holds no state of a sensor", folder.display())
    };
    format!("{found}; name captures (heelguard report capture.pcap) or the folder of a sensor (--state DIR)")
}
