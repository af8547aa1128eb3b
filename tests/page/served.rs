//! The program with its page, in a folder of its own.
//! It is given a command and, for a replay, a capture; it waits until the run is over and the page stays.
//! It promises that the program ends with this value.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

pub struct Served {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Served {
    pub fn start(arguments: &[&str], capture: Option<&[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(capture) = capture {
            std::fs::write(folder.path().join("a.pcap"), capture).unwrap();
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_heelguard"))
            .args(arguments)
            .args(["--set", "web.listen=127.0.0.1:0"])
            .current_dir(folder.path())
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .env_remove("HEELGUARD_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let mut address = None;
        for line in said.lines() {
            let line = line.unwrap();
            let place =
                line.split_once("the page is at ").and_then(|(_, rest)| rest.split_once(" until Ctrl-C"));
            if let Some((place, _)) = place {
                address = Some(place.trim_end_matches('/').to_owned());
                break;
            }
        }
        Self { child, address: address.expect("it says where the page is"), _folder: folder }
    }

    /// The address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
