//! Workers with a far side that does as it is told, over a spool in memory.

use super::*;
use crate::sinks::destination::{Delivered, Limits};
use crate::sinks::spool::{self, Account, Full, Kind, Reading, Record, Spool};
use crate::sinks::status::Told;
use std::collections::VecDeque;

#[expect(clippy::disallowed_types, reason = "a test looks at what a thread did")]
type Shared<T> = Arc<std::sync::Mutex<T>>;

/// What the far side is asked, and what it is to say.
#[derive(Default)]
struct Script {
    prepared: VecDeque<Result<(), Trouble>>,
    answers: VecDeque<Result<Delivered, Trouble>>,
    asked: Vec<String>,
    told: Vec<String>,
}

struct Far(Shared<Script>);

impl Destination for Far {
    fn limits(&self) -> Limits {
        Limits { records_max: 2, bytes_max: 1 << 20, linger: Duration::ZERO, fixed: false }
    }

    fn prepare(&mut self) -> Result<(), Trouble> {
        let mut script = self.0.lock().unwrap();
        script.asked.push("prepare".to_owned());
        script.prepared.pop_front().unwrap_or(Ok(()))
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, Trouble> {
        let mut script = self.0.lock().unwrap();
        let bodies: Vec<_> =
            batch.records().map(|record| String::from_utf8_lossy(record.body).into_owned()).collect();
        script.asked.push(bodies.join(" "));
        crate::fault::poison::fail_at(bodies.join(" ").as_bytes());
        script.answers.pop_front().unwrap_or(Ok(Delivered::default()))
    }
}

struct Story {
    spool: Spool,
    reading: Reading,
    script: Shared<Script>,
    worker: Option<Worker>,
    folder: tempfile::TempDir,
}

/// A worker with these records before it.
fn story(script: Script, bodies: &[&str]) -> Story {
    let reading = Reading { sink: "far".into(), lane: Lane::Alerts };
    let readings = std::slice::from_ref(&reading);
    let spool = Spool::in_memory(&spool::Config::default(), Full::Drop, readings).unwrap();
    for (body, id) in bodies.iter().zip(0..) {
        spool.append(&Record { kind: Kind::Alert, raised_ms: now_ms(), id, key: id, body: body.as_bytes() });
    }
    assert!(spool.sync());
    let script: Shared<Script> = Arc::new(script.into());
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::clone(&script);
    let job = Job {
        sink: reading.sink.clone(),
        lane: reading.lane,
        destination: Box::new(Far(Arc::clone(&script))),
        reader: spool.reader(&reading).unwrap(),
        letters: DeadLetters::of(folder.path(), "far"),
        watch: Watch::new(Told::default()),
        tell: Arc::new(move |line| told.lock().unwrap().told.push(line.to_owned())),
    };
    Story { worker: Some(Worker::start(job).unwrap()), spool, reading, script, folder }
}

impl Story {
    /// Waits until nothing waits, and gives what the far side was asked, what was told, and the account.
    fn end(mut self) -> (Vec<String>, Vec<String>, Account, Story) {
        let patience = Instant::now() + Duration::from_secs(20);
        while self.spool.account(&self.reading).spooled > 0 && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(2));
        }
        let threads = self.worker.take().map(Worker::stop).into_iter().collect();
        assert_eq!(join(threads, patience), 0, "the worker does not stop");
        let account = self.spool.account(&self.reading);
        let mut script = self.script.lock().unwrap();
        let (asked, told) = (std::mem::take(&mut script.asked), std::mem::take(&mut script.told));
        drop(script);
        (asked, told, account, self)
    }
}

#[test]
fn records_arrive_in_order_and_the_far_side_is_looked_at_once() {
    let (asked, told, account, _) = story(Script::default(), &["1", "2", "3"]).end();
    assert_eq!(asked, ["prepare", "1 2", "3"]);
    assert!(told.is_empty());
    assert_eq!((account.queued, account.delivered, account.lost), (3, 3, 0));
}

#[test]
fn after_trouble_the_same_batch_comes_again_and_the_end_of_it_is_told() {
    let script = Script { answers: [Err(Trouble::new("far is down"))].into(), ..Script::default() };
    let (asked, told, account, _) = story(script, &["1", "2", "3"]).end();
    assert_eq!(asked, ["prepare", "1 2", "prepare", "1 2", "3"]);
    assert_eq!(told, ["far is down", "sinks.far: delivering again"]);
    assert_eq!((account.delivered, account.lost), (3, 0));
}

#[test]
fn nothing_is_handed_over_before_the_far_side_is_ready() {
    let script = Script { prepared: [Err(Trouble::new("no topic"))].into(), ..Script::default() };
    let (asked, told, ..) = story(script, &["1"]).end();
    assert_eq!(asked, ["prepare", "prepare", "1"]);
    assert_eq!(told, ["no topic", "sinks.far: delivering again"]);
}

#[test]
fn what_nobody_takes_is_kept_counted_and_holds_up_nothing() {
    let refused = Delivered { refused: vec![Refused { index: 1, reason: "too large".to_owned() }] };
    let script = Script { answers: [Ok(refused)].into(), ..Script::default() };
    let (asked, told, account, story) = story(script, &["1", "2", "3"]).end();
    assert_eq!(asked, ["prepare", "1 2", "3"]);
    let letters = story.folder.path().join("dead-letters/far.jsonl");
    assert_eq!(
        told,
        [format!("sinks.far: records that will never be taken: too large; kept in {}", letters.display())]
    );
    assert!(std::fs::read_to_string(letters).unwrap().contains("\"reason\":\"too large\""));
    assert_eq!((account.delivered, account.lost, account.spooled), (2, 1, 0));
}

#[test]
fn what_cannot_be_kept_is_not_given_up() {
    let refused = Delivered { refused: vec![Refused { index: 0, reason: "too large".to_owned() }] };
    let story = story(Script { answers: [Ok(refused)].into(), ..Script::default() }, &[]);
    std::fs::write(story.folder.path().join("dead-letters"), "in the way").unwrap();
    story.spool.append(&Record { kind: Kind::Alert, raised_ms: now_ms(), id: 1, key: 1, body: b"{}" });
    let patience = Instant::now() + Duration::from_secs(20);
    while story.script.lock().unwrap().told.is_empty() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(story.spool.account(&story.reading).spooled, 1);
    std::fs::remove_file(story.folder.path().join("dead-letters")).unwrap();
    let (asked, told, account, _) = story.end();
    assert_eq!(asked, ["prepare", "{}"]);
    assert!(told[0].contains("cannot be kept in") && told[1].contains("kept in"), "{told:?}");
    assert_eq!((account.lost, account.spooled), (1, 0));
}

#[test]
fn a_worker_in_trouble_stops_at_once_and_what_waits_stays() {
    let trouble =
        || Err(Trouble { message: "far is down".to_owned(), retry_after: Some(Duration::from_secs(500)) });
    let mut story = story(Script { prepared: [trouble()].into(), ..Script::default() }, &["1"]);
    let patience = Instant::now() + Duration::from_secs(20);
    while story.script.lock().unwrap().asked.is_empty() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
    let began = Instant::now();
    let threads = story.worker.take().map(Worker::stop).into_iter().collect();
    assert_eq!(join(threads, patience), 0);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(story.spool.account(&story.reading).spooled, 1);
}

#[test]
fn a_worker_that_fails_ends_the_process_and_not_itself_alone() {
    let name = concat!(module_path!(), "::a_worker_that_fails_ends_the_process_and_not_itself_alone");
    crate::fault::ending::ends(name, "worker", "far-alerts", || {
        let poison = std::str::from_utf8(crate::fault::poison::POISON).unwrap();
        story(Script::default(), &[poison]).end();
    });
}
