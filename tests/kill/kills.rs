//! One loop of kills: a sensor is started on the same state again and again, each time to be killed, and in the end it
//! delivers what is left.
//! It is given how often and how; it promises a verdict that names all that went wrong.

use super::proxy::Proxy;
use super::sensor::{Death, Ended, Meal, Place};
use super::services::Service;
use super::spool;
use super::traffic::Traffic;
use super::truth::{self, Expected, Verdict, by_name};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Kills of one state of the broker in a row, at the most: enough for a backlog of several segments.
const BLOCK_MAX: usize = 5;
/// No start may take longer to find its spool again.
const OPENING_MAX: Duration = Duration::from_secs(2);

/// A loop.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How the table names it.
    pub name: &'static str,
    /// Alerts in all.
    pub alerts: usize,
    /// Kills before the nth call: the calls, and the numbers.
    pub calls: &'static [&'static str],
    pub numbers: &'static [u32],
    /// How many of these must come: the others are never reached.
    pub at_calls_min: usize,
    /// Kills at a random moment, and the longest time until one.
    pub random: usize,
    pub window: Duration,
    /// A mistake that the sensor makes.
    pub bug: Option<&'static str>,
    /// Packet time between two checkpoints, in seconds.
    pub checkpoint_s: u32,
    /// Each kill is a power loss: what was not synced is gone.
    pub power_loss: bool,
    /// The disk is slow.
    pub slow_disk: bool,
    /// After a kill the traffic goes on where it was; what was not raised is not seen again.
    pub live: bool,
}

/// What the broker does while kills happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broker {
    Up,
    Stopped,
    Down,
}

/// What became of a loop.
#[derive(Debug)]
pub struct Outcome {
    pub name: &'static str,
    /// Kills before a call, those at a random moment, and those of them with the broker up, stopped and down.
    pub at_calls: usize,
    pub at_random: usize,
    pub brokers: [usize; 3],
    pub longest_opening: Duration,
    pub kafka: Verdict,
    pub file: Verdict,
    /// What the spool's files, its accounts or the sensor's words showed to be wrong.
    pub wrong: BTreeSet<String>,
    pub took: Duration,
}

impl Outcome {
    /// All that was promised held.
    pub fn is_good(&self) -> bool {
        self.kafka.is_clean() && self.kafka.torn == 0 && self.file.is_clean() && self.wrong.is_empty()
    }
}

/// The broker, and the proxy that its clients go through.
pub struct Kafka<'a> {
    pub service: &'a Service,
    pub proxy: &'a Proxy,
}

impl Kafka<'_> {
    fn be(&self, broker: Broker) {
        match broker {
            Broker::Stopped => self.service.pause(),
            Broker::Up | Broker::Down => self.service.resume(),
        }
        match broker {
            Broker::Down => self.proxy.down(),
            Broker::Up | Broker::Stopped => self.proxy.up(),
        }
    }
}

struct Loop<'a> {
    plan: Plan,
    kafka: &'a Kafka<'a>,
    traffic: Arc<Traffic>,
    place: Place,
    journal: PathBuf,
    /// Kills so far, of how many.
    kills: usize,
    kills_max: usize,
    /// Records that were found on disk after a kill.
    on_disk: BTreeMap<u64, String>,
    outcome: Outcome,
    chance: Chance,
}

/// Runs a loop to its end.
pub fn run(plan: &Plan, folder: &Path, preload: &Path, kafka: &Kafka<'_>) -> Outcome {
    let began = Instant::now();
    let traffic = Arc::new(Traffic::new(plan.alerts));
    let place = Place::new(&folder.join(plan.name), settings(plan, kafka.service.get("PROXIED")));
    let journal = place.path("journal");
    let mut this = Loop {
        kills_max: plan.calls.len() * plan.numbers.len() + plan.random,
        plan: plan.clone(),
        kafka,
        traffic,
        place,
        journal,
        kills: 0,
        on_disk: BTreeMap::new(),
        outcome: Outcome::new(plan.name),
        chance: Chance(0x9e37_79b9_7f4a_7c15),
    };
    let expected = this.undisturbed();
    if let Some(bug) = plan.bug {
        this.place.variables.insert("HEELGUARD_SEEDED_BUG", bug.to_owned());
    }
    if plan.power_loss {
        this.place.variables.insert("LD_PRELOAD", preload.display().to_string());
        this.place.variables.insert("HEELGUARD_POWER_JOURNAL", this.journal.display().to_string());
    }
    this.place.slow_disk = plan.slow_disk;
    this.sweep();
    this.at_random();
    this.drain();
    this.judge(&expected);
    this.outcome.took = began.elapsed();
    this.outcome
}

/// A small spool, so that segments come and go; two sinks, so that neither goes alone.
fn settings(plan: &Plan, broker: &str) -> Vec<String> {
    let kafka = |key: &str, value: &str| format!("sinks.kafka.{key}={value}");
    // What writes the journal inside of the sensor asks the system what the locks refuse.
    let locks = if plan.power_loss { "off" } else { "on" };
    vec![
        format!("hardening.seccomp={locks}"),
        format!("hardening.landlock={locks}"),
        kafka("brokers", broker),
        kafka("manage_topics", "true"),
        kafka("alerts_topic", plan.name),
        kafka("transactions_topic", ""),
        kafka("inventory_topic", ""),
        kafka("health_topic", ""),
        "spool.bytes_max=8388608".to_owned(),
        format!("state.interval_s={}", plan.checkpoint_s),
        "sinks.file.type=jsonl".to_owned(),
        "sinks.file.alerts=file.jsonl".to_owned(),
    ]
}

impl Loop<'_> {
    /// What a run says that nobody disturbs.
    fn undisturbed(&mut self) -> Expected {
        let place = Place::new(&self.place.folder.join("undisturbed"), Vec::new());
        std::fs::write(place.path("all.pcap"), self.traffic.capture()).expect("a capture is written");
        let mut command = place.sensor("all.pcap");
        // The same key makes the same fingerprints.
        command.envs(&self.place.variables).stdout(Stdio::null());
        let told = command.output().expect("the sensor starts");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let lines = std::fs::read_to_string(place.path("raised.jsonl")).expect("alerts are written");
        let expected = by_name(&lines);
        assert_eq!(expected.len(), self.plan.alerts, "each exchange is one alert");
        expected
    }

    fn sweep(&mut self) {
        self.kafka.be(Broker::Up);
        for &call in self.plan.calls {
            for &nth in self.plan.numbers {
                let ended = self.die(Death::Before { call, nth }, Broker::Up);
                self.outcome.at_calls += usize::from(ended.as_meant);
                self.outcome.at_random += usize::from(!ended.as_meant);
                if !ended.as_meant {
                    // It does not come that often; it would not come more often.
                    self.kills_max -= self.plan.numbers.iter().filter(|more| **more > nth).count();
                    break;
                }
            }
        }
        let (came, wanted) = (self.outcome.at_calls, self.plan.at_calls_min);
        if came < wanted {
            self.outcome.wrong.insert(format!("{came} kills at calls, not {wanted}: does strace inject?"));
        }
    }

    fn at_random(&mut self) {
        let block = (self.plan.random / 6).clamp(1, BLOCK_MAX);
        for number in 0..self.plan.random {
            let which = number / block % 3;
            let broker = [Broker::Up, Broker::Stopped, Broker::Down][which];
            // It goes away while the first sensor of a block runs, with records on their way.
            let is_first = number % block == 0;
            self.kafka.be(if is_first { Broker::Up } else { broker });
            let wait = self.plan.window.mul_f64(self.chance.share());
            let ended = self.die(Death::After(wait), broker);
            self.outcome.at_random += usize::from(ended.as_meant);
            self.outcome.brokers[which] += usize::from(ended.as_meant);
        }
        self.kafka.be(Broker::Up);
    }

    /// One start and its kill; midway the broker changes.
    fn die(&mut self, death: Death, broker: Broker) -> Ended {
        self.kills += 1;
        let fed = self.place.fed.load(Ordering::Relaxed);
        // What is left is for as many kills as are left. Most come before their share is over.
        let left = self.plan.alerts.saturating_sub(fed + 1);
        let share = (2 * left).div_ceil(self.kills_max.saturating_sub(self.kills) + 2).min(left);
        let meal = Meal {
            from: self.first(fed),
            to: fed + share,
            pause: self.plan.window / u32::try_from(share.max(1)).expect("few"),
        };
        let kafka = self.kafka;
        let ended = self.place.live(&self.traffic, meal, death, || kafka.be(broker));
        if self.plan.power_loss {
            spool::lose_power(&self.place.spool(), &self.journal);
        }
        let found = spool::alerts(&self.place.spool());
        self.note(&ended, found.wrong);
        self.on_disk.extend(found.records);
        ended
    }

    /// The first exchange that the next run sees.
    fn first(&self, fed: usize) -> usize {
        if self.plan.live { fed } else { self.traffic.unknown_after(self.place.known()).min(fed) }
    }

    fn note(&mut self, ended: &Ended, wrong: Vec<String>) {
        let outcome = &mut self.outcome;
        outcome.wrong.extend(wrong);
        if let Some(opened) = ended.opened {
            outcome.longest_opening = outcome.longest_opening.max(opened);
        }
        // A sink that is down is told, and that the state knows what comes again.
        let usual = |line: &&str| {
            line.contains("sinks.kafka") || line.contains("were passed over") || line.starts_with("strace: ")
        };
        outcome.wrong.extend(ended.said.lines().filter(|line| !usual(line)).map(str::to_owned));
    }

    /// The last run: all that is left, to its end.
    fn drain(&mut self) {
        let fed = self.place.fed.load(Ordering::Relaxed);
        self.place.slow_disk = false;
        let meal = Meal { from: self.first(fed), to: self.plan.alerts, pause: Duration::ZERO };
        let ended = self.place.live(&self.traffic, meal, Death::Natural, || ());
        self.note(&ended, Vec::new());
        if !ended.as_meant {
            self.outcome.wrong.insert(format!("the last run: {}", ended.status));
        }
        let counters = std::fs::read(self.place.path("stats.json")).unwrap_or_default();
        let counters: serde_json::Value = serde_json::from_slice(&counters).unwrap_or_default();
        for sink in ["kafka", "file"] {
            let account = &counters["sinks"][sink];
            if account["lost"] != 0 || account["spooled"] != 0 || counters["balanced"] != true {
                self.outcome.wrong.insert(format!("the last run's account of {sink}: {account}"));
            }
        }
    }

    /// Holds what arrived against what should have.
    fn judge(&mut self, expected: &Expected) {
        let arrived = truth::partitions(self.kafka.service.get("PLAINTEXT"), self.plan.name);
        let arrived = || arrived.iter().map(|(_, line)| line.as_str());
        let file = std::fs::read_to_string(self.place.path("file.jsonl")).unwrap_or_default();
        if self.plan.live {
            // What was on disk is what was raised.
            let raised: Expected = by_name(&self.on_disk.values().cloned().collect::<Vec<_>>().join("\n"));
            let strangers = raised.iter().filter(|(name, line)| expected.get(*name) != Some(*line)).count();
            if strangers > 0 {
                self.outcome.wrong.insert(format!("{strangers} records on disk that nobody raised"));
            }
            let invented = Verdict::of(arrived(), expected);
            self.outcome.kafka = Verdict { lost: 0, ..invented };
            let of_disk = Verdict::of(arrived(), &raised);
            self.outcome.kafka.lost = of_disk.lost;
            self.outcome.file = Verdict { lost: 0, ..Verdict::of(file.lines(), expected) };
            self.outcome.file.lost = Verdict::of(file.lines(), &raised).lost;
            return;
        }
        self.outcome.kafka = Verdict::of(arrived(), expected);
        self.outcome.file = Verdict::of(file.lines(), expected);
    }
}

impl Outcome {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            at_calls: 0,
            at_random: 0,
            brokers: [0; 3],
            longest_opening: Duration::ZERO,
            kafka: Verdict::default(),
            file: Verdict::default(),
            wrong: BTreeSet::new(),
            took: Duration::ZERO,
        }
    }

    /// Whether every start was ready soon enough.
    pub fn opens_quickly(&self) -> bool {
        self.longest_opening <= OPENING_MAX
    }
}

/// Moments that are the same each time.
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
