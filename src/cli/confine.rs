//! The last step before traffic is touched: what the process still may do becomes a list.
//! It is given the configuration and what was named on the command line, when everything is open and no thread is there.
//! It promises to tell, in one line and as a metric, which locks hold and which do not.

use super::privileges::Status;
use super::{Failure, inform};
use crate::config::{Raw, files};
use crate::hardening::{Lock, Needs, confine, core_dumps_are_off};
use crate::pipeline::checkpoint;
use std::path::PathBuf;

/// What a command needs beyond what the configuration says.
#[derive(Default)]
pub(super) struct Beyond<'a> {
    /// Whether it opens interfaces again.
    pub(super) captures: bool,
    /// Files that it reads, beside those that the configuration names.
    pub(super) reads: &'a [PathBuf],
    /// A file that is made at the end.
    pub(super) last: Option<PathBuf>,
}

/// What became of it.
pub(super) struct Confined(Vec<Lock>);

impl Confined {
    /// Leaves this process what it needs. Threads that run already would keep everything, so there must be none.
    pub(super) fn to(raw: &Raw, beyond: &Beyond<'_>) -> Result<Self, Failure> {
        if cfg!(not(target_os = "linux")) {
            let locks = confine(&raw.hardening, &Needs::default()).map_err(Failure::Rights)?;
            return Ok(Self(locks.into()));
        }
        let status = Status::read().map_err(Failure::running)?;
        if status.threads != 1 {
            let threads = status.threads;
            return Err(Failure::running(format!("one thread can be confined, and {threads} run already")));
        }
        let needs = needs(raw, beyond, status.is_root())?;
        // Asked before: these questions are not on the list.
        let core_dumps = core_dumps_are_off();
        let locks = confine(&raw.hardening, &needs).map_err(Failure::Rights)?;
        // After the locks: they set no_new_privs, wherever rights were given up.
        let status = Status::read().map_err(Failure::running)?;
        Ok(Self(of_process(&status, beyond.captures, core_dumps).into_iter().chain(locks).collect()))
    }

    /// Which lock holds, for metrics.
    pub(super) fn rows(&self) -> Vec<(&'static str, bool)> {
        self.0.iter().map(|lock| (lock.name, lock.holds)).collect()
    }

    /// Says it in a line.
    pub(super) fn tell(&self) {
        let words = |lock: &Lock| {
            let Lock { name, holds, words } = lock;
            if *holds { format!("{name}: {words}") } else { format!("{name}: NOT, {words}") }
        };
        let locks: Vec<String> = self.0.iter().map(words).collect();
        inform(&format!("hardening: {}", locks.join("; ")));
    }
}

/// What a configuration that is read anew may meet: a file that was not named when the locks were closed.
pub(super) fn explained(why: &str) -> String {
    if !why.contains("Permission denied") {
        return why.to_owned();
    }
    format!(
        "{why}; where this user may read it, it stands outside the folders that were named at the start \
         (hardening.landlock): start this process anew"
    )
}

fn needs(raw: &Raw, beyond: &Beyond<'_>, is_root: bool) -> Result<Needs, Failure> {
    let mut needs = Needs::of_every_run(is_root);
    needs.captures = beyond.captures;
    for path in files(raw).iter().chain(beyond.reads) {
        needs.file(path);
    }
    raw.sinks.files().for_each(|(_, path)| needs.output(path));
    beyond.last.iter().for_each(|path| needs.output(path));
    let state = &raw.state.dir;
    if !state.as_os_str().is_empty() {
        // A folder that is not there cannot be named to the kernel, and could not be made afterwards.
        checkpoint::make_folder(state).map_err(Failure::running)?;
        needs.writes.push(state.clone());
    }
    Ok(needs)
}

/// What holds of the process itself.
fn of_process(status: &Status, captures: bool, (no_core, hidden): (bool, bool)) -> Vec<Lock> {
    let user = status.users[1];
    let lock = |name, holds, good: &str, bad: &str| {
        let words = if holds { good } else { bad };
        Lock { name, holds, words: words.to_owned() }
    };
    // Who captures must often begin as root.
    let root = if captures { "root; name one with --user" } else { "root; start it as another" };
    let rights = if status.may_capture() { "CAP_NET_RAW alone" } else { "none" };
    vec![
        lock("user", !status.is_root(), &user.to_string(), root),
        lock("capabilities", status.is_modest(), rights, "more than capturing takes"),
        lock("no_new_privs", status.is_bound(), "on", "off"),
        lock("core_limit", no_core, "0", "a crash may write memory to disk"),
        lock("dumpable", hidden, "off", "others of its user can read its memory"),
    ]
}
