//! Broker and database away while traffic goes on, and a disk that fills.
//! Small here; `HEELGUARD_OUTAGE_S` asks for an outage of so many seconds, `make outage` for an hour.

use super::figures::{figure, sized};
use super::sensor::{Guard, Place};
use super::services::Service;
use super::traffic::{Traffic, packets_in};
use super::truth;
use heelguard::sinks::http::HttpClient;
use heelguard::sinks::tls::TlsFiles;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Exchanges a second.
const RATE: u32 = 40;
/// Exchanges after which the sensor is made to look at them.
const ROUND: usize = 10;
/// A sensor that waited for a sink would not read for longer than this.
const STALL_MAX: Duration = Duration::from_secs(8);
/// What may come to memory while sinks are away and when they come back: batches on their way out, no backlog.
const GROWTH_MAX_KIB: u64 = 128 << 10;
/// Beside it the sensor remembers who was there: each alert is of another account, with a session and keys of rules.
const ACCOUNT_KIB: u64 = 3;
/// How long the source lets an alert take.
const LAG_MAX_S: f64 = 5.0;

/// A sensor that runs, and reads what it is fed.
struct Running {
    child: Guard,
    input: ChildStdin,
    said: PathBuf,
    /// Packets, and those of them that mean nothing.
    packets: u64,
    idle: u64,
    /// The longest that it did not read.
    stalled: Duration,
}

impl Running {
    fn start(place: &Place, more: &[&str]) -> Self {
        let said = place.path("said");
        let mut command = place.sensor("-");
        command.args(more).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.stderr(File::create(&said).unwrap()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        Self { child: Guard(child), input, said, packets: 0, idle: 0, stalled: Duration::ZERO }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let began = Instant::now();
        self.input.write_all(bytes).unwrap_or_else(|error| panic!("{error}: {}", self.said()));
        self.packets += packets_in(bytes);
        self.stalled = self.stalled.max(began.elapsed());
    }

    /// Makes the sensor look at what it has read.
    fn look(&mut self, traffic: &Traffic, number: usize) {
        let idle = traffic.idle_after(number);
        self.idle += packets_in(&idle);
        self.feed(&idle);
    }

    /// Feeds exchanges, at a rate or as fast as they are read.
    fn feed_exchanges(&mut self, traffic: &Traffic, numbers: std::ops::Range<usize>, rate: Option<u32>) {
        let began = Instant::now();
        let first = numbers.start;
        for number in numbers {
            self.feed(traffic.exchange(number));
            if (number + 1) % ROUND == 0 {
                self.look(traffic, number);
            }
            let due = rate.map_or(Duration::ZERO, |rate| {
                Duration::from_secs(1) * u32::try_from(number - first).unwrap() / rate
            });
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }

    /// No more traffic; waits for its end.
    fn end(mut self, within: Duration) -> Value {
        drop(self.input);
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                break status;
            }
            assert!(
                began.elapsed() < within,
                "it does not end: {}",
                std::fs::read_to_string(&self.said).unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{status}: {}", std::fs::read_to_string(&self.said).unwrap());
        let Self { packets: read, idle, .. } = self;
        serde_json::json!({"read": read, "processed": read - idle, "dropped": {"not_ip": idle}})
    }
}

/// How long sinks are away.
fn outage() -> Duration {
    let wanted = std::env::var("HEELGUARD_OUTAGE_S").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(wanted.unwrap_or(sized(6, 300)))
}

#[test]
fn nothing_is_dropped_while_broker_and_database_are_away() {
    let (Some(kafka), Some(database)) = (Service::kafka(), Service::clickhouse()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        format!("sinks.kafka.brokers={}", kafka.get("PLAINTEXT")),
        "sinks.kafka.manage_topics=true".to_owned(),
        "sinks.kafka.alerts_topic=alerts".to_owned(),
        "sinks.kafka.transactions_topic=transactions".to_owned(),
        "sinks.kafka.tls_topic=".to_owned(),
        "sinks.kafka.inventory_topic=".to_owned(),
        "sinks.kafka.health_topic=".to_owned(),
        format!("sinks.clickhouse.url={}", database.get("URL")),
        format!("sinks.clickhouse.user={}", database.get("USER")),
        format!("sinks.clickhouse.password={}", database.get("PASSWORD")),
        "sinks.clickhouse.reports=false".to_owned(),
        "sinks.file.type=jsonl".to_owned(),
        "sinks.file.health=health.jsonl".to_owned(),
        "sensor.health_interval_s=1".to_owned(),
        // The longest pause between two tries is a minute.
        "spool.drain_timeout_s=90".to_owned(),
    ];
    let place = Place::new(folder.path(), settings.to_vec());
    let before = Duration::from_secs(5);
    let seconds = (before + outage() + Duration::from_secs(4)).as_secs();
    let count = seconds as usize * RATE as usize / ROUND * ROUND;
    let (first, last) = (before.as_secs() as usize * RATE as usize, count - 4 * RATE as usize);
    let traffic = Traffic::new(count);

    let mut run = Running::start(&place, &[]);
    run.feed(traffic.head());
    run.feed_exchanges(&traffic, 0..first, Some(RATE));
    let lag = until("the lag of alerts", || {
        // Health is told when there is traffic.
        run.look(&traffic, first - 1);
        lag(&place.path("health.jsonl"))
    });
    let at_rest = run.resident_kib();
    std::thread::scope(|scope| {
        scope.spawn(|| kafka.kill());
        scope.spawn(|| database.stop());
        run.feed_exchanges(&traffic, first..last, Some(RATE));
    });
    let mut most = run.resident_kib();
    std::thread::scope(|scope| {
        scope.spawn(|| kafka.start());
        scope.spawn(|| database.start());
        run.feed_exchanges(&traffic, last..count, Some(RATE));
    });
    most = most.max(run.resident_kib());
    let (stalled, said) = (run.stalled, run.said());
    let began = Instant::now();
    let packets = run.end(Duration::from_secs(150));
    let drained = began.elapsed();
    super::say(&format!(
        "outage of {} s: {} packets, {count} alerts and as many transactions, lag p99 before it {lag} s, longest \
         stall {stalled:.1?}, memory {at_rest} to {most} KiB, drained {drained:.1?} after the end",
        outage().as_secs(),
        packets["read"]
    ));

    for words in ["sinks.kafka", "sinks.clickhouse"] {
        assert!(said.contains(words), "{words} is not told: {said}");
    }
    let stats = json(&place.path("stats.json"));
    assert_eq!(stats["packets"], packets);
    assert_eq!(stats["balanced"], true);
    for sink in ["kafka", "clickhouse"] {
        let account = &stats["sinks"][sink];
        // In an hour, episodes end as well.
        let all = 2 * count as u64 + stats["alerts"]["closed"].as_u64().unwrap();
        let expected = serde_json::json!({"queued": all, "delivered": all, "spooled": 0, "lost": 0});
        assert_eq!(*account, expected, "{sink}");
    }
    figure(
        "F9",
        "both sinks away: alerts lost, and how long they took to drain",
        &format!(
            "0 of {count} after {} s away, drained in {:.1} s, the sensor never held up for more than {:.1} s",
            outage().as_secs(),
            drained.as_secs_f64(),
            stalled.as_secs_f64()
        ),
        stalled < STALL_MAX
            && drained < Duration::from_mins(10)
            && outage() >= sized(Duration::ZERO, Duration::from_hours(1)),
    );
    assert!(stalled < STALL_MAX, "the sensor did not read for {stalled:?}");
    let growth_max = GROWTH_MAX_KIB + ACCOUNT_KIB * count as u64;
    assert!(most < at_rest + growth_max, "{at_rest} KiB became {most} KiB");
    assert!(lag < LAG_MAX_S, "{lag} s");
    for topic in ["alerts", "transactions"] {
        assert_eq!(ids_in_order(&kafka, topic).len(), count, "{topic}");
    }
    for table in ["alerts", "transactions"] {
        let unique = ask(&database, &format!("SELECT uniqExact(id) FROM heelguard.{table}"));
        assert_eq!(unique, count.to_string(), "{table}");
    }
    assert_eq!(ask(&database, "SELECT count() FROM heelguard.alerts FINAL"), count.to_string());
}

/// Each record's id in a topic, once; within each partition they came in the order in which they were raised.
fn ids_in_order(kafka: &Service, topic: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut newest = std::collections::BTreeMap::new();
    for (partition, line) in truth::partitions(kafka.get("PLAINTEXT"), topic) {
        let record: Value = serde_json::from_str(&line).unwrap();
        if ids.insert(record["id"].as_str().unwrap().to_owned()) {
            let time = record["time"].as_str().or(record["end"].as_str()).unwrap_or_default().to_owned();
            let before = newest.insert(partition, time.clone());
            assert!(before.as_ref().is_none_or(|before| *before <= time), "{time} came after {before:?}");
        }
    }
    ids
}

/// The slowest in a hundred alerts on its way to Kafka's acknowledgement, in seconds, once health tells.
fn lag(health: &Path) -> Option<f64> {
    let told = std::fs::read_to_string(health).ok()?;
    let newest: Value = serde_json::from_str(told.lines().last()?).ok()?;
    let queues = newest["delivery"].as_array()?;
    let alerts = queues.iter().find(|queue| queue["sink"] == "kafka" && queue["lane"] == "alerts")?;
    alerts["lag_p99_s"].as_f64().filter(|lag| *lag > 0.0)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn ask(database: &Service, sql: &str) -> String {
    use base64::Engine as _;
    let unset = Path::new("");
    let files = TlsFiles { section: "test", ca_file: unset, cert_file: unset, key_file: unset };
    let login = format!("{}:{}", database.get("USER"), database.get("PASSWORD"));
    let login = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login));
    let headers = [("authorization", login.as_str())];
    let http = HttpClient::new(&files).unwrap();
    let answer = http.post(database.get("URL"), &headers, sql.to_owned(), Duration::from_secs(20)).unwrap();
    String::from_utf8(answer.body).unwrap().trim().to_owned()
}

/// A file system of its own, of a few MiB.
struct SmallDisk(PathBuf);

impl SmallDisk {
    const MIB: u32 = 6;

    /// `None` where one may not be made: that takes root.
    fn at(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let made = mount(&["-t", "tmpfs", "-o", &format!("size={}m,mode=700", Self::MIB), "none"], path);
        if !made {
            super::say("*** NOT RUN: this test mounts a small file system, which takes root ***");
        }
        made.then(|| Self(path.to_owned()))
    }

    fn grow(&self) {
        assert!(mount(&["-o", "remount,size=64m"], &self.0));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(arguments).arg(path).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Delivered, waiting and lost of a lane of the file sink.
fn account(port: u16, lane: &str) -> Option<[u64; 3]> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    let value = |name: &str, more: &str| {
        let start = format!("heelguard_sink_{name}{{sink=\"file\",lane=\"{lane}\"{more}}} ");
        page.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok())
    };
    let records = |outcome: &str| value("records_total", &format!(",outcome=\"{outcome}\""));
    Some([records("delivered")?, value("spooled_records", "")?, records("lost")?])
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{what} never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_full_disk_costs_transactions_and_no_alert_as_long_as_its_reserve_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = [
        "sinks.file.type=jsonl".to_owned(),
        // The sink is down as long as its folder is missing.
        "sinks.file.alerts=later/alerts.jsonl".to_owned(),
        "sinks.file.transactions=later/transactions.jsonl".to_owned(),
        "spool.bytes_max=67108864".to_owned(),
        "spool.drain_timeout_s=90".to_owned(),
        format!("web.listen=127.0.0.1:{port}"),
    ];
    let place = Place::new(folder.path(), settings.to_vec());
    std::fs::create_dir_all(place.path("state")).unwrap();
    let Some(disk) = SmallDisk::at(&place.spool()) else { return };
    // Alerts take 1.2 kB: these fit, but not beside their transactions.
    let (full, all) = (2_500, 3_000);
    let traffic = Traffic::new(all);
    let mut run = Running::start(&place, &["--serve"]);
    run.feed(traffic.head());
    run.feed_exchanges(&traffic, 0..full, None);
    let waiting = |lane: &'static str, count: usize| {
        let what = format!("{count} {lane}");
        until(&what, || {
            account(port, lane)
                .filter(|[delivered, spooled, lost]| *delivered == 0 && spooled + lost == count as u64)
        })
    };
    let [_, alerts, alerts_lost] = waiting("alerts", full);
    let [_, transactions, transactions_lost] = waiting("transactions", full);
    super::say(&format!(
        "a disk of {} MiB: {alerts} alerts wait, {alerts_lost} lost; {transactions} transactions wait, \
         {transactions_lost} lost",
        SmallDisk::MIB
    ));
    assert_eq!(alerts_lost, 0, "the reserve lasts");
    assert!(transactions_lost > 0, "the disk was full");

    disk.grow();
    run.feed_exchanges(&traffic, full..all, None);
    assert_eq!(waiting("alerts", all)[2], 0);
    let lost = waiting("transactions", all)[2];
    std::fs::create_dir(place.path("later")).unwrap();
    let stalled = run.stalled;
    let packets = run.end(Duration::from_mins(2));
    let lines = |name: &str| {
        let text = std::fs::read_to_string(place.path("later").join(name)).unwrap();
        let ids: BTreeSet<String> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), text.lines().count(), "each once");
        ids.len() as u64
    };
    assert_eq!(lines("alerts.jsonl"), all as u64, "every alert arrived");
    assert_eq!(lines("transactions.jsonl"), all as u64 - lost, "all but those that were counted");
    let stats = json(&place.path("stats.json"));
    assert_eq!(stats["packets"], packets);
    let all = all as u64;
    let expected =
        serde_json::json!({"queued": 2 * all, "delivered": 2 * all - lost, "spooled": 0, "lost": lost});
    assert_eq!(stats["sinks"]["file"], expected);
    figure(
        "F10",
        "full disk: alerts lost while the reserve lasts, and what is counted of the rest",
        &format!("0 of {all} alerts; {lost} of {all} transactions lost, every one counted"),
        stalled < STALL_MAX,
    );
    assert!(stalled < STALL_MAX, "the sensor did not read for {stalled:?}");
}
