//! The machine's clock and zone decide nothing: a capture gives the same bytes whatever they say.

use crate::clock::Clock;
use crate::support::conversation;
use crate::support::replay::{heelguard, text};
use std::path::Path;
use std::process::Command;

const HOUR: i64 = 3_600;
const TEN_YEARS: i64 = 87_660 * HOUR;
const RECORDS: [&str; 4] = ["alerts", "transactions", "stats", "inventory"];

/// Every byte that a replay writes.
fn records(home: &Path, capture: &Path, clock: impl FnOnce(&mut Command)) -> [Vec<u8>; 4] {
    let mut command = heelguard(home);
    command.args(["replay", "--shards", "2"]).arg(capture);
    for name in RECORDS {
        command.arg(format!("--{name}")).arg(home.join(name));
    }
    clock(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    RECORDS.map(|name| std::fs::read(home.join(name)).unwrap())
}

#[test]
fn a_capture_gives_the_same_bytes_whatever_the_clock_and_the_zone_say() {
    let home = tempfile::tempdir().unwrap();
    let clock = Clock::new(home.path());
    let capture = home.path().join("capture.pcap");
    std::fs::write(&capture, conversation::pcap(include_str!("../cases/mfa-three-wrong-codes/traffic.txt")))
        .unwrap();
    let expected = records(home.path(), &capture, |_| ());
    assert!(expected.iter().all(|bytes| !bytes.is_empty()));
    for seconds in [HOUR, -HOUR, TEN_YEARS, -TEN_YEARS, 20 * TEN_YEARS] {
        for jumps in [false, true] {
            let told = records(home.path(), &capture, |command| clock.off(command, seconds, jumps));
            assert!(told == expected, "{seconds} s off, jumps {jumps}");
        }
    }
    // A summer time that begins and ends, and one that counts leap seconds.
    for zone in ["America/New_York", "Pacific/Apia", "right/UTC", ":nowhere"] {
        let told = records(home.path(), &capture, |command| {
            command.env("TZ", zone);
        });
        assert!(told == expected, "{zone}");
    }
}
