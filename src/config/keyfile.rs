//! The deployment's fingerprint key: where it is, whether it is well kept, and what to do without one.
//! It is given the configuration and gives the keyring, with a warning where the operator should act.
//! It promises that a key the operator named is used or refused, never silently replaced.

use super::Raw;
use crate::identity::secret::Keyring;
use std::path::Path;

/// Access that others than the owner and a reading group have no need of.
const TOO_OPEN: u32 = 0o037;

/// The keyring of this deployment.
pub struct Keys {
    /// Made from the key file, or from random bytes for this run.
    pub keyring: Keyring,
    /// What an operator should know.
    pub warning: Option<String>,
}

impl Keys {
    /// Reads the key file, or creates it. Without a place for it, the key lives as long as this run.
    pub fn load(raw: &Raw) -> Result<Self, String> {
        let Some(path) = raw.key_path() else {
            let why = "neither XDG_STATE_HOME nor HOME is set";
            return Self::for_this_run(why);
        };
        let made = make_folder(&path).and_then(|()| load_or_create(&path));
        match made {
            Ok(keyring) => Ok(Self { keyring, warning: mode_warning(&path) }),
            // A key that is there but broken must not be replaced: fingerprints would change unnoticed.
            Err(why) if raw.privacy.key_file.as_os_str().is_empty() && !path.exists() => {
                Self::for_this_run(&why)
            }
            Err(why) => Err(why),
        }
    }

    fn for_this_run(why: &str) -> Result<Self, String> {
        let warning = format!(
            "fingerprints of this run cannot be compared with other runs: {why}; name a file with privacy.key_file"
        );
        Ok(Self { keyring: Keyring::ephemeral()?, warning: Some(warning) })
    }
}

/// Reads the key or makes it. Of two first runs at once, the second finds the key of the first.
fn load_or_create(path: &Path) -> Result<Keyring, String> {
    let was_missing = !path.exists();
    Keyring::load_or_create(path)
        .or_else(|why| if was_missing && path.exists() { Keyring::load_or_create(path) } else { Err(why) })
}

/// A warning when others can read the key.
pub fn mode_warning(path: &Path) -> Option<String> {
    let mode = mode(path)?;
    let shown = path.display();
    (mode & TOO_OPEN != 0)
        .then(|| format!("key file {shown} has mode {mode:04o}: others can use it; run `chmod 600 {shown}`"))
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> Option<u32> {
    None
}

/// Makes the folder of the key file for its owner alone.
fn make_folder(path: &Path) -> Result<(), String> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
    else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|cause| format!("cannot create the folder {}: {cause}", folder.display()))
}
