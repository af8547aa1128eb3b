//! The unit files against those who read them: systemd's own judgement, and what sensor and worker rely on.
//! It reads those of `deploy/systemd` as text, and asks `systemd-analyze` where there is one.
//! It promises that a directive which would leave the sensor deaf, or more powerful than it must be, does not get in.

use super::source::root;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

const SENSOR: &str = "heelguard.service";
const WORKER: &str = "heelguard-detect.service";

/// Tenths of systemd's exposure level: what `systemd-analyze security` calls OK ends at 5.0.
const EXPOSURE_MAX: &str = "--threshold=15";

fn unit(name: &str) -> String {
    std::fs::read_to_string(root().join("deploy/systemd").join(name)).expect("the unit is there")
}

/// Values of a directive, in order.
fn values<'a>(unit: &'a str, directive: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(directive)?.strip_prefix('=')).collect()
}

/// What systemd says of the unit, with the program that was built in place of the installed one; `None` where there is
/// no systemd to ask.
fn systemd_says(name: &str, arguments: &[&str]) -> Option<Output> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("unit-{}", arguments.join("")));
    std::fs::create_dir_all(&folder).expect("a folder for the unit");
    let path = folder.join(name);
    let text = unit(name).replace("/usr/local/bin/heelguard", env!("CARGO_BIN_EXE_heelguard"));
    std::fs::write(&path, text).expect("a place for the unit");
    let asked = Command::new("systemd-analyze").args(arguments).arg(&path).output();
    if asked.is_err() {
        eprintln!("\n*** NOT RUN: systemd-analyze is not there to judge {name} ***\n");
    }
    asked.ok()
}

#[test]
fn systemd_understands_every_line() {
    for name in [SENSOR, WORKER] {
        let Some(output) = systemd_says(name, &["verify", "--man=no"]) else { return };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains(name), "{said}");
    }
}

#[test]
fn systemd_finds_little_exposed() {
    for name in [SENSOR, WORKER] {
        let Some(output) = systemd_says(name, &["security", "--offline=true", EXPOSURE_MAX]) else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_service_may_listen_and_nothing_else() {
    let unit = unit(SENSOR);
    for directive in ["AmbientCapabilities", "CapabilityBoundingSet"] {
        assert_eq!(values(&unit, directive), ["CAP_NET_RAW"], "{directive}");
    }
    let families: BTreeSet<&str> =
        values(&unit, "RestrictAddressFamilies").iter().flat_map(|line| line.split(' ')).collect();
    assert!(families.contains("AF_PACKET") && families.contains("AF_UNIX"), "{families:?}");
    for deaf in ["PrivateNetwork", "PrivateUsers"] {
        assert_eq!(values(&unit, deaf), Vec::<&str>::new(), "{deaf} leaves nothing to hear");
    }
    // Nothing privileged comes back in: the sensor has its one right already, and gives up nothing more with it.
    let locks = "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self";
    assert_eq!(values(&unit, "SystemCallFilter"), ["@system-service", "~@privileged @resources", locks]);
    assert_eq!(values(&unit, "LimitCORE"), ["0"]);
    assert_eq!(values(&unit, "MemorySwapMax"), ["0"]);
    assert_eq!(values(&unit, "RestartPreventExitStatus"), ["2"], "a wrong configuration stays wrong");
}

#[test]
fn the_workers_service_may_do_nothing_and_leaves_no_secret_on_disk() {
    let unit = unit(WORKER);
    assert_eq!(values(&unit, "CapabilityBoundingSet"), [""]);
    assert_eq!(values(&unit, "AmbientCapabilities"), Vec::<&str>::new());
    for (directive, value) in [("NoNewPrivileges", "yes"), ("LimitCORE", "0"), ("MemorySwapMax", "0")] {
        assert_eq!(values(&unit, directive), [value], "{directive}");
    }
    assert_eq!(values(&unit, "RestartPreventExitStatus"), ["2"], "a wrong configuration stays wrong");
}
