//! Programs that judge files of their kind, where they are installed.
//! It is given a name and arguments, and looks among what `make services` installs, then on the path.
//! It promises to say loudly what was not asked and how to get it, and to fail where `HEELGUARD_SERVICES` is `required`
//! and `make services` would have brought it.

use super::root;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output};

/// A program, and how one gets it.
pub(super) struct Tool {
    name: &'static str,
    /// Whether `make services` brings it; else the words to install it by.
    install: Option<&'static str>,
}

pub(super) const HADOLINT: Tool = Tool { name: "hadolint", install: None };
pub(super) const SHELLCHECK: Tool = Tool { name: "shellcheck", install: None };
pub(super) const KUBERNETES_VALIDATE: Tool = Tool { name: "kubernetes-validate", install: None };
pub(super) const DOCKER: Tool = Tool { name: "docker", install: Some("Docker with its compose plugin") };
/// What Docker's plugin reads its files with, as a program.
pub(super) const COMPOSE_GO: Tool =
    Tool { name: "compose-go", install: Some("the compose plugin of Docker, or Go and `make services`") };
pub(super) const KUBECTL: Tool = Tool { name: "kubectl", install: Some("kubectl, of Kubernetes") };
pub(super) const DPKG_PARSECHANGELOG: Tool =
    Tool { name: "dpkg-parsechangelog", install: Some("apt-get install dpkg-dev") };

impl Tool {
    /// Runs it in the repository's root; `None`, said loudly, where it is not.
    pub(super) fn ask(&self, arguments: &[&str]) -> Option<Output> {
        let mut command = Command::new(self.path());
        match command.args(arguments).current_dir(root()).output() {
            Ok(output) => Some(output),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.say_not_run();
                None
            }
            Err(error) => panic!("{}: {error}", self.name),
        }
    }

    /// Runs it and fails with what it said, if it found something.
    #[track_caller]
    pub(super) fn is_content_with(&self, arguments: &[&str]) {
        let Some(output) = self.ask(arguments) else { return };
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{} {arguments:?}\n{}", self.name, String::from_utf8_lossy(&said));
    }

    pub(super) fn say_not_run(&self) {
        let is_required = std::env::var("HEELGUARD_SERVICES").is_ok_and(|value| value == "required");
        let name = self.name;
        let install = self.install.unwrap_or("`make services` installs it");
        assert!(!is_required || self.install.is_some(), "{name} is missing, and HEELGUARD_SERVICES=required");
        // Written past the test harness, which keeps what a passing test prints to itself.
        let told = format!("\n*** NOT RUN: {name} is missing, install by: {install} ***\n");
        std::io::stderr().write_all(told.as_bytes()).expect("standard error is open");
    }

    fn path(&self) -> PathBuf {
        let services = std::env::var_os("HEELGUARD_SERVICES_DIR")
            .map_or_else(|| root().join("target/services"), PathBuf::from);
        let own = services.join("linters/bin").join(self.name);
        if own.exists() { own } else { PathBuf::from(self.name) }
    }
}
