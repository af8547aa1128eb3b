//! One capture, any number of shards, again and again: the same bytes.

use crate::support::conversation;
use crate::support::figures::{figure, sized};
use crate::support::replay::{folder, heelguard, text};
use heelguard::demo::{Day, Options};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SHARDS: [&str; 3] = ["1", "2", "8"];

/// A keyed sum of every record that one run writes.
fn records(home: &Path, capture: &Path, shards: &str) -> (blake3::Hash, usize) {
    let mut command = heelguard(home);
    command.args(["replay", "--shards", shards]).arg(capture);
    for name in ["alerts", "transactions", "stats", "inventory"] {
        command.arg(format!("--{name}")).arg(home.join(name));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let mut sum = blake3::Hasher::new();
    let mut alerts = 0;
    for name in ["alerts", "transactions", "stats", "inventory"] {
        let bytes = std::fs::read(home.join(name)).unwrap();
        sum.update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
        if name == "alerts" {
            alerts = memchr::memchr_iter(b'\n', &bytes).count();
        }
    }
    (sum.finalize(), alerts)
}

/// A generated day with attacks in it, as a capture.
fn day(home: &Path) -> PathBuf {
    let mut day = Day::new(Options { seed: 5, users: sized(8, 60), ..Options::default() });
    let mut bytes = conversation::pcap("");
    while let Some(packet) = day.next_packet() {
        let length = u32::try_from(packet.data.len()).unwrap();
        let since = std::time::Duration::from_nanos(packet.time.as_nanos());
        let seconds = u32::try_from(since.as_secs()).unwrap();
        for word in [seconds, since.subsec_micros(), length, packet.original_len] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(packet.data);
    }
    let capture = home.join("day.pcap");
    std::fs::write(&capture, bytes).unwrap();
    capture
}

#[test]
fn ten_runs_with_one_two_and_eight_shards_are_one_run() {
    let home = tempfile::tempdir().unwrap();
    let mut captures = vec![day(home.path())];
    captures.extend(folder("HEELGUARD_REALAUTH").map(|realauth| realauth.join("allauth-attack.pcap")));
    let runs = sized(3, 10);
    let (mut all, mut different) = (0, Vec::new());
    for capture in &captures {
        let mut sums = BTreeSet::new();
        for shards in SHARDS {
            for _ in 0..runs {
                let (sum, alerts) = records(home.path(), capture, shards);
                assert!(alerts > 10, "{alerts} alerts of {}", capture.display());
                sums.insert(sum.to_hex().to_string());
                all += 1;
            }
        }
        if sums.len() != 1 {
            different.push(format!("{}: {} different", capture.display(), sums.len()));
        }
    }
    let measured = format!("{all} runs over {} captures, {} that differ", captures.len(), different.len());
    figure("F19", "same bytes with 1, 2 and 8 shards, run again and again", &measured, different.is_empty());
    assert!(different.is_empty(), "{different:?}");
}
