//! The proof that nothing is lost: a sensor that is killed at every call that matters and at random moments, with the
//! broker up, stopped and down, delivers each alert that it should, and none that it should not.
//! `make test` runs a small loop; `make kill-loop` the whole one, and the same for sensors with seeded bugs, which it
//! must find. Needs Kafka (`make services`), strace and a C compiler.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it is a test"
)]

#[path = "../support/conversation.rs"]
mod conversation;
#[path = "../support/figures.rs"]
mod figures;
mod kills;
mod outage;
#[path = "../support/proxy.rs"]
mod proxy;
mod sensor;
#[path = "../support/services.rs"]
mod services;
mod spool;
mod traffic;
mod truth;

use figures::{figure, sized};
use kills::{Kafka, Outcome, Plan};
use proxy::Proxy;
use services::Service;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Calls that change what lies on disk or on the wire.
const CALLS: &[&str] = &[
    "fdatasync",
    "fsync",
    "rename,renameat,renameat2",
    "unlink,unlinkat",
    "ftruncate",
    "pwrite64",
    "write",
    "sendmsg,sendto",
];
const NUMBERS: &[u32] = &[1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 21, 27, 34, 44, 55, 70, 89];
/// In the long form.
const KILLS_PROMISED: usize = 260;
const WINDOW: Duration = Duration::from_secs(2);

const SMALL: Plan = Plan {
    name: "small",
    alerts: 500,
    calls: &["fdatasync", "pwrite64", "rename,renameat,renameat2"],
    numbers: &[1, 3],
    at_calls_min: 5,
    random: 12,
    window: Duration::from_secs(1),
    bug: None,
    checkpoint_s: 10,
    power_loss: false,
    slow_disk: false,
    live: false,
};

/// The whole loop, and what else must hold.
fn plans() -> Vec<Plan> {
    let full = Plan {
        name: "full",
        alerts: 10_000,
        calls: CALLS,
        numbers: NUMBERS,
        at_calls_min: 60,
        random: 200,
        window: WINDOW,
        ..SMALL
    };
    let few = Plan { alerts: 2_500, calls: &["fdatasync"], at_calls_min: 10, random: 60, ..full.clone() };
    vec![
        Plan { name: "power-loss", power_loss: true, ..few.clone() },
        Plan { name: "slow-disk", slow_disk: true, ..few.clone() },
        Plan { name: "live", live: true, calls: &[], at_calls_min: 0, random: 100, ..few },
        full,
    ]
}

/// The same loops for sensors that err.
fn mutants() -> Vec<Plan> {
    // A checkpoint hides what was lost after it: there are many.
    let few = Plan {
        alerts: 2_500,
        calls: &[],
        at_calls_min: 0,
        random: 60,
        window: WINDOW,
        checkpoint_s: 1,
        ..SMALL
    };
    vec![
        Plan { name: "no-fsync", bug: Some("no_fsync"), power_loss: true, ..few.clone() },
        Plan { name: "acknowledge-early", bug: Some("acknowledge_early"), ..few.clone() },
        // It shows while segments go: there are more of them here.
        Plan {
            name: "unlink-first",
            bug: Some("unlink_first"),
            slow_disk: true,
            alerts: 5_000,
            random: 90,
            checkpoint_s: 10,
            ..few
        },
    ]
}

#[test]
fn a_sensor_that_is_killed_again_and_again_delivers_every_alert() {
    let Some(kafka) = Service::kafka() else { return };
    let proxy = Proxy::listen(kafka.get("PROXIED"), kafka.get("BEHIND_PROXY"));
    let kafka = Kafka { service: &kafka, proxy: &proxy };
    let folder = tempfile::tempdir().unwrap();
    let preload = preload(folder.path());
    let mut outcomes = Vec::new();
    let plans = if wanted("small") { vec![SMALL] } else { plans() };
    for plan in plans.iter().filter(|plan| wanted(plan.name)) {
        outcomes.push((kills::run(plan, folder.path(), &preload, &kafka), true));
        show(&outcomes[outcomes.len() - 1..]);
    }
    if cfg!(feature = "seeded-bugs") {
        for plan in mutants().iter().filter(|plan| wanted(plan.name)) {
            outcomes.push((kills::run(plan, folder.path(), &preload, &kafka), false));
            show(&outcomes[outcomes.len() - 1..]);
        }
    }
    eprintln!();
    show(&outcomes);
    tell(&outcomes);
    for (outcome, should) in &outcomes {
        assert_eq!(outcome.is_good(), *should, "{outcome:#?}");
        assert!(outcome.opens_quickly() || !should, "{outcome:#?}");
    }
}

/// What is to be told of the loops that must be good, and of those that must not.
fn tell(outcomes: &[(Outcome, bool)]) {
    let (good, bad): (Vec<_>, Vec<_>) = outcomes.iter().partition(|(_, should)| *should);
    let kills: usize = good.iter().map(|(outcome, _)| outcome.at_calls + outcome.at_random).sum();
    let wrong: usize = good.iter().map(|(outcome, _)| outcome.wrong.len()).sum();
    figure(
        "F8",
        &format!("{kills} kills"),
        &format!("{wrong} alerts lost, invented or changed"),
        wrong == 0 && kills >= sized(0, KILLS_PROMISED),
    );
    if !bad.is_empty() {
        let found = bad.iter().filter(|(outcome, _)| !outcome.is_good()).count();
        let (what, all) = (format!("delivery: {} seeded bugs", bad.len()), found == bad.len());
        figure("F20", &what, &format!("{found} found"), all);
    }
}

/// `HEELGUARD_KILL` names the loops that run: `all`, or some of them; without it the small one does.
fn wanted(name: &str) -> bool {
    match std::env::var("HEELGUARD_KILL") {
        Err(_) => name == "small",
        Ok(names) if names == "all" => name != "small",
        Ok(names) => names.split(',').any(|wanted| wanted == name),
    }
}

fn show(outcomes: &[(Outcome, bool)]) {
    for (outcome, should) in outcomes {
        let Outcome { name, at_calls, at_random, brokers: [up, stopped, down], .. } = outcome;
        let word = match (outcome.is_good(), should) {
            (true, true) => "good",
            (false, false) => "found",
            (true, false) => "NOT FOUND",
            (false, true) => "BROKEN",
        };
        eprintln!(
            "{name:<18} {word:<6} {at_calls} kills at calls, {at_random} at random ({up} up, {stopped} stopped, {down} down)"
        );
        eprintln!("{:<18} kafka: {}", "", outcome.kafka);
        eprintln!("{:<18} file:  {}", "", outcome.file);
        let [longest, took] = [outcome.longest_opening, outcome.took].map(|time| time.as_secs_f64());
        eprintln!("{:<18} spool open after {longest:.2} s at the longest; took {took:.0} s", "");
        for wrong in outcome.wrong.iter().take(5) {
            eprintln!("{:<18} wrong: {wrong}", "");
        }
    }
}

/// Says it past the test harness, which keeps what a passing test prints to itself.
fn say(words: &str) {
    let told = format!("\n{words}\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}

/// The library that remembers what was not synced.
fn preload(folder: &Path) -> PathBuf {
    let library = folder.join("powerloss.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kill/powerloss.c");
    let compiled = Command::new("cc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .args(["-ldl", "-lpthread"])
        .status();
    assert!(compiled.expect("there is a C compiler").success());
    library
}
