//! A sensor's life as systemd hears it: the test runs itself as a child with a socket to talk to.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use super::*;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output};

/// Says everything there is to say, in the order of a life. Without a socket it says nothing, and nothing happens.
#[test]
fn a_life_is_told_from_start_to_end() {
    let notifier = Notifier::from_env();
    assert_eq!(notifier.watchdog_due().is_some(), std::env::var_os("WATCHDOG_USEC").is_some());
    notifier.ready();
    notifier.status("3 interfaces, 0 lost\nREADY=0");
    notifier.status("3 interfaces, 0 lost\nREADY=0");
    notifier.alive();
    notifier.alive();
    notifier.reloading();
    notifier.ready();
    notifier.stopping();
    assert!(std::env::var_os("NOTIFY_SOCKET").is_some() || !notifier.said(|said| said.complaint));
}

/// The test above in a process of its own.
fn live(variables: &[(&str, &str)]) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "cli::systemd::tests::a_life_is_told_from_start_to_end", "--nocapture"]);
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        child.env_remove(name);
    }
    let output = child.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    output
}

fn heard(socket: &UnixDatagram) -> Vec<String> {
    socket.set_nonblocking(true).unwrap();
    let mut messages = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(read) = socket.recv(&mut buffer) {
        messages.push(String::from_utf8(buffer[..read].to_vec()).unwrap());
    }
    messages
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_manager_hears_each_moment_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    live(&[("NOTIFY_SOCKET", path_text(&path)), ("WATCHDOG_USEC", "60000000")]);
    let messages = heard(&socket);
    let reloading = messages.iter().find(|message| message.starts_with("RELOADING=1")).unwrap();
    let time = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(time.parse::<u64>().unwrap() > 0);
    let told: Vec<&str> = messages.iter().filter_map(|message| message.lines().next()).collect();
    let life = [
        "READY=1",
        "STATUS=3 interfaces, 0 lost READY=0",
        "WATCHDOG=1",
        "RELOADING=1",
        "READY=1",
        "STOPPING=1",
    ];
    assert_eq!(told, life, "a status comes once, and the watchdog is not fed before its time");
}

#[test]
fn without_a_watchdog_it_is_not_fed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    live(&[("NOTIFY_SOCKET", path_text(&path))]);
    let messages = heard(&socket);
    assert!(
        messages.len() == 5 && !messages.iter().any(|message| message.contains("WATCHDOG")),
        "{messages:?}"
    );
}

#[test]
fn without_systemd_there_is_silence_and_with_a_dead_one_a_single_complaint() {
    let output = live(&[]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("systemd"), "{output:?}");
    let output = live(&[("NOTIFY_SOCKET", "/nonexistent/notify")]);
    assert_eq!(String::from_utf8_lossy(&output.stderr).matches("cannot be told").count(), 1, "{output:?}");
}

#[test]
fn the_watchdog_is_fed_when_it_is_due() {
    let every = Duration::from_secs(10);
    let notifier = Notifier { every: Some(every), ..Notifier::default() };
    assert_eq!(notifier.watchdog_due(), Some(Duration::ZERO), "never fed");
    for (ago, is_due) in [(3, false), (10, true), (60, true)] {
        let fed = Instant::now().checked_sub(Duration::from_secs(ago)).unwrap();
        // A clone is the same line.
        notifier.clone().said(|said| said.fed = Some(fed));
        assert_eq!(notifier.watchdog_due().unwrap().is_zero(), is_due, "{ago} s ago");
    }
    assert_eq!(Notifier::default().watchdog_due(), None);
}
