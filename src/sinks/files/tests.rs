//! Files of lines, with a real disk under them.

use super::*;
use crate::sinks::spool::Record;
use std::fs;
use std::path::Path;

fn batch(from: u64, bodies: &[&str]) -> Batch {
    let mut batch = Batch::new(7, Lane::Alerts, from);
    for (body, number) in bodies.iter().zip(from..) {
        let body = body.as_bytes();
        batch.push(number, &Record { kind: Kind::Alert, raised_ms: 0, id: 0, key: 0, body });
    }
    batch
}

fn sink(path: &Path, change: impl FnOnce(&mut Config)) -> Box<dyn Destination> {
    let mut config = Config { alerts: path.to_owned(), ..Config::default() };
    change(&mut config);
    config.check("jsonl").unwrap();
    assert!(config.is_on());
    assert_eq!(config.lanes(), [Lane::Alerts]);
    let labels = Labels { tenant: "t".to_owned(), sensor: "s".to_owned() };
    open(&config, "jsonl", &labels, Lane::Alerts).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| format!("{error}"))
}

#[test]
fn lines_are_added_and_a_batch_that_comes_again_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    fs::write(&path, "{\"cut").unwrap();
    let mut sink = sink(&path, |_| {});
    sink.prepare().unwrap();
    let first = batch(0, &["{\"n\":0}", "{\"n\":1}"]);
    assert_eq!(sink.deliver(&first).unwrap(), Delivered::default());
    assert_eq!(sink.deliver(&first).unwrap(), Delivered::default());
    sink.deliver(&batch(2, &["{\"n\":2}"])).unwrap();
    assert_eq!(read(&path), "{\"cut\n{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n");
}

#[test]
fn a_full_file_makes_room_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    let mut sink = sink(&path, |config| (config.rotate_bytes, config.keep_files) = (4096, 2));
    let long = format!("\"{}\"", "x".repeat(3000));
    for number in 0..4 {
        sink.deliver(&batch(number, &[&long, &number.to_string()])).unwrap();
    }
    let ends = |name: &str| read(&folder.path().join(name)).lines().last().unwrap_or_default().to_owned();
    assert_eq!((ends("alerts.jsonl"), ends("alerts.jsonl.1"), ends("alerts.jsonl.2")), {
        ("3".to_owned(), "2".to_owned(), "1".to_owned())
    });
    assert!(!folder.path().join("alerts.jsonl.3").exists());
}

#[test]
fn a_file_that_was_moved_away_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("alerts.jsonl"), folder.path().join("moved"));
    let mut sink = sink(&path, |_| {});
    sink.deliver(&batch(0, &["0"])).unwrap();
    fs::rename(&path, &moved).unwrap();
    sink.deliver(&batch(1, &["1"])).unwrap();
    assert_eq!((read(&path), read(&moved)), ("1\n".to_owned(), "0\n".to_owned()));
}

#[test]
fn a_missing_folder_is_trouble_that_names_setting_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none/alerts.jsonl");
    let mut sink = sink(&path, |_| {});
    let trouble = sink.prepare().unwrap_err().message;
    assert!(trouble.starts_with("sinks.jsonl.alerts: cannot write /"), "{trouble}");
    assert!(sink.deliver(&batch(0, &["0"])).is_err());
    fs::create_dir(folder.path().join("none")).unwrap();
    sink.deliver(&batch(0, &["0"])).unwrap();
    assert_eq!(read(&path), "0\n");
}

#[test]
fn two_kinds_in_one_file_are_refused() {
    let path = Path::new("/var/log/a.jsonl").to_owned();
    let config = Config { alerts: path.clone(), transactions: path, ..Config::default() };
    let said = config.check("jsonl").unwrap_err();
    assert_eq!(said, "sinks.jsonl.transactions: alerts are written to /var/log/a.jsonl too");
}

#[test]
fn a_record_at_which_this_program_fails_is_refused_and_the_others_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    let mut sink = sink(&path, |_| {});
    let poison = std::str::from_utf8(crate::fault::poison::POISON).unwrap();
    let delivered = sink.deliver(&batch(0, &["{\"n\":0}", poison, "{\"n\":2}"])).unwrap();
    let [refused] = &*delivered.refused else { panic!("{delivered:?}") };
    assert!(refused.index == 1 && refused.reason.contains("a fault of this program"), "{refused:?}");
    assert_eq!(read(&path), "{\"n\":0}\n{\"n\":2}\n");
}
