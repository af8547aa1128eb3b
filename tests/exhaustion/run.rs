//! One story told to the built program, and what the program made of it.
//! It is given voices and settings, and reads records while they are written.
//! It promises the program's memory at its peak as the kernel keeps it, and fails when the program does.

use crate::honest::{self, Told};
use crate::room::Room;
use crate::story::{Voice, tell};
use crate::support::replay::heelguard;
use crate::used::Used;
use memchr::memmem;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader};
use std::process::Child;
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What came of it.
pub struct Outcome {
    pub packets: u64,
    pub alerts: Vec<Value>,
    pub honest: Told,
    /// Transactions told.
    pub records: u64,
    pub stats: Value,
    /// Bytes on standard error.
    pub said: u64,
    pub used: Used,
    pub wall: Duration,
    /// Whether a control group stood around it.
    pub enclosed: bool,
}

impl Outcome {
    /// A count of the statistics, by its way there; what is not there is zero.
    pub fn count(&self, path: &str) -> u64 {
        self.stats.pointer(path).and_then(Value::as_u64).unwrap_or(0)
    }
}

/// Tells a story to the program, which the kernel kills if it takes more memory than the room has.
pub fn run(mut voices: Vec<Box<dyn Voice>>, settings: &[String], room_bytes: u64) -> Outcome {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str| home.path().join(name);
    let (story, to_program) = std::io::pipe().unwrap();
    let (from_program, records) = std::io::pipe().unwrap();
    let mut command = heelguard(home.path());
    command.args(["replay", "--format", "jsonl", "--transactions", "-"]);
    command.args(["--alerts".into(), file("alerts"), "--stats".into(), file("stats")]);
    command.args(settings.iter().flat_map(|setting| ["--set", setting])).arg("-");
    let room = Room::of(room_bytes);
    let mut command = if let Some(room) = &room { room.holds(&command) } else { command };
    command.stdin(story).stdout(records).stderr(File::create(file("said")).unwrap());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    // Its ends of the pipes are its own from here on.
    drop(command);
    let (used, packets, (honest, records)) = std::thread::scope(|scope| {
        let telling = scope.spawn(|| tell(&mut voices, to_program));
        let reading = scope.spawn(|| read(from_program));
        let used = watch(&mut child);
        (used, telling.join().unwrap(), reading.join().unwrap())
    });
    let kills = room.as_ref().map_or(0, Room::kills);
    assert_eq!(kills, 0, "the kernel had to kill it for its memory");
    let said = || std::fs::read_to_string(file("said")).unwrap();
    assert!(child.wait().unwrap().success(), "{}", said());
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(file(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    Outcome {
        packets: packets.expect("the program reads to the end"),
        alerts: lines("alerts"),
        honest,
        records,
        stats: lines("stats").pop().unwrap(),
        said: std::fs::metadata(file("said")).unwrap().len(),
        used,
        wall: begun.elapsed(),
        enclosed: room.is_some(),
    }
}

/// What the program used, looked at until it has ended: the kernel keeps the peak, but not beyond the end.
fn watch(child: &mut Child) -> Used {
    let mut used = Used::default();
    while child.try_wait().unwrap().is_none() {
        // One that has ended, and is not yet waited for, has no memory.
        used = Used::by(child.id()).ok().filter(|used| used.peak_kib > 0).unwrap_or(used);
        std::thread::sleep(LOOK_EVERY);
    }
    used
}

/// Reads the records of transactions; keeps of them what concerns the honest.
fn read(records: PipeReader) -> (Told, u64) {
    let mut records = BufReader::with_capacity(1 << 18, records);
    let (mut told, mut count, mut line) = (Told::default(), 0, Vec::new());
    let host = memmem::Finder::new(honest::HOST);
    while records.read_until(b'\n', &mut line).unwrap() > 0 {
        count += 1;
        if host.find(&line).is_some() {
            told.take(&serde_json::from_slice(&line).unwrap());
        }
        line.clear();
    }
    (told, count)
}
