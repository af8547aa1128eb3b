//! Rights: what the process may do, and giving up all but what it needs.
//! `drop_to` is given a user or none, after the capture sockets are open and before any thread is there: on Linux these
//! calls change the calling thread, and threads made later inherit what it has left.
//! It promises that what remains is CAP_NET_RAW at the most (an interface that comes back is opened anew with it), that
//! no program started later gets more, and that the kernel was asked whether it is so. A worker, which opens no interface,
//! keeps nothing.
//!
//! Root without a user stays uid 0, but without CAP_DAC_OVERRIDE: it can no longer read or write what belongs to
//! others. That is wanted. A sensor started by hand as root would otherwise put files of root into the state folder of
//! the service, which the service could not open afterwards; now it is refused at once, and `--user` is the way.

mod home;
mod status;
mod user;

pub(super) use home::{make_home, makes_home};
pub(super) use status::Status;

use std::fmt;
use user::User;

/// What is left after rights were given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dropped {
    /// The user that the process has become.
    user: Option<String>,
    /// Whether interfaces can still be opened.
    keeps_capture: bool,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = if self.keeps_capture { "CAP_NET_RAW" } else { "no capability" };
        match &self.user {
            Some(user) => write!(f, "runs as {user} with {left}"),
            None => write!(f, "runs with {left}"),
        }
    }
}

/// Becomes `user`, where one is named, and keeps CAP_NET_RAW alone; `None` when there was nothing to give up. The
/// message of an error says what to do; the process must end then, for it may be between two states.
#[cfg(target_os = "linux")]
pub(super) fn drop_to(user: Option<&str>) -> Result<Option<Dropped>, String> {
    give_up(user, true)
}

/// Keeps no capability, and is otherwise like `drop_to`.
#[cfg(target_os = "linux")]
pub(super) fn drop_all() -> Result<Option<Dropped>, String> {
    give_up(None, false)
}

#[cfg(target_os = "linux")]
fn give_up(user: Option<&str>, captures: bool) -> Result<Option<Dropped>, String> {
    let before = Status::read()?;
    if before.threads != 1 {
        return Err(format!("rights can be given up by one thread only, and {} run already", before.threads));
    }
    let user = user.map(User::find).transpose()?;
    let user = user.filter(|user| !before.is(user));
    if user.is_none() && before.permitted == 0 {
        return linux::forbid_new().map(|()| None);
    }
    linux::shrink_bounds(&before)?;
    if let Some(user) = &user {
        linux::become_user(user, &before)?;
    }
    let keeps_capture = captures && before.may_capture();
    linux::keep_at_most(keeps_capture, &before)?;
    linux::forbid_new()?;
    Status::read()?.holds_to(&before, user.as_ref(), keeps_capture)?;
    Ok(Some(Dropped { user: user.map(|user| user.name), keeps_capture }))
}

/// Elsewhere than on Linux rights are the business of whoever starts the program.
#[cfg(not(target_os = "linux"))]
pub(super) fn drop_to(user: Option<&str>) -> Result<Option<Dropped>, String> {
    match user {
        Some(user) => Err(format!("--user {user}: works on Linux only; start the program as {user}")),
        None => Ok(None),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn drop_all() -> Result<Option<Dropped>, String> {
    Ok(None)
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Status, User};
    use rustix::io::Errno;
    use rustix::process::{Gid, Uid};
    use rustix::thread::{self, CapabilitySet, CapabilitySets};

    /// No program started from here on gets rights from its file.
    pub(super) fn forbid_new() -> Result<(), String> {
        thread::set_no_new_privs(true).map_err(|error| failed("no_new_privs", error))
    }

    /// Takes what is not needed out of the bounding set, where that is allowed.
    pub(super) fn shrink_bounds(before: &Status) -> Result<(), String> {
        if !before.may_shrink_bounds() {
            return Ok(());
        }
        let all = (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
        for capability in all.filter(|capability| *capability != CapabilitySet::NET_RAW) {
            match thread::remove_capability_from_bounding_set(capability) {
                Ok(()) => {}
                // Beyond the last capability that this kernel knows.
                Err(Errno::INVAL) => break,
                Err(error) => return Err(failed("the bounding set", error)),
            }
        }
        Ok(())
    }

    /// Changes user and groups; keeps what is permitted, for `keep_at_most`.
    pub(super) fn become_user(user: &User, before: &Status) -> Result<(), String> {
        if !before.may_change_user() {
            let program = super::program();
            let name = &user.name;
            return Err(format!(
                "--user {name} needs the rights of root: start it with sudo, or as {name} after \
                 `sudo setcap cap_net_raw+ep {program}`"
            ));
        }
        let groups: Vec<Gid> = user.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        thread::set_thread_groups(&groups).map_err(|error| failed("setgroups", error))?;
        thread::set_thread_res_gid(gid, gid, gid).map_err(|error| failed("setresgid", error))?;
        thread::set_keep_capabilities(true).map_err(|error| failed("keep_caps", error))?;
        thread::set_thread_res_uid(uid, uid, uid).map_err(|error| failed("setresuid", error))
    }

    /// Gives up every capability but, where it is kept, the one that opens interfaces.
    pub(super) fn keep_at_most(keeps_capture: bool, before: &Status) -> Result<(), String> {
        if keeps_capture && before.is_all_it_keeps() {
            // A service manager gave it that way, and may forbid the call that changes it. What is inheritable then
            // is inert: nothing is ambient any more, and no file of a program gives rights.
            return thread::clear_ambient_capability_set()
                .map_err(|error| failed("ambient capabilities", error));
        }
        let kept = if keeps_capture { CapabilitySet::NET_RAW } else { CapabilitySet::empty() };
        let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
        thread::clear_ambient_capability_set()
            .and_then(|()| thread::set_capabilities(None, sets))
            .and_then(|()| thread::set_keep_capabilities(false))
            .map_err(|error| failed("capabilities", error))
    }

    fn failed(what: &str, error: Errno) -> String {
        format!("rights cannot be given up: {what}: {error}")
    }
}

/// The path of this program, for commands that name it.
pub(super) fn program() -> String {
    std::env::current_exe().map_or_else(|_| "heelguard".to_owned(), |path| path.display().to_string())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn with_threads_nothing_is_given_up() {
        // Tests run beside other threads: exactly what must not happen.
        let before = Status::read();
        let refused = std::thread::spawn(|| drop_to(None)).join();
        assert!(matches!(refused, Ok(Err(why)) if why.contains("one thread only")));
        let (before, after) = (before.map(|status| status.permitted), Status::read().map(|s| s.permitted));
        assert_eq!(before, after);
    }

    /// Where the configuration turns the other locks off, which bring it too, this is all that forbids it.
    #[test]
    fn rights_never_come_back() {
        let bound = || {
            linux::forbid_new().unwrap();
            std::fs::read_to_string("/proc/thread-self/status").unwrap()
        };
        // It ends with its thread.
        let status = std::thread::spawn(bound).join().unwrap();
        assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
    }

    #[test]
    fn what_is_left_is_said() {
        let said = |user: Option<&str>, keeps_capture| {
            Dropped { user: user.map(str::to_owned), keeps_capture }.to_string()
        };
        assert_eq!(said(Some("heelguard"), true), "runs as heelguard with CAP_NET_RAW");
        assert_eq!(said(None, false), "runs with no capability");
    }
}
