//! The built program as one process among several.
//! It is given a command, and keeps what the process says.
//! It promises that the process ends with the test, however that ends.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No process takes longer to end, on any machine.
const ENDS_WITHIN: Duration = Duration::from_mins(1);

/// A process that runs.
#[derive(Debug)]
pub struct Process {
    child: Child,
    said: PathBuf,
}

impl Process {
    /// Starts it. What it says is added to the file.
    pub fn start(mut command: Command, said: &Path) -> Self {
        let words = File::options().create(true).append(true).open(said).expect("a file is made");
        let child = command.stdout(Stdio::null()).stderr(words).spawn().expect("the program starts");
        Self { child, said: said.to_owned() }
    }

    /// The end of the pipe that it reads from.
    pub fn input(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("a pipe")
    }

    /// What it said, and those before it in its place.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.said).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it did.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is ours")
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let process = Pid::from_raw(self.child.id().cast_signed()).expect("a process");
        kill_process(process, Signal::TERM).expect("it is ours");
    }

    /// Waits for its end, which must be a good one.
    pub fn succeeds(mut self) {
        let status = self.ended();
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.status() {
                return status;
            }
            assert!(began.elapsed() < ENDS_WITHIN, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
