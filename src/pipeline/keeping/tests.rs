//! Checkpoints of a sensor that has no time: part by part, between transactions, and what a restart knows of them.

use super::*;
use crate::pipeline::Progress;
use heelguard_detectors::alert::Alert;
use heelguard_detectors::runtime::RuntimeConfig;
use heelguard_detectors::story::transactions;
use std::path::Path;

/// Outputs that gathered two letters, and say whether they have written everything.
struct Told {
    settled: bool,
    letters: Vec<u8>,
}

impl Outputs for Told {
    fn alert(&mut self, _: &Alert) -> anyhow::Result<()> {
        Ok(())
    }
    fn transaction(&mut self, _: &Transaction) -> anyhow::Result<()> {
        Ok(())
    }
    fn progress(&mut self, _: &Progress) {}
    fn settle(&mut self) -> bool {
        self.settled
    }
    fn parts(&self) -> Vec<String> {
        vec!["letters".to_owned()]
    }
    fn memory(&self, part: &str) -> Option<Vec<u8>> {
        (part == "letters").then(|| self.letters.clone())
    }
    fn remember(&mut self, _: &str, bytes: &[u8]) -> Result<(), heelguard_detectors::saved::Damaged> {
        self.letters = bytes.to_vec();
        Ok(())
    }
}

/// A sensor's ordered half over a folder.
struct Half {
    memory: Memory,
    keeper: Keeper,
    outputs: Told,
    told: Vec<String>,
}

fn runtime() -> Runtime {
    Runtime::new(RuntimeConfig::default()).unwrap()
}

impl Half {
    fn over(folder: &Path) -> Self {
        let (lineage, routes) = (LineageConfig::default(), RoutesConfig::default());
        let mut memory = Memory {
            lineage: Lineage::new(&lineage),
            routes: Routes::new(routes.clone()),
            detectors: runtime(),
        };
        let (mut outputs, mut told) = (Told { settled: true, letters: b"ab".to_vec() }, Vec::new());
        let config = Config { dir: folder.to_owned(), interval_s: 1 };
        let keeper =
            Keeper::open(&config, &mut memory, (&lineage, &routes), runtime(), &mut outputs, &mut told)
                .unwrap();
        Self { memory, keeper, outputs, told }
    }

    /// Sees transactions; the alerts are those of its rules.
    fn see(&mut self, story: &str) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for tx in transactions(story).unwrap() {
            assert!(!self.keeper.knows(&tx));
            self.memory.detectors.observe(&tx, &mut alerts);
        }
        alerts
    }

    /// Gives the keeper a turn; whether traffic waited for it.
    fn turn(&mut self) -> bool {
        self.keeper.keep_slice(&self.memory, &mut self.outputs, &mut self.told).is_some()
    }

    /// Gives it turns until the checkpoint is on disk or given up; how often traffic waited.
    fn turns(&mut self) -> usize {
        let mut waited = 0;
        loop {
            waited += usize::from(self.turn());
            if matches!(self.keeper.turn, Turn::Rest) && !self.keeper.is_due() {
                return waited;
            }
            std::thread::yield_now();
        }
    }
}

const TWO_WRONG: &str =
    "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann factor=totp outcome=fail_code every 20s x2";
const THIRD: &str = "10:01:00 203.0.113.7 -> mfa POST /mfa 401 user=ann factor=totp outcome=fail_code";

#[test]
fn a_checkpoint_is_written_part_by_part_and_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = Half::over(folder.path());
    assert!(before.see(TWO_WRONG).is_empty());
    // A rule that remembers nothing has a part of no bytes, which is passed over.
    let slice = |name: &Arc<str>| before.memory.slice(name, Cursor::default(), &before.outputs).0;
    let parts = before.memory.parts(&before.outputs).iter().filter(|name| !slice(name).is_empty()).count();
    assert_eq!(before.turns(), parts + 1, "each part, and the end, is a pause of its own");
    assert_eq!(before.told, Vec::<String>::new());
    before.outputs.letters.clear();
    drop(before);

    let mut after = reopened(folder.path());
    assert_eq!(after.outputs.letters, b"ab");
    assert_eq!(after.see(THIRD).len(), 1, "the first two codes are known");

    // The innocent twin: one wrong code on an empty memory.
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(Half::over(elsewhere.path()).see(THIRD).is_empty());
}

#[test]
fn what_happens_between_two_parts_is_missing_in_those_before_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = Half::over(folder.path());
    before.see(TWO_WRONG);
    while !matches!(before.keeper.turn, Turn::Parts(..)) {
        before.turn();
    }
    // One part at least is written before the third code comes; the alert is told by then.
    while !before.turn() {
        std::thread::yield_now();
    }
    assert_eq!(before.see(THIRD).len(), 1);
    before.turns();
    drop(before);
    let mut after = reopened(folder.path());
    assert!(
        after
            .see("10:01:10 203.0.113.8 -> mfa POST /mfa 401 user=bob factor=totp outcome=fail_code")
            .is_empty()
    );
    assert_eq!(after.keeper.known_until(), transactions(THIRD).unwrap()[0].end);
}

#[test]
fn state_that_knows_an_alert_which_was_not_written_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut half = Half::over(folder.path());
    half.outputs.settled = false;
    half.see(TWO_WRONG);
    half.turns();
    half.keeper.keep(&half.memory, &mut half.outputs, &mut half.told);
    drop(half);
    let names = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let patience = Instant::now() + Duration::from_secs(10);
    while names().any(|name| name == "checkpoint.new") && Instant::now() < patience {
        std::thread::yield_now();
    }
    assert_eq!(names().collect::<Vec<_>>(), ["lock"]);
}

#[test]
fn a_folder_that_is_gone_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut half = Half::over(&folder.path().join("state"));
    std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    half.see(TWO_WRONG);
    half.turns();
    half.see("10:02:00 203.0.113.7 -> use GET /me 200 user=ann every 2s x2");
    half.turns();
    half.keeper.keep(&half.memory, &mut half.outputs, &mut half.told);
    assert_eq!(half.told.len(), 1, "{:?}", half.told);
    assert!(half.told[0].contains("state cannot be written"), "{:?}", half.told);
}

/// The next run, once the thread of the one before has let go of the folder.
fn reopened(folder: &Path) -> Half {
    let patience = Instant::now() + Duration::from_secs(10);
    while crate::pipeline::checkpoint::Store::open(folder).is_err() && Instant::now() < patience {
        std::thread::yield_now();
    }
    Half::over(folder)
}
