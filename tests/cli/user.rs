//! A sensor that root starts for another user, where that user has no home: what it writes, and where.
//! It runs on loopback below a /var/lib of its own, which takes root and `unshare`; without them it says so loudly.

use super::{Bench, Run};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

const HOME: &str = "/var/lib/heelguard";

/// The program as root on a machine that has no /var/lib/heelguard yet, then `looks` in a shell; `None` where that
/// cannot be made.
fn on_a_new_machine(bench: &Bench, arguments: &[&str], looks: &str) -> Option<Run> {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let may_mount = || {
        let mount =
            Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/var/lib"]).output();
        mount.is_ok_and(|output| output.status.success())
    };
    if !is_root || !may_mount() {
        eprintln!("\n*** NOT RUN: a machine of its own takes root and unshare ***\n");
        return None;
    }
    let program = bench.command();
    let script = format!("mount -t tmpfs tmpfs /var/lib && \"$0\" \"$@\" || echo failed; {looks}");
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .arg(program.get_program())
        .args(arguments)
        .current_dir(bench.folder.path())
        .env_remove("XDG_STATE_HOME")
        .output()
        .unwrap();
    Some(Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    })
}

#[test]
fn a_run_for_another_user_keeps_state_in_that_users_folder_and_writes_where_the_caller_stands() {
    let bench = Bench::new();
    let arguments = [
        "run",
        "-i",
        "lo",
        "--user",
        "nobody",
        "--duration",
        "1",
        "--shards",
        "1",
        "--alerts",
        "alerts",
        "--stats",
        "stats",
        "--set",
        "web.listen=127.0.0.1:0",
        "--set",
        "capture.ring_mib=8",
    ];
    let looks = format!("stat -c '%U %a' {HOME} && stat -c '%U %a' {HOME}/fingerprint.key");
    let Some(run) = on_a_new_machine(&bench, &arguments, &looks) else { return };
    assert_eq!(run.succeeds().out, "nobody 700\nnobody 600\n", "{}", run.err);
    // The test's folder is root's alone.
    assert!(bench.read("stats").contains("\"balanced\":true"));
    assert_eq!(bench.read("alerts"), "");
}

#[test]
fn the_doctor_looks_where_that_run_would_write() {
    let bench = Bench::new();
    let arguments = ["doctor", "--user", "nobody", "--set", "web.listen=127.0.0.1:0"];
    let Some(run) = on_a_new_machine(&bench, &arguments, &format!("ls -A {HOME} 2>&1")) else { return };
    for wanted in [
        format!("{HOME} is not there yet and is made by the first run"),
        format!("{HOME}/fingerprint.key is made by the first run"),
    ] {
        assert!(run.out.contains(&wanted), "{wanted} is missing in\n{}", run.out);
    }
    assert!(run.out.contains("No such file"), "it made the folder: {}", run.out);
}
