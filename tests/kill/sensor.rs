//! A sensor that is fed through a pipe and killed.
//! It is given traffic and a way to die; it is started again on the same state as often as a test wants.
//! It promises that nothing it started outlives it.

use super::traffic::Traffic;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No run takes longer, whatever becomes of it.
const HUNG_AFTER: Duration = Duration::from_secs(90);
/// A system call that has not come so long after the sensor was ready will not come.
const WAIT_FOR_CALL: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The sensor is made to work off what it has read so often.
const LOOK_AFTER: Duration = Duration::from_millis(50);

/// A disk that is slow, in microseconds: most kills come while it is at something.
const SLOW: [&str; 3] = [
    "trace=fdatasync,unlink,unlinkat",
    "inject=fdatasync:delay_enter=40000",
    "inject=unlink,unlinkat:delay_exit=150000",
];

/// How a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    /// Killed before one of its threads does one of these calls for the nth time.
    Before { call: &'static str, nth: u32 },
    /// Killed so long after it took hold of its spool.
    After(Duration),
    /// All traffic is over, and it ends by itself.
    Natural,
}

/// A place where a sensor keeps its state, and how it is configured.
pub struct Place {
    pub folder: PathBuf,
    /// `--set` arguments beside those that every sensor here has.
    pub settings: Vec<String>,
    pub variables: BTreeMap<&'static str, String>,
    /// Its disk is slow.
    pub slow_disk: bool,
    /// Runs so far.
    pub runs: usize,
    /// Exchanges that were handed out at least once.
    pub fed: Arc<AtomicUsize>,
}

/// What one run came to.
pub struct Ended {
    /// The death that was meant for it came.
    pub as_meant: bool,
    pub status: ExitStatus,
    /// How long opening the spool took, if it came to its end.
    pub opened: Option<Duration>,
    /// What it said.
    pub said: String,
}

/// What a run is fed: at once all that was handed out before and it does not know, then more, one by one; without a
/// pause, all of it at once.
pub struct Meal {
    pub from: usize,
    pub to: usize,
    pub pause: Duration,
}

impl Place {
    pub fn new(folder: &Path, settings: Vec<String>) -> Self {
        std::fs::create_dir_all(folder).expect("a folder is made");
        let variables = BTreeMap::from([("XDG_STATE_HOME", folder.join("home").display().to_string())]);
        let fed = Arc::new(AtomicUsize::new(0));
        Self { folder: folder.to_owned(), settings, variables, slow_disk: false, runs: 0, fed }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn spool(&self) -> PathBuf {
        self.path("state/spool")
    }

    /// Up to when its checkpoint knows everything.
    pub fn known(&self) -> Duration {
        let bytes = std::fs::read(self.path("state/checkpoint")).unwrap_or_default();
        // Before the last transaction's id and the checksum.
        let time = bytes.len().checked_sub(8 + 16 + 32).and_then(|at| bytes.get(at..)?.first_chunk());
        Duration::from_nanos(time.map_or(0, |time| u64::from_le_bytes(*time)))
    }

    /// The program on this place, reading from `input`.
    pub fn sensor(&self, input: &str) -> Command {
        let mut command = self.program();
        command.args(["replay", "--shards", "1", "--set", "state.dir=state", "--alerts", "raised.jsonl"]);
        command.args(["--stats", "stats.json"]);
        command.args(common().iter().chain(&self.settings).flat_map(|set| ["--set", set]));
        command.arg(input);
        command
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
        command.current_dir(&self.folder).envs(&self.variables);
        command
    }

    /// Starts it on traffic, lets it die, and tells how it went. `midway` is done when half of a time to death is over.
    pub fn live(&mut self, traffic: &Arc<Traffic>, meal: Meal, death: Death, midway: impl FnOnce()) -> Ended {
        self.runs += 1;
        let said = self.path(&format!("said.{}", self.runs));
        let mut command = wrapped(self.sensor("-"), death, self.slow_disk);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(&said).expect("a file"));
        let began = Instant::now();
        let mut child = Guard(command.spawn().expect("the sensor starts"));
        let input = child.0.stdin.take().expect("a pipe");
        let feeder = Feeder::start(input, traffic, meal, &self.fed, matches!(death, Death::Natural));
        let (mut taken, mut opened, mut midway) = (None, None, Some(midway));
        let status = loop {
            if let Some(status) = child.0.try_wait().expect("a child") {
                break status;
            }
            let now = Instant::now();
            if opened.is_none() {
                taken = taken.or_else(|| holds_spool(child.0.id()).then_some(now));
                opened = has_committer(child.0.id()).then_some(now);
                taken = taken.or(opened);
            }
            let so_long = |wait: Duration| taken.is_some_and(|taken| now - taken >= wait);
            if let Death::After(wait) = death
                && so_long(wait / 2)
                && let Some(midway) = midway.take()
            {
                midway();
            }
            let is_due = match death {
                Death::After(wait) => so_long(wait),
                Death::Before { .. } => opened.is_some_and(|opened| now - opened >= WAIT_FOR_CALL),
                Death::Natural => false,
            };
            if is_due || now - began >= HUNG_AFTER {
                child.0.kill().expect("it is ours");
            }
            std::thread::sleep(LOOK_EVERY);
        };
        feeder.end();
        let was_killed = status.signal() == Some(rustix::process::Signal::KILL.as_raw());
        let as_meant = match death {
            Death::Before { .. } => {
                was_killed && opened.is_none_or(|opened| opened.elapsed() < WAIT_FOR_CALL)
            }
            Death::After(_) => was_killed,
            Death::Natural => status.success(),
        };
        assert!(began.elapsed() < HUNG_AFTER, "it hung: {death:?}\n{}", read(&said));
        let opened = opened.zip(taken).map(|(opened, taken)| opened - taken);
        Ended { as_meant, status, opened, said: read(&said) }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// What every sensor here is told: to raise each alert of the traffic, whatever their rate, and none about itself,
/// because how its sinks are is what the tests change.
fn common() -> Vec<String> {
    let settings = [
        "limits.alerts_per_minute_max=1000000",
        "limits.route_hosts_max=1000000",
        "detectors.sensor_self_check.enabled=false",
    ];
    settings.map(str::to_owned).to_vec()
}

/// The same command beneath strace where that is what kills or slows it. The sensor is our own child all the same.
fn wrapped(sensor: Command, death: Death, slow_disk: bool) -> Command {
    let mut rules = Vec::new();
    if let Death::Before { call, nth } = death {
        rules.extend([format!("trace={call}"), format!("inject={call}:signal=SIGKILL:when={nth}")]);
    } else if slow_disk {
        rules.extend(SLOW.map(str::to_owned));
    }
    if rules.is_empty() {
        return sensor;
    }
    let mut command = Command::new("strace");
    // With --seccomp-bpf it injects nothing.
    command.args(["-D", "-f", "-qq", "-o", "/dev/null"]);
    command.args(rules.iter().flat_map(|rule| ["-e", rule]));
    command.arg("--").arg(sensor.get_program()).args(sensor.get_args());
    command.current_dir(sensor.get_current_dir().expect("it was given"));
    command.envs(sensor.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Whether a process has its spool open.
fn holds_spool(process: u32) -> bool {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    files
        .into_iter()
        .any(|file| std::fs::read_link(file.path()).is_ok_and(|path| path.ends_with("state/spool/lock")))
}

/// Whether the thread that writes the spool runs: opening is over.
fn has_committer(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads.into_iter().any(|thread| {
        std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.trim() == "spool")
    })
}

/// Ends with the test, however that ends.
pub struct Guard(pub Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Hands traffic to a sensor.
struct Feeder {
    over: Sender<()>,
    thread: JoinHandle<()>,
}

impl Feeder {
    fn start(
        input: ChildStdin,
        traffic: &Arc<Traffic>,
        meal: Meal,
        fed: &Arc<AtomicUsize>,
        closes: bool,
    ) -> Self {
        let (over, ended) = channel();
        let (traffic, fed) = (Arc::clone(traffic), Arc::clone(fed));
        let thread = std::thread::spawn(move || {
            let mut input = input;
            // A sensor that was killed reads no more.
            if feed(&mut input, &traffic, &meal, &fed, &ended).is_ok() && !closes {
                let _ = ended.recv();
            }
        });
        Self { over, thread }
    }

    fn end(self) {
        drop(self.over);
        self.thread.join().expect("the feeder does not panic");
    }
}

fn feed(
    input: &mut ChildStdin,
    traffic: &Traffic,
    meal: &Meal,
    fed: &AtomicUsize,
    ended: &Receiver<()>,
) -> io::Result<()> {
    input.write_all(traffic.head())?;
    let known = if meal.pause.is_zero() { meal.to } else { fed.load(Ordering::Relaxed) };
    let at_once = known.min(meal.to);
    for number in meal.from..at_once {
        input.write_all(traffic.exchange(number))?;
    }
    fed.fetch_max(at_once, Ordering::Relaxed);
    let mut looked = Instant::now();
    for number in at_once.max(meal.from)..meal.to {
        if number > 0 && looked.elapsed() >= LOOK_AFTER {
            input.write_all(&traffic.idle_after(number - 1))?;
            looked = Instant::now();
        }
        fed.fetch_max(number + 1, Ordering::Relaxed);
        input.write_all(traffic.exchange(number))?;
        if ended.recv_timeout(meal.pause).is_err_and(is_over) {
            return Ok(());
        }
    }
    match meal.to {
        0 => Ok(()),
        end => input.write_all(&traffic.idle_after(end - 1)),
    }
}

fn is_over(error: std::sync::mpsc::RecvTimeoutError) -> bool {
    error == std::sync::mpsc::RecvTimeoutError::Disconnected
}
