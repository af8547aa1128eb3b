//! What a command needs of the system once it works: which folders, and whether it listens to interfaces.
//! It is given the files that the configuration and the command line name, and knows what libraries read by themselves.
//! It promises folders, not files, where it can: a file that is replaced by another of its name is another file to the
//! kernel, and certificates, lists and configurations are renewed that way.

use std::path::{Path, PathBuf};

/// Certificates of authorities, wherever distributions keep them.
const CERTIFICATES: &[&str] = &[
    "/usr/lib/ssl",
    "/usr/local/share/ca-certificates",
    "/usr/local/ssl",
    "/usr/share/ca-certificates",
    "/usr/share/pki",
    "/var/lib/ca-certificates",
];
/// Of the process and the machine: metrics, names and sizes of interfaces, how many processors may be used.
const SYSTEM: &[&str] = &["/proc/self", "/proc/stat", "/proc/meminfo", "/proc/cpuinfo", "/proc/sys", "/sys"];
/// Where the programs that manage names write what `/etc/resolv.conf` is a link to.
const RESOLVERS: &[&str] =
    &["/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf", "/run/connman", "/run/netconfig"];
/// Devices without a state.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];
/// What is read in there: names, certificates, the time zone. The folder as a whole, since these are renewed by renaming;
/// one by one for root, who could read what is private in it.
const ETC: &str = "/etc";
const OF_ETC: &[&str] = &[
    "ca-certificates",
    "gai.conf",
    "host.conf",
    "hosts",
    "localtime",
    "nsswitch.conf",
    "pki",
    "resolv.conf",
    "services",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
];

/// What is left to a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Whether interfaces are opened again.
    pub captures: bool,
    /// What may be read.
    pub reads: Vec<PathBuf>,
    /// Where files may be made, changed and removed.
    pub writes: Vec<PathBuf>,
}

impl Needs {
    /// What every command needs.
    pub fn of_every_run(is_root: bool) -> Self {
        let mut needs = Self::default();
        let known = [CERTIFICATES, SYSTEM, RESOLVERS, DEVICES];
        needs.reads.extend(known.into_iter().flatten().map(PathBuf::from));
        if is_root {
            needs.reads.extend(OF_ETC.iter().map(|name| Path::new(ETC).join(name)));
        } else {
            needs.reads.push(ETC.into());
        }
        for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            let named = std::env::var_os(variable).unwrap_or_default();
            std::env::split_paths(&named).for_each(|path| needs.file(&path));
        }
        needs.writes.push("/dev/null".into());
        needs
    }

    /// A file that is read, and read anew when it was replaced: its folder, and that of the file it is a link to.
    pub fn file(&mut self, path: &Path) {
        // Nothing, and standard input.
        if path.as_os_str().is_empty() || path.as_os_str() == "-" {
            return;
        }
        let real = path.canonicalize().ok();
        let paths = [Some(path), real.as_deref()];
        self.reads.extend(paths.into_iter().flatten().map(around));
    }

    /// A file that is made, or put aside and made again; or a folder for such. Where the folder is still to come, the
    /// nearest above it that is there: a sink that waits for its folder must find it.
    pub fn output(&mut self, path: &Path) {
        let folder = if path.is_dir() { path.to_owned() } else { around(path) };
        self.writes.push(nearest(&folder).unwrap_or(folder));
    }
}

/// The folder, or the nearest above it that is there, unless that is everything.
fn nearest(folder: &Path) -> Option<PathBuf> {
    let here =
        |above: &Path| if above.as_os_str().is_empty() { PathBuf::from(".") } else { above.to_owned() };
    folder.ancestors().map(here).find(|above| above.exists()).filter(|above| above.parent().is_some())
}

/// The folder around a file, or the file itself where that would be everything, or what is private to root.
fn around(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    };
    let is_wide = folder.parent().is_none() || folder == Path::new(ETC);
    if is_wide { path.to_owned() } else { folder.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_brings_its_folder_and_never_the_whole_machine() {
        for (file, folder) in [
            ("/etc/heelguard/heelguard.toml", "/etc/heelguard"),
            ("/etc/heelguard.toml", "/etc/heelguard.toml"),
            ("/keys.log", "/keys.log"),
            ("lists/keys.txt", "lists"),
            ("keys.txt", "."),
        ] {
            assert_eq!(around(Path::new(file)), Path::new(folder), "{file}");
        }
    }

    #[test]
    fn a_folder_that_is_still_to_come_can_be_made_and_that_gives_nobody_everything() {
        let nearest = |folder: &str| nearest(Path::new(folder)).map(|found| found.display().to_string());
        assert_eq!(nearest("no-such-folder/nor-this").as_deref(), Some("."));
        assert_eq!(nearest("/proc/no-such-folder/nor-this").as_deref(), Some("/proc"));
        assert_eq!(nearest("/no-such-folder/nor-this"), None);
    }

    #[test]
    fn root_is_not_given_what_is_private_to_root() {
        let reach = |is_root, file: &str| {
            let folders = Needs::of_every_run(is_root).reads;
            folders.iter().any(|folder| Path::new(file).starts_with(folder))
        };
        for (file, root, user) in
            [("/etc/resolv.conf", true, true), ("/etc/shadow", false, true), ("/root/.ssh", false, false)]
        {
            assert_eq!((reach(true, file), reach(false, file)), (root, user), "{file}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_brings_the_folder_it_leads_to() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let (live, archive) = (folder.path().join("live"), folder.path().join("archive"));
        let made = [&live, &archive].map(std::fs::create_dir).into_iter().collect::<std::io::Result<()>>();
        let written = std::fs::write(archive.join("1.pem"), "");
        let linked = std::os::unix::fs::symlink("../archive/1.pem", live.join("cert.pem"));
        assert!(made.is_ok() && written.is_ok() && linked.is_ok());
        let mut needs = Needs::default();
        needs.file(&live.join("cert.pem"));
        assert_eq!(needs.reads, [live, archive]);
    }
}
