//! Configuration files of any text: what is refused is refused with its place in the file, and what is taken can be
//! written out and taken again.

use super::place::file;
use heelguard::config::{ConfigError, effective, load};

pub fn run(data: &[u8]) {
    let path = file(0, data);
    match load(Some(&path), &[]) {
        Ok(raw) => {
            let written = effective(&raw);
            // What is secret is written as stars, which no key file is named.
            if let Ok(again) = load(Some(&file(1, written.as_bytes())), &[]) {
                assert_eq!(effective(&again), written, "what is in force is what is written");
            }
        }
        Err(ConfigError::Unreadable { .. }) => {
            assert!(std::str::from_utf8(data).is_err(), "text can be read");
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
    ];
    seeds.extend(odd.map(|text| text.as_bytes().to_vec()));
    seeds
}
