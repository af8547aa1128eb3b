//! The folder of a sensor that root starts for another user: who makes it, and for whom.
//! It is given the configuration and the user while the process still has its rights.
//! It promises to make /var/lib/heelguard alone, for that user alone, and to leave alone what is there.

use super::Status;
use super::user::User;
use crate::config::Raw;
use std::path::Path;

/// Makes the folder of state and key, where it is the usual one and not there.
pub(in crate::cli) fn make_home(user: Option<&str>, raw: &Raw) -> Result<(), String> {
    match user {
        Some(user) if makes_home(raw) => make(Path::new(Raw::SERVICE_HOME), &User::find(user)?),
        _ => Ok(()),
    }
}

/// Whether a run makes the folder that this process would find missing.
pub(in crate::cli) fn makes_home(raw: &Raw) -> bool {
    let home = Path::new(Raw::SERVICE_HOME);
    let is_wanted = raw.state.dir == home || raw.privacy.key_file.parent() == Some(home);
    is_wanted && !home.exists() && Status::read().is_ok_and(|status| status.is_root())
}

#[cfg(unix)]
fn make(folder: &Path, user: &User) -> Result<(), String> {
    use std::os::unix::fs::{DirBuilderExt as _, chown};
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.and_then(|()| chown(folder, Some(user.uid), Some(user.gid)))
        .map_err(|error| format!("cannot make {} for {}: {error}", folder.display(), user.name))
}

#[cfg(not(unix))]
fn make(_folder: &Path, _user: &User) -> Result<(), String> {
    Ok(())
}
