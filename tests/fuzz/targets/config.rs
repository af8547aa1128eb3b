//! Configuration files of any text, and words of the command line behind each zero: what is refused is refused with its
//! place, and what is taken can be written out and taken again.

use super::place::file;
use heelguard::config::{ConfigError, effective, load};

pub fn run(data: &[u8]) {
    let mut parts = data.split(|&byte| byte == 0);
    let data = parts.next().unwrap_or_default();
    let sets: Vec<String> = parts.map(|set| String::from_utf8_lossy(set).into_owned()).collect();
    let path = file(0, data);
    match load(Some(&path), &sets) {
        Ok(mut raw) => {
            let written = effective(&raw);
            raw.settle(data.len().is_multiple_of(2));
            assert!(raw.key_path().is_none_or(|path| !path.as_os_str().is_empty()), "a key has a place");
            // What is secret is written as stars, which no key file is named.
            if let Ok(again) = load(Some(&file(1, written.as_bytes())), &[]) {
                assert_eq!(effective(&again), written, "what is in force is what is written");
            }
        }
        Err(ConfigError::Unreadable { .. }) => {
            assert!(std::str::from_utf8(data).is_err(), "text can be read");
        }
        Err(ConfigError::Refused { place, problem }) if place.starts_with("--set ") => {
            assert!(!sets.is_empty() && !problem.trim().is_empty(), "{place} says what is wrong");
        }
        Err(ConfigError::Refused { place, problem }) => {
            let mut parts = place.rsplitn(3, ':').map(|part| part.parse::<usize>().ok());
            let (column, line) = (parts.next().flatten(), parts.next().flatten());
            let lines = data.split(|&byte| byte == b'\n').count();
            assert!(column.is_some_and(|column| column > 0), "{place}: {problem}");
            assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{place}: {problem}");
            assert!(!problem.trim().is_empty(), "{place} says what is wrong");
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    // A section each: the whole is too much for one input.
    let whole = heelguard::config::ANNOTATED;
    let mut sections = vec![String::new()];
    for line in whole.lines().filter(|line| !line.trim_start().starts_with("# ")) {
        if line.starts_with('[') && !line.starts_with("[[") {
            sections.push(String::new());
        }
        let section = sections.last_mut().expect("there is one");
        section.push_str(line.trim_start_matches('#'));
        section.push('\n');
    }
    let mut seeds: Vec<Vec<u8>> =
        sections.into_iter().filter(|section| section.trim().len() > 4).map(String::into_bytes).collect();
    let odd = [
        "unknown = 1\n",
        "[flow]\nflows_max = \"many\"\n",
        "[flow]\nflows_max = -1\nflows_max = 2\n",
        "a = [[[[[[[[[[[[1]]]]]]]]]]]]\n",
        "[spool]\nbytes_max = 1\n",
        "[flow\n",
        "\u{feff}x = '''\n\n",
        "[sensor]\nname = \"\\u0007\"\n",
        "[limits]\nflows_max = 0\n",
        "[limits]\nmemory_mib = 5\n",
        "[detectors.mfa_failure_burst]\nseverty = \"high\"\n",
        "\0limits.flows_max=7\0web.listen=127.0.0.1:0\0detectors.mfa_failure_burst.failures=\"x\"",
        "\0limits.flows_max\0a b=1\0a = 1\nb=2\0sensor.name=plain words\0suppress=[]",
        "\0detectors.mfa_failure_burst.enabled=false\0limits=1",
    ];
    seeds.extend(odd.map(|text| text.as_bytes().to_vec()));
    seeds
}
