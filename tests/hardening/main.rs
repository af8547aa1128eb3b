//! What a process that has taken its rights from itself can still do, tried from inside.
//! Each attempt is a child of its own: this program again, which locks itself as the sensor does and then tries.
//! They promise that every attempt works without the locks, so that a refusal is theirs.
#![cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a test"
)]

mod attempts;
#[path = "../support/figures.rs"]
#[allow(dead_code, reason = "these proofs are as long as they can be")]
mod figures;

use attempts::{ATTEMPTS, Outcome};
use figures::figure;
use heelguard::hardening::{Calls, Config, Folders, Lock, Needs, confine};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

/// What tells a child what to try, and with which locks.
const ATTEMPT: &str = "HEELGUARD_TEST_ATTEMPT";
const LOCKS: &str = "HEELGUARD_TEST_LOCKS";
/// How the line with the outcome begins.
const SAID: &str = "outcome: ";
/// How the kernel ends a process that made a hostile call.
const SIGSYS: i32 = libc::SIGSYS;

fn config(is_locked: bool) -> Config {
    if is_locked {
        Config { seccomp: Calls::Required, landlock: Folders::Required }
    } else {
        Config { seccomp: Calls::Off, landlock: Folders::Off }
    }
}

fn needs(state: &Path) -> Needs {
    let mut needs = Needs::of_every_run(rustix::process::geteuid().is_root());
    needs.writes.push(state.to_owned());
    needs.file(&state.with_file_name("given").join("there"));
    needs
}

/// Not a test: what a child does. Without a word from its parent it does nothing.
#[test]
fn a_child_tries() {
    let Ok(name) = std::env::var(ATTEMPT) else { return };
    let (_, attempt) = ATTEMPTS.iter().find(|(known, _)| *known == name).expect("it is known");
    let folder = std::env::current_dir().unwrap();
    let is_locked = std::env::var_os(LOCKS).is_some();
    confine(&config(is_locked), &needs(&folder.join("state"))).expect("the locks hold");
    println!("\n{SAID}{}", attempt.run());
}

/// What becomes of an attempt.
fn tries(name: &str, is_locked: bool) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    for inner in ["state", "given", "elsewhere"] {
        std::fs::create_dir(folder.path().join(inner)).unwrap();
        std::fs::write(folder.path().join(inner).join("there"), "text").unwrap();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_child_tries", "--nocapture"]).env(ATTEMPT, name).current_dir(folder.path());
    if is_locked {
        command.env(LOCKS, "on");
    }
    let output = command.output().unwrap();
    if let Some(signal) = output.status.signal() {
        assert_eq!(signal, SIGSYS, "{name}");
        return Outcome::Killed;
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix(SAID));
    // A program that took the place of the child says nothing.
    let words = line.unwrap_or(if output.status.success() { "done" } else { "nothing" });
    Outcome::from_words(words)
        .unwrap_or_else(|| panic!("{name}: {said} {}", String::from_utf8_lossy(&output.stderr)))
}

/// The locks of a thread of this process, which ends with them.
fn locks(config: Config) -> Result<[Lock; 2], String> {
    std::thread::spawn(move || confine(&config, &needs(Path::new("/nowhere")))).join().unwrap()
}

/// Whether this kernel can do it at all; containers often forbid it.
fn has_locks() -> bool {
    match locks(config(true)) {
        Ok(_) => true,
        Err(why) => {
            eprintln!("\n*** NOT RUN: {why} ***\n");
            false
        }
    }
}

#[test]
fn what_a_taken_over_sensor_would_try_is_refused_or_ends_it() {
    if !has_locks() {
        return;
    }
    let mut wrong = Vec::new();
    for (name, attempt) in ATTEMPTS {
        let outcome = tries(name, true);
        if outcome != attempt.expected {
            wrong.push(format!("{name}: {outcome:?}, wanted {:?}", attempt.expected));
        }
    }
    let tried = ATTEMPTS.len();
    figure(
        "F12",
        "attempts from inside answered as promised",
        &format!("{} of {tried}", tried - wrong.len()),
        wrong.is_empty(),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_the_locks_none_of_it_is_theirs() {
    for (name, attempt) in ATTEMPTS {
        let outcome = tries(name, false);
        assert_ne!(outcome, Outcome::Killed, "{name}");
        let is_root = rustix::process::geteuid().is_root();
        if attempt.works_without && is_root {
            assert_eq!(outcome, Outcome::Done, "{name}");
        }
    }
}

#[test]
fn at_most_seventy_system_calls_are_left() {
    if !has_locks() {
        return;
    }
    for captures in [false, true] {
        let locked = move || {
            let needs = Needs { captures, ..needs(Path::new("/nowhere")) };
            confine(&config(true), &needs).unwrap()
        };
        let [calls, _] = std::thread::spawn(locked).join().unwrap();
        let count: u32 = calls.words.split(' ').next().unwrap().parse().unwrap();
        figure("F12", &format!("system calls left, captures: {captures}"), &calls.words, count <= 70);
        assert!((30..=70).contains(&count), "{}", calls.words);
    }
}

#[test]
fn what_is_off_is_told_to_be_off() {
    let locks = locks(config(false)).unwrap();
    for lock in locks {
        assert!(!lock.holds && lock.words == "off in the configuration", "{lock:?}");
    }
}

#[test]
fn the_log_alone_is_no_lock() {
    if !has_locks() {
        return;
    }
    let locks = locks(Config { seccomp: Calls::Log, landlock: Folders::On }).unwrap();
    assert!(!locks[0].holds && locks[1].holds, "{locks:?}");
    assert!(locks[0].words.starts_with("only logs what is not among"), "{locks:?}");
}

#[test]
fn where_a_lock_is_insisted_on_and_the_kernel_refuses_it_there_is_no_start() {
    if !has_locks() {
        return;
    }
    // A thread that has locked itself cannot install a second filter: that call is not on the list.
    let twice = || {
        confine(&config(true), &needs(Path::new("/nowhere"))).unwrap();
        let again = Config { seccomp: Calls::Required, landlock: Folders::Off };
        let tried = Config { seccomp: Calls::On, landlock: Folders::Off };
        (confine(&again, &Needs::default()), confine(&tried, &Needs::default()))
    };
    let (refused, tried) = std::thread::spawn(twice).join().unwrap();
    let why = refused.unwrap_err();
    assert!(why.starts_with("hardening.seccomp is \"required\": the kernel refuses seccomp"), "{why}");
    assert!(!tried.unwrap()[0].holds);
}
