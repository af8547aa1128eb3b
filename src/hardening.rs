//! What the process takes from itself, so that whoever takes it over has little: no core dump and no look into its
//! memory from the start, and once everything is open, a list of system calls and a list of folders.
//! It is given the configuration and what the command needs, and asks the kernel.
//! It promises to say what holds and what does not; that something does not hold stops the sensor only where the
//! configuration insists on it.

mod config;
#[cfg(target_os = "linux")]
mod landlock;
mod needs;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod seccomp;

pub use config::{Calls, Config, Folders};
pub use needs::Needs;

use std::io;

/// One lock: whether it holds, and how, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Its name in metrics.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// A few words.
    pub words: String,
}

/// Leaves the calling thread, and all it starts from now on, what `needs` says. An error names the setting that insists
/// on what the kernel refuses.
pub fn confine(config: &Config, needs: &Needs) -> Result<[Lock; 2], String> {
    let lock = |name, outcome: Result<String, String>, required| match outcome {
        Ok(words) => Ok(Lock { name, holds: true, words }),
        Err(why) if required => Err(format!(
            "hardening.{name} is \"required\": {why}; mend that, or set it to \"on\" to start without"
        )),
        Err(words) => Ok(Lock { name, holds: false, words }),
    };
    // Landlock first: the calls it takes are not on the list.
    let folders = match config.landlock {
        Folders::Off => Err("off in the configuration".to_owned()),
        Folders::On | Folders::Required => restrict(needs),
    };
    let folders = lock("landlock", folders, config.landlock == Folders::Required)?;
    let calls = match config.seccomp {
        Calls::Off => Err("off in the configuration".to_owned()),
        Calls::On | Calls::Required => filter(needs, false).map(|count| format!("{count} system calls")),
        Calls::Log => match filter(needs, true) {
            Ok(count) => Err(format!("only logs what is not among {count} system calls")),
            Err(why) => Err(why),
        },
    };
    Ok([lock("seccomp", calls, config.seccomp == Calls::Required)?, folders])
}

#[cfg(target_os = "linux")]
fn restrict(needs: &Needs) -> Result<String, String> {
    landlock::restrict(needs)
}

#[cfg(not(target_os = "linux"))]
fn restrict(_needs: &Needs) -> Result<String, String> {
    Err("it is a part of Linux".to_owned())
}

#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn filter(needs: &Needs, only_log: bool) -> Result<usize, String> {
    seccomp::install(needs, only_log)
}

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
fn filter(_needs: &Needs, _only_log: bool) -> Result<usize, String> {
    Err("there is no list of system calls for this processor and C library".to_owned())
}

/// No core dumps, for this process and what it starts.
#[cfg(target_os = "linux")]
pub fn no_core_dumps() -> Result<(), String> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = rustix::process::setrlimit(Resource::Core, none);
    // The limit does not hold where the kernel pipes dumps into a program (core_pattern); this does.
    let hidden = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    limited.and(hidden).map_err(|cause| complaint(&cause.into()))
}

/// Whether no core is written, and whether others of this user are kept out of this process, as the kernel tells.
#[cfg(target_os = "linux")]
pub fn core_dumps_are_off() -> (bool, bool) {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
    let limited = getrlimit(Resource::Core).current == Some(0);
    (limited, dumpable_behavior() == Ok(DumpableBehavior::NotDumpable))
}

/// Elsewhere nobody is asked.
#[cfg(not(target_os = "linux"))]
pub fn core_dumps_are_off() -> (bool, bool) {
    (false, false)
}

/// Elsewhere than on Linux only the limit exists.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn no_core_dumps() -> Result<(), String> {
    use rustix::process::{Resource, Rlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none).map_err(|cause| complaint(&cause.into()))
}

/// Nothing to ask for here.
#[cfg(not(unix))]
pub fn no_core_dumps() -> Result<(), String> {
    Err(complaint(&io::ErrorKind::Unsupported.into()))
}

fn complaint(cause: &io::Error) -> String {
    format!("a crash may write secrets to disk: core dumps cannot be turned off: {cause}")
}
