//! Room for a program: a control group that kills what takes more memory than it may.
//! It is given bytes, and starts programs inside; control groups of version 1 and 2 are understood.
//! It promises to say how often the kernel had to kill, and to leave no group behind.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where memory is limited, and the names of the limits there.
const TREES: [(&str, &str, &str, &str); 2] = [
    ("/sys/fs/cgroup", "memory.max", "memory.swap.max", "memory.events"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control"),
];

/// A group of this test.
pub struct Room {
    folder: PathBuf,
    events: PathBuf,
}

impl Room {
    /// `None` where groups cannot be made: then the peak alone is measured.
    pub fn of(bytes: u64) -> Option<Self> {
        TREES.iter().find_map(|(tree, limit, swap, events)| {
            if !Path::new(tree).join("cgroup.procs").exists() {
                return None;
            }
            let folder = Path::new(tree).join(format!("heelguard-exhaustion-{}", std::process::id()));
            std::fs::create_dir(&folder).ok()?;
            let room = Self { events: folder.join(events), folder };
            std::fs::write(room.folder.join(limit), bytes.to_string()).ok()?;
            // Without swap in the kernel there is nothing to limit.
            let _ = std::fs::write(
                room.folder.join(swap),
                if *swap == "memory.swap.max" { "0".to_owned() } else { bytes.to_string() },
            );
            room.events.exists().then_some(room)
        })
    }

    /// The same command, started inside.
    pub fn holds(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        inside.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.folder.join("cgroup.procs"));
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// How often the kernel had to kill.
    pub fn kills(&self) -> u64 {
        let events = std::fs::read_to_string(&self.events).unwrap();
        events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()).unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.folder);
    }
}
