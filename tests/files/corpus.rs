//! Captures by others, when there are any at hand.

use heelguard::capture::replay::Timeline;
use heelguard::decode::{Config, Decoder};
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// Every capture of a corpus is read without panic, and its account balances.
#[test]
fn a_corpus_of_captures_by_others() {
    let Some(corpus) = std::env::var_os("HEELGUARD_CORPUS").map(PathBuf::from) else {
        // Not `eprintln!`, which the test harness keeps to itself.
        writeln!(
            std::io::stderr(),
            "NOT RUN: set HEELGUARD_CORPUS to a folder with manifest.jsonl and pcap/"
        )
        .unwrap();
        return;
    };
    let manifest = fs::read_to_string(corpus.join("manifest.jsonl")).unwrap();
    let mut differences = Vec::new();
    for line in manifest.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let path = corpus.join(text("path").trim_start_matches("public/"));
        let mut decoder = Decoder::new(Config::default());
        let mut problem = String::new();
        match Timeline::open(std::slice::from_ref(&path)) {
            Err(error) => problem = error.to_string(),
            Ok(mut timeline) => loop {
                match timeline.next() {
                    Ok(Some(packet)) => _ = decoder.decode(packet),
                    Ok(None) => {
                        timeline.warnings().for_each(|warning| problem.push_str(&warning));
                        break;
                    }
                    Err(error) => problem = error.to_string(),
                }
            },
        }
        decoder.finish();
        let counters = decoder.counters();
        assert_eq!(counters.imbalance(), None, "{}", path.display());
        let expected = entry["packets"].as_u64().unwrap();
        if counters.packets.read != expected {
            let read = counters.packets.read;
            differences.push((
                text("trust"),
                format!("{}: {read} of {expected} packets; {problem}", path.display()),
            ));
        }
        if std::env::var_os("HEELGUARD_CORPUS_VERBOSE").is_some() {
            let (dropped, odd) = (counters.dropped.rows(), counters.anomalies.rows());
            eprintln!("{} {} {dropped:?} {odd:?} {problem}", path.display(), counters.packets.processed);
        }
    }
    for (trust, difference) in &differences {
        eprintln!("{trust}: {difference}");
    }
    assert!(differences.iter().all(|(trust, _)| trust != "high"));
}
