//! What falls silent, second by second.

use crate::alert::{Alert, Status};
use crate::health::Health;
use crate::rules;
use crate::runtime::{Runtime, RuntimeConfig};
use crate::story;
use crate::time::EventTime;

/// The beginning of every story: 10:00 on the day of stories.
const START: u64 = 1_795_255_200;
/// What is learned within minutes.
const QUICK: &str = "known = 0\nuses = 5\nleast_s = 60\nmirror_least_s = 60\n";

struct Sensor {
    config: RuntimeConfig,
    runtime: Runtime,
    second: u64,
    alerts: Vec<Alert>,
}

fn sensor(section: &str) -> Sensor {
    let mut sections = String::new();
    for row in rules::catalogue() {
        let is_this = row.rule.name == super::RULE.name;
        sections +=
            &format!("[{}]\nenabled = {is_this}\n{}\n", row.rule.name, if is_this { section } else { "" });
    }
    let config = RuntimeConfig { rules: toml::from_str(&sections).unwrap(), ..RuntimeConfig::default() };
    Sensor { runtime: Runtime::new(config.clone()).unwrap(), config, second: 0, alerts: Vec::new() }
}

impl Sensor {
    /// So many seconds of traffic; with a restart after them.
    fn watch(&mut self, seconds: u64) {
        self.pass(seconds, 1_000);
    }

    /// So many seconds in which the sensor runs and nothing comes.
    fn run_idle(&mut self, seconds: u64) {
        self.pass(seconds, 0);
    }

    fn pass(&mut self, seconds: u64, delivered: u64) {
        for _ in 0..seconds {
            self.second += 1;
            let end = EventTime::from_secs(START + self.second);
            self.runtime.health(&Health { delivered, ..Health::default() }, end, &mut self.alerts);
        }
        let saved = self.runtime.save();
        self.runtime = Runtime::new(self.config.clone()).unwrap();
        self.runtime.load(&saved).unwrap();
        assert!(self.runtime.save() == saved, "what was loaded is not what was saved");
    }

    /// One request, now.
    fn hear(&mut self, request: &str) {
        let line = format!("10:00:00 203.0.113.7 -> {request}");
        for mut tx in story::transactions(&line).unwrap() {
            tx.end = EventTime::from_secs(START + self.second);
            self.runtime.observe(&tx, &mut self.alerts);
        }
    }

    /// So many times, every hundred seconds.
    fn hear_often(&mut self, times: u64, request: &str) {
        for _ in 0..times {
            self.watch(100);
            self.hear(request);
        }
    }

    fn told(&mut self) -> Vec<String> {
        let told: Vec<String> = self
            .alerts
            .iter()
            .filter(|alert| alert.status != Status::Closed)
            .map(|alert| story::line_of(alert).trim_end().to_owned())
            .collect();
        self.alerts.clear();
        told
    }
}

const KEY: &str = "use GET /export 200 service=backup key=k1";
const FACTOR: &str = "mfa POST /mfa 200 user=ann";

/// How many alerts there are after so many uses of a key and this silence.
fn after(section: &str, uses: u64, seconds: u64) -> usize {
    let mut sensor = sensor(section);
    sensor.hear_often(uses, KEY);
    sensor.watch(seconds);
    sensor.told().len()
}

#[test]
fn a_key_that_is_used_no_more() {
    let mut sensor = sensor(QUICK);
    sensor.hear_often(6, KEY);
    sensor.watch(300);
    assert_eq!(sensor.told(), [""; 0]);
    sensor.watch(10);
    assert_eq!(
        sensor.told(),
        [
            "10:15:10.000 POS-07 unusual_silence low 4fe70c2b12730bbd30c371687045227c (silent): api_key 4fe70c2b of \
          backup: nothing for 310 s of traffic; its longest silence of two weeks was 100 s (limit 3 times)"
        ]
    );
    // It is told once; when it comes back and goes again, anew.
    sensor.watch(5_000);
    assert_eq!(sensor.told(), [""; 0]);
    sensor.hear(KEY);
    sensor.watch(5_300);
    assert_eq!(sensor.told(), [""; 0]);
}

#[test]
fn a_second_factor_that_nobody_is_asked_for() {
    let mut sensor = sensor(QUICK);
    sensor.hear_often(6, FACTOR);
    sensor.watch(400);
    assert_eq!(
        sensor.told(),
        ["10:15:10.000 POS-07 unusual_silence medium POST api.example.com /mfa (silent): POST /mfa of \
          api.example.com: nothing for 310 s of traffic; its longest silence of two weeks was 100 s (limit 3 times)"]
    );
}

#[test]
fn each_limit_to_the_second() {
    assert_eq!((after(QUICK, 6, 300), after(QUICK, 6, 310)), (0, 1));
    let twice = QUICK.to_owned() + "times = 2";
    assert_eq!((after(&twice, 6, 200), after(&twice, 6, 210)), (0, 1));
    let least = "known = 0\nuses = 5\nleast_s = 700";
    assert_eq!((after(least, 6, 700), after(least, 6, 710)), (0, 1));
    assert_eq!((after(QUICK, 4, 900), after(QUICK, 5, 900)), (0, 1));
    let two_days = "known = 1\nuses = 1\nleast_s = 60\nmirror_least_s = 100000";
    let mut sensor = sensor(two_days);
    sensor.hear_often(6, KEY);
    sensor.second += 86_400;
    sensor.watch(400);
    assert_eq!(sensor.told(), [""; 0]);
    sensor.hear(KEY);
    sensor.watch(3_000);
    assert_eq!(sensor.told().len(), 1);
}

#[test]
fn a_time_in_which_nobody_watched_or_nothing_came_is_no_silence_of_a_key() {
    let mut sensor = sensor("known = 0\nuses = 5\nleast_s = 60\nmirror_least_s = 1000000");
    sensor.hear_often(6, KEY);
    sensor.second += 50_000;
    sensor.watch(200);
    sensor.run_idle(5_000);
    sensor.watch(90);
    assert_eq!(sensor.told(), [""; 0]);
}

#[test]
fn refused_keys_and_steps_without_an_answer_are_not_heard() {
    let mut sensor = sensor(QUICK);
    sensor.hear_often(6, "use GET /export 401 service=backup key=k1");
    sensor.hear_often(6, "mfa POST /mfa - user=ann");
    sensor.hear_often(6, "use GET /export 200 user=ann session=s1");
    sensor.watch(5_000);
    assert_eq!(sensor.told(), [""; 0]);
}

#[test]
fn the_mirror_is_dead() {
    let silent = |section: &str, seconds: u64| {
        let mut sensor = sensor(section);
        sensor.watch(100);
        sensor.run_idle(seconds);
        sensor.told()
    };
    assert_eq!(silent(QUICK, 60), [""; 0]);
    assert_eq!(
        silent(QUICK, 80),
        [
            "10:02:50.000 POS-07 unusual_silence medium sensor (mirror): the mirror: nothing for 70 s while the sensor \
          ran; its longest silence of two weeks was 10 s (limit 3 times)"
        ]
    );
    let patient = "known = 0\nuses = 5\nmirror_least_s = 120";
    assert_eq!((silent(patient, 120).len(), silent(patient, 140).len()), (0, 1));
    // Who was off for a day missed nothing.
    let mut sensor = sensor(QUICK);
    sensor.watch(100);
    sensor.second += 86_400;
    sensor.watch(100);
    assert_eq!(sensor.told(), [""; 0]);
}

#[test]
fn many_keys_of_one_cause() {
    let many = |section: &str| {
        let mut sensor = sensor(section);
        for _ in 0..6 {
            sensor.watch(100);
            sensor.hear("use GET /export 200 key=k{1..30}");
        }
        sensor.watch(400);
        sensor.told()
    };
    let told = many(QUICK);
    assert_eq!(told.len(), 11);
    assert_eq!(
        told[10],
        "10:15:10.000 POS-07 unusual_silence medium sensor (many voices): more than 10 keys and endpoints fell silent \
         within a day, now api_key 4e78f741: nothing for 310 s of traffic; its longest silence of two weeks was 100 s \
         (limit 3 times)"
    );
    assert_eq!(many(&(QUICK.to_owned() + "together = 3")).len(), 4);
}
