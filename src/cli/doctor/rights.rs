//! Who runs this, whether that may listen, and which locks a run would close behind itself.
//! It is given the configuration and asks the kernel about the process.
//! It promises the command that gives the right and no more than it; locks are tried on a thread that ends with them.

use super::finding::{Finding, State};
use super::limits;
use crate::cli::privileges::{Status, program};
use crate::hardening::{Calls, Config, Folders, Lock, Needs, confine};

/// Looks at capabilities, at what a crash would leave, and at locks.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let status = Status::read();
    let mut findings = vec![rights(status.as_ref().map_err(String::as_str)), limits::core_dumps()];
    findings.extend(locks(config));
    findings
}

/// Tries what the configuration says, first without insisting on it.
fn locks(config: &Config) -> Vec<Finding> {
    let mut tried = config.clone();
    if tried.seccomp == Calls::Required {
        tried.seccomp = Calls::On;
    }
    if tried.landlock == Folders::Required {
        tried.landlock = Folders::On;
    }
    let locked = std::thread::spawn(move || confine(&tried, &Needs::of_every_run(true))).join();
    let Ok(Ok(locks)) = locked else {
        return vec![Finding::new("locks", State::Warn, "cannot be tried here")];
    };
    let required = [config.seccomp == Calls::Required, config.landlock == Folders::Required];
    locks.into_iter().zip(required).map(|(lock, is_required)| judge(lock, is_required)).collect()
}

fn judge(lock: Lock, is_required: bool) -> Finding {
    let Lock { name, holds, words } = lock;
    if holds {
        return Finding::new(name, State::Ok, format!("a run keeps {words}"));
    }
    let state = if is_required { State::Bad } else { State::Warn };
    Finding::new(name, state, format!("a run goes without: {words}"))
}

fn rights(status: Result<&Status, &str>) -> Finding {
    let status = match status {
        Ok(status) => status,
        Err(why) => return Finding::new("rights", State::Warn, why),
    };
    let who = if status.is_root() { "root".to_owned() } else { format!("user {}", status.users[1]) };
    if !status.may_capture() {
        let program = program();
        let found = format!("{who} may not open interfaces (no CAP_NET_RAW)");
        return Finding::new("rights", State::Bad, found).mend(format!(
            "run `sudo setcap cap_net_raw+ep {program}`, or start it as a service (deploy/systemd/heelguard.service)"
        ));
    }
    let found = format!("{who} may open interfaces (CAP_NET_RAW)");
    if status.is_modest() {
        return Finding::new("rights", State::Ok, format!("{found} and nothing else"));
    }
    Finding::new("rights", State::Ok, format!("{found}; a run gives up everything else once it listens"))
        .mend("choose whom it becomes with `--user heelguard`")
}
