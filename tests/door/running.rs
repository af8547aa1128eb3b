//! A sensor that has read a capture and serves its page, for as long as the test wants.
//! It is given options and the capture, and gives its address and what it said.
//! It promises that the sensor ends with this value.

use crate::support::replay::heelguard;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What must come has come by then, on any machine.
const PATIENCE: Duration = Duration::from_mins(3);

pub struct Running {
    child: Child,
    said: PathBuf,
    pub address: SocketAddr,
}

impl Running {
    /// Starts it in a folder on a capture, with every word of its log, and waits until it has read all.
    pub fn start(folder: &Path, options: &[&str], capture: &[u8]) -> Self {
        Self::of(heelguard(folder), folder, options, capture)
    }

    /// The same of a command that knows its program.
    pub fn of(mut command: Command, folder: &Path, options: &[&str], capture: &[u8]) -> Self {
        let said = folder.join("said");
        std::fs::write(folder.join("a.pcap"), capture).unwrap();
        let child = command
            .args(["replay", "--serve", "--set", "web.listen=127.0.0.1:0"])
            .args(options)
            .arg("a.pcap")
            .current_dir(folder)
            .env("XDG_STATE_HOME", folder)
            .env("HEELGUARD_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("out")).unwrap())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let mut running = Self { child, said, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        running.address = running.until("its address", |running| {
            let said = running.said();
            let (before, _) = said.split_once("/ until Ctrl-C")?;
            before.rsplit_once("http://")?.1.parse().ok()
        });
        running
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn said(&self) -> String {
        String::from_utf8(std::fs::read(&self.said).unwrap()).unwrap()
    }

    fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{what}: it ended, {ended:?}: {}", self.said());
            assert!(begun.elapsed() < PATIENCE, "{what} never came: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Tells it to end and waits.
    pub fn end(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().unwrap()
    }

    /// What becomes of it by a fault. The first signal may only take away the handler that looks for stacks without room.
    pub fn crash(mut self, fault: Signal) -> ExitStatus {
        let begun = Instant::now();
        loop {
            self.signal(fault);
            std::thread::sleep(Duration::from_millis(50));
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it lives through {fault:?}");
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
