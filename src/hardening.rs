//! What the program does before it touches a secret: memory that holds traffic must not be written to disk.
//! It is given nothing and asks the system for two things: no core dump, and no look into this process by others of
//! the same user.
//! It promises to say what it did not get; the sensor works without it.

use std::io;

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
