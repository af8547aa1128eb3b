//! seccomp: the kernel takes the system calls on a list from this process, and no others.
//! It is given what the command needs and gives the number of calls that are left.
//! It promises that a call nobody thought of is refused and does not end the sensor: it is answered with EPERM, or, where
//! it is newer than the list, with ENOSYS, as an older kernel would, so that libraries take the older way. What no part
//! of the sensor has a cause to do (start a program, look into another process, change the kernel, its mounts or
//! namespaces) ends it at once: whoever makes it try has taken it over, and the kernel's log tells of it.

mod calls;

use super::Needs;
use calls::{HOSTILE, NEWER, rules};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};
use std::collections::BTreeMap;

/// Calls that are left, at most.
#[cfg(test)]
const CALLS_MAX: usize = 70;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Takes all other calls away from the calling thread and those it starts; with `only_log` they are told and let
/// through.
pub(super) fn install(needs: &Needs, only_log: bool) -> Result<usize, String> {
    let left = rules(needs).map_err(|error| error.to_string())?;
    let count = left.len();
    let missing = if only_log { SeccompAction::Log } else { SeccompAction::Errno(number(libc::EPERM)) };
    // The kernel asks all filters and takes the strictest answer. Each needs the call that installs the next.
    let newer: Rules = NEWER.filter(|call| !left.contains_key(call)).map(|call| (call, Vec::new())).collect();
    let hostile: Rules = HOSTILE.iter().map(|call| (*call, Vec::new())).collect();
    let mut allowed = left;
    allowed.extend(newer.clone());
    let programs = [
        program(hostile, SeccompAction::Allow, SeccompAction::KillProcess)?,
        program(newer, SeccompAction::Allow, SeccompAction::Errno(number(libc::ENOSYS)))?,
        program(allowed, missing, SeccompAction::Allow)?,
    ];
    for program in &programs {
        seccompiler::apply_filter(program).map_err(|error| format!("the kernel refuses seccomp: {error}"))?;
    }
    Ok(count)
}

fn program(rules: Rules, others: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let filter = SeccompFilter::new(rules, others, listed, arch).map_err(|error| error.to_string())?;
    filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())
}

fn number(error: libc::c_int) -> u32 {
    error.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_calls_are_left_and_none_of_the_hostile() {
        for captures in [false, true] {
            let needs = Needs { captures, ..Needs::default() };
            let Ok(left) = rules(&needs) else { panic!("the rules are understood") };
            assert!(left.len() <= CALLS_MAX, "{} calls", left.len());
            for call in HOSTILE {
                assert!(!left.contains_key(call), "{call}");
            }
        }
    }
}
