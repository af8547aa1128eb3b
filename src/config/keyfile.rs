//! The deployment's fingerprint key: where it is, whether it is well kept, and what to do without one.
//! It is given the configuration and gives the keyring, with a warning where the operator should act.
//! It promises that a key the operator named is used or refused, never silently replaced.

use super::{Raw, effective};
use crate::identity::secret::Keyring;
use std::path::{Path, PathBuf};

/// Access that others than the owner have.
const TOO_OPEN: u32 = 0o077;
/// Write access to a folder that others than the owner have, and the bit that keeps them from each other's files.
const SHARED: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// The keyring of this deployment.
pub struct Keys {
    /// Made from the key files, or from random bytes for this run.
    pub keyring: Keyring,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

impl Keys {
    /// Reads the key file, or creates it, and the one before it. Without a place for it, the key lives as long as
    /// this run.
    pub fn load(raw: &Raw) -> Result<Self, String> {
        let Some(path) = raw.key_path() else {
            let why = "neither XDG_STATE_HOME nor HOME is set";
            return Self::for_this_run(why);
        };
        let made =
            refuse_foreign_link(&path).and_then(|()| make_folder(&path)).and_then(|()| load_or_create(&path));
        let keyring = match made {
            Ok(keyring) => keyring,
            // A key that is there but broken must not be replaced: fingerprints would change unnoticed.
            Err(why) if raw.privacy.key_file.as_os_str().is_empty() && !path.exists() => {
                return Self::for_this_run(&why);
            }
            Err(why) => return Err(why),
        };
        let mut keys = Self { keyring, warnings: key_warnings("key file", &path) };
        let previous = &raw.privacy.previous_key_file;
        if !previous.as_os_str().is_empty() {
            refuse_foreign_link(previous)?;
            keys.keyring = keys.keyring.with_previous(previous)?;
            keys.warnings.extend(key_warnings("key file", previous));
        }
        for (setting, path) in secret_files(raw) {
            keys.warnings.extend(key_warnings(&setting, &path));
        }
        Ok(keys)
    }

    fn for_this_run(why: &str) -> Result<Self, String> {
        let warning = format!(
            "fingerprints of this run cannot be compared with other runs: {why}; name a file with privacy.key_file"
        );
        Ok(Self { keyring: Keyring::ephemeral()?, warnings: vec![warning] })
    }
}

/// Reads the key or makes it. Of two first runs at once, the second finds the key of the first.
fn load_or_create(path: &Path) -> Result<Keyring, String> {
    let was_missing = !path.exists();
    Keyring::load_or_create(path)
        .or_else(|why| if was_missing && path.exists() { Keyring::load_or_create(path) } else { Err(why) })
}

/// Every other file of the configuration that holds a secret, by the end of its setting's name.
fn secret_files(raw: &Raw) -> Vec<(String, PathBuf)> {
    let is_secret = |(setting, _): &(String, PathBuf)| {
        let ends = ["key_file", "token_file", "password_file", "secret_file"];
        ends.iter().any(|end| setting.ends_with(end)) && !setting.starts_with("privacy.")
    };
    let mut texts = Vec::new();
    effective::texts(&effective::table(raw), "", &mut texts);
    texts.into_iter().map(|(setting, path)| (setting, path.into())).filter(is_secret).collect()
}

/// What is wrong with how a file with a secret is kept: others can read it, or put another in its place.
fn key_warnings(what: &str, path: &Path) -> Vec<String> {
    let shown = path.display();
    let open = mode(path).filter(|mode| mode & TOO_OPEN != 0 && !is_mounted(path)).map(|mode| {
        let mode = mode & 0o777;
        format!("{what} {shown} has mode {mode:04o}: others can use it; run `chmod 600 {shown}`")
    });
    let folder = folder_of(path);
    let replaceable = mode(folder).filter(|mode| mode & SHARED != 0 && mode & STICKY == 0).map(|_| {
        let folder = folder.display();
        format!("{what} {shown}: others can put another in its place; run `chmod go-w {folder}`")
    });
    open.into_iter().chain(replaceable).collect()
}

/// Whether a key is lent to us as orchestrators lend secrets: it belongs to root, and a group of ours may read it and
/// no more.
#[cfg(unix)]
fn is_mounted(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let mut ours = rustix::process::getgroups().unwrap_or_default();
    ours.push(rustix::process::getegid());
    std::fs::metadata(path).is_ok_and(|found| {
        let is_lent = found.gid() != 0 && ours.iter().any(|group| group.as_raw() == found.gid());
        found.uid() == 0 && is_lent && found.mode() & TOO_OPEN == 0o040
    })
}

#[cfg(not(unix))]
fn is_mounted(_path: &Path) -> bool {
    false
}

/// A link in a folder where anybody may put one decides which key is used: that is not left to anybody. As the kernel
/// has it (protected_symlinks), one that belongs to us or to the folder's owner is followed where nobody else can put
/// another in its place. Orchestrators mount secrets that way.
#[cfg(unix)]
fn refuse_foreign_link(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    let link = path.symlink_metadata().ok().filter(std::fs::Metadata::is_symlink);
    let (Some(link), Ok(folder)) = (link, std::fs::metadata(folder_of(path))) else { return Ok(()) };
    let trusted = [rustix::process::geteuid().as_raw(), folder.uid()];
    let is_safe = folder.mode() & STICKY != 0 && trusted.contains(&link.uid());
    if is_safe || folder.mode() & SHARED == 0 {
        return Ok(());
    }
    let (shown, folder) = (path.display(), folder_of(path).display());
    Err(format!("key file {shown} is a link in {folder}, where others can put one; name the file itself"))
}

#[cfg(not(unix))]
fn refuse_foreign_link(_path: &Path) -> Result<(), String> {
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o7777)
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

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};

    /// A number that belongs to nobody here.
    const SOMEBODY: u32 = 54_321;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn keys(path: &Path, previous: Option<&Path>) -> Result<Keys, String> {
        let mut raw = Raw::default();
        raw.privacy.key_file.push(path);
        raw.privacy.previous_key_file.extend(previous);
        Keys::load(&raw)
    }

    #[test]
    fn a_key_that_others_can_read_or_replace_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(keys(&path, None).unwrap().warnings.is_empty());
        for mode in [0o640, 0o604, 0o660] {
            set_mode(&path, mode);
            let told = keys(&path, None).unwrap().warnings.concat();
            assert!(told.contains(&format!("{mode:04o}")) && told.contains("chmod 600"), "{told}");
        }
        set_mode(&path, 0o600);
        set_mode(folder.path(), 0o777);
        assert!(keys(&path, None).unwrap().warnings.concat().contains("chmod go-w"));
        // Where everybody may write but nobody may touch what is another's, the file is safe.
        set_mode(folder.path(), 0o1777);
        assert!(keys(&path, None).unwrap().warnings.is_empty());
    }

    #[test]
    fn any_file_with_a_secret_that_others_can_read_is_told_by_its_setting() {
        let folder = tempfile::tempdir().unwrap();
        let [token, password] = ["token", "password"].map(|name| folder.path().join(name));
        for path in [&token, &password] {
            std::fs::write(path, "irrelevant").unwrap();
            set_mode(path, 0o600);
        }
        let written = format!(
            "[privacy]\nkey_file = {:?}\n[web]\ntoken_file = {token:?}\n[sinks.kafka]\nbrokers = \"k:9092\"\npassword_file = {password:?}",
            folder.path().join("key")
        );
        let raw: Raw = toml::from_str(&written).unwrap();
        assert_eq!(Keys::load(&raw).unwrap().warnings, Vec::<String>::new());
        set_mode(&token, 0o644);
        set_mode(&password, 0o640);
        let told = Keys::load(&raw).unwrap().warnings.join("\n");
        for setting in ["web.token_file", "sinks.kafka.password_file"] {
            assert!(told.contains(&format!("{setting} {}", folder.path().display())), "{told}");
        }
    }

    #[test]
    fn a_link_is_followed_where_only_its_owner_could_make_it() {
        let (own, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = own.path().join("key");
        let first = keys(&path, None).unwrap().keyring.id();
        let link = own.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(keys(&link, None).unwrap().keyring.id(), first);
        let planted = shared.path().join("key");
        symlink(&path, &planted).unwrap();
        set_mode(shared.path(), 0o777);
        assert!(keys(&planted, None).err().unwrap().contains("is a link"), "anybody may replace it");
        set_mode(shared.path(), 0o1777);
        assert_eq!(keys(&planted, None).unwrap().keyring.id(), first, "nobody else may");
        if !rustix::process::geteuid().is_root() {
            eprintln!("NOT RUN: a link of somebody else takes root to make");
            return;
        }
        lchown(&planted, Some(SOMEBODY), None).unwrap();
        assert!(keys(&planted, None).err().unwrap().contains("is a link"));
        assert!(keys(&path, Some(&planted)).err().unwrap().contains("is a link"));
        chown(shared.path(), Some(SOMEBODY), None).unwrap();
        assert_eq!(keys(&planted, None).unwrap().keyring.id(), first, "the folder is theirs");
    }

    #[test]
    fn a_secret_that_kubernetes_mounted_is_used_without_a_word() {
        let volume = tempfile::tempdir().unwrap();
        let version = volume.path().join("..2026_11_22_10_00_00.1");
        std::fs::create_dir(&version).unwrap();
        let first = keys(&version.join("fingerprint.key"), None).unwrap().keyring.id();
        symlink("..2026_11_22_10_00_00.1", volume.path().join("..data")).unwrap();
        let path = volume.path().join("fingerprint.key");
        symlink("..data/fingerprint.key", &path).unwrap();
        // A tmpfs of root that everybody might write to, if it were not mounted to be read.
        set_mode(volume.path(), 0o1777);
        let mounted = keys(&path, None).unwrap();
        assert_eq!((mounted.keyring.id(), mounted.warnings), (first, vec![]));
    }

    #[test]
    fn after_a_rotation_both_generations_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let before = keys(&old, None).unwrap().keyring.id();
        let both = keys(&new, Some(&old)).unwrap();
        assert_eq!(both.keyring.ids().collect::<Vec<_>>(), [both.keyring.id(), before]);
        assert!(keys(&new, Some(&folder.path().join("missing"))).is_err());
    }
}
