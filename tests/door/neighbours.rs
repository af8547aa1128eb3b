//! Another program of the sensor's own user on its machine, and a sensor that crashes.
//! Both are tried as a user without rights where the test has the rights to become one.
//! They promise that the kernel tells neighbours nothing of what the sensor holds, and that a crash leaves no core.
#![cfg(target_os = "linux")]

use crate::running::Running;
use crate::support::conversation::pcap;
use crate::support::figures::figure;
use rustix::process::Signal;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

const NOBODY: u32 = 65_534;

/// What only the owner of a process, and whoever may trace it, can read.
const OWN: [&str; 8] = ["mem", "maps", "smaps", "environ", "auxv", "pagemap", "syscall", "io"];

/// The command as a user who may trace nobody else's processes.
fn as_nobody(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// A folder with the program in it that nobody can use.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_heelguard"), place.path().join("program")).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(place.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    place
}

/// A sensor that has read secrets.
fn sensor(place: &Path) -> Running {
    let capture = pcap(include_str!("../cases/mfa-three-wrong-codes/traffic.txt"));
    Running::of(as_nobody(place.join("program")), place, &[], &capture)
}

/// Whether a neighbour of the same user may open it.
fn is_readable(id: u32, name: &str) -> bool {
    let output = as_nobody("head").args(["-c", "1"]).arg(format!("/proc/{id}/{name}")).output().unwrap();
    !String::from_utf8_lossy(&output.stderr).contains("ermission denied")
}

#[test]
fn a_neighbour_of_the_same_user_cannot_look_into_the_sensor() {
    let place = place();
    let running = sensor(place.path());
    // Of another program of that user all of it can be read: what is refused is the sensor's doing.
    let mut other = as_nobody("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    let readable = |id| OWN.into_iter().filter(|name| is_readable(id, name)).collect::<Vec<_>>();
    let (of_other, of_sensor) = (readable(other.id()), readable(running.id()));
    other.kill().unwrap();
    other.wait().unwrap();
    figure(
        "F11",
        "files of /proc that a neighbour of the same user can open",
        &format!("{} of {}, of another program {}", of_sensor.len(), OWN.len(), of_other.len()),
        of_sensor.is_empty(),
    );
    assert_eq!(of_sensor, Vec::<&str>::new());
    assert!(of_other.contains(&"mem") && of_other.contains(&"environ"), "{of_other:?}");
    assert!(running.end().success());
}

#[test]
fn a_sensor_that_crashes_leaves_no_core() {
    let place = place();
    for signal in [Signal::SEGV, Signal::ABORT, Signal::BUS] {
        let running = sensor(place.path());
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id()));
        let row = limits
            .ok()
            .and_then(|text| text.lines().find(|line| line.starts_with("Max core")).map(str::to_owned));
        assert!(row.is_none_or(|row| row.split_ascii_whitespace().filter(|word| *word == "0").count() == 2));
        let status = running.crash(signal);
        assert!(!status.core_dumped(), "{signal:?}: {status}");
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
        for entry in std::fs::read_dir(place.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with("core") && !name.ends_with("core"), "{name}");
        }
    }
    figure("F11", "core files of sensors that crashed", "0 of 3", true);
}
