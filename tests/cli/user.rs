//! A sensor that root starts for another user, where that user has no home: what it writes, and where; and a worker, which
//! needs no right. The sensor runs on loopback below a /var/lib of its own, which takes root and `unshare`; without them it
//! says so loudly.

use super::{Bench, Run};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

const HOME: &str = "/var/lib/heelguard";
/// What must come has come by then, on any machine.
const PATIENCE: Duration = Duration::from_mins(1);

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

/// A worker, which looks for a broker that is not there; it ends with the test.
struct Worker(std::process::Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_worker_keeps_no_right_whoever_starts_it() {
    let bench = Bench::new();
    let said = bench.path("said");
    let mut command = bench.command();
    command.args(["detect", "--alerts", "alerts", "--set", "sinks.kafka.brokers=127.0.0.1:9"]);
    command.args(["--set", "web.listen=127.0.0.1:0"]).stderr(std::fs::File::create(&said).unwrap());
    let worker = Worker(command.spawn().unwrap());
    let began = Instant::now();
    while !bench.read("said").contains("tried again until it works") {
        assert!(began.elapsed() < PATIENCE, "{}", bench.read("said"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut threads = 0;
    for task in std::fs::read_dir(format!("/proc/{}/task", worker.0.id())).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(value(set), "0000000000000000", "{status}");
        }
        assert_eq!((value("NoNewPrivs:"), value("Seccomp:")), ("1", "2"), "{status}");
        threads += 1;
    }
    assert!(threads > 3, "{threads} threads");
    assert!(!bench.read("said").contains("--user"), "it has no such option: {}", bench.read("said"));
}
