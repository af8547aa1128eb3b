//! Whether the far sides are there, asked by an operator before anything depends on it.
//! It is given the configured sinks and asks all of them at once, each lane on a thread of its own.
//! It promises an answer about each in the time given, and that no record is sent.

use super::config::Sinks;
use super::record::Labels;
use crossbeam_channel::RecvTimeoutError;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What became of asking one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The sink's name.
    pub sink: String,
    /// The lanes it takes.
    pub lanes: Vec<&'static str>,
    /// Nothing, when it would take records now; or one line that names the setting or the peer, and what to do.
    pub trouble: Option<String>,
}

/// Asks every sink that is on, in the order of their names.
pub fn reach(sinks: &Sinks, labels: &Labels, within: Duration) -> Vec<Reached> {
    let deadline = Instant::now() + within;
    let (answers, answered) = crossbeam_channel::unbounded();
    let mut asked: BTreeMap<String, Reached> = BTreeMap::new();
    let mut silent = Vec::new();
    for wanted in sinks.wanted() {
        let sink = wanted.name.to_owned();
        let reached = asked.entry(sink.clone()).or_insert_with(|| Reached {
            sink: sink.clone(),
            lanes: Vec::new(),
            trouble: None,
        });
        reached.lanes.push(wanted.lane.name());
        let mut destination = match wanted.open(labels) {
            Ok(destination) => destination,
            Err(why) => {
                reached.trouble.get_or_insert(why);
                continue;
            }
        };
        let (answers, lane) = (answers.clone(), wanted.lane);
        let ask = move || {
            let answer = destination.look().map_err(|trouble| trouble.message);
            // Who waited too long is gone.
            let _ = answers.send((sink, lane, answer));
        };
        match std::thread::Builder::new().name("reach".to_owned()).spawn(ask) {
            Ok(_) => silent.push((wanted.name.to_owned(), lane)),
            Err(error) => drop(reached.trouble.get_or_insert(format!("cannot start a thread: {error}"))),
        }
    }
    drop(answers);
    while !silent.is_empty() {
        let (sink, lane, answer) = match answered.recv_deadline(deadline) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        };
        silent.retain(|waiting| *waiting != (sink.clone(), lane));
        if let (Some(reached), Err(why)) = (asked.get_mut(&sink), answer) {
            reached.trouble.get_or_insert(why);
        }
    }
    for (sink, lane) in silent {
        if let Some(reached) = asked.get_mut(&sink) {
            let (name, seconds) = (lane.name(), within.as_secs());
            reached.trouble.get_or_insert(format!("sinks.{sink}: no answer about {name} within {seconds} s"));
        }
    }
    asked.into_values().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;
    use crate::sinks::record::samples::labels;
    use std::net::TcpListener;

    const WITHIN: Duration = Duration::from_secs(10);

    fn asked(text: &str) -> Vec<Reached> {
        reach(&toml::from_str(text).unwrap(), &labels(), WITHIN)
    }

    #[test]
    fn without_sinks_nobody_is_asked() {
        assert_eq!(asked(""), []);
    }

    #[test]
    fn a_file_is_looked_at_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let there = asked(&format!("[jsonl]\nalerts = {path:?}"));
        assert_eq!((there.len(), there[0].trouble.as_ref()), (1, None));
        assert!(!path.exists());
        let away = asked(&format!("[jsonl]\nalerts = {:?}", folder.path().join("no/alerts.jsonl")));
        assert!(away[0].trouble.as_ref().unwrap().contains("no/alerts.jsonl"), "{away:?}");
    }

    #[test]
    fn one_that_is_away_does_not_hold_up_the_others() {
        // Somebody listens and never answers; somebody else does not listen.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = format!(
            "[webhook]\nurl = \"http://{closed}/secret-path\"\n[other]\ntype = \"webhook\"\n\
             url = \"http://{}/secret-path\"\ntimeout_s = 1\n",
            silent.local_addr().unwrap()
        );
        let began = Instant::now();
        let answers = asked(&text);
        assert!(began.elapsed() < WITHIN);
        assert_eq!(answers.len(), 2);
        for answer in &answers {
            let why = answer.trouble.as_ref().unwrap();
            assert!(why.contains("127.0.0.1:") && !why.contains("secret-path"), "{why}");
        }
    }
}
