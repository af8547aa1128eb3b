//! Seeded bugs, which `make mutants` puts in to see that the proofs can fail: whether each can still be put in.
//! It reads the patches below tests/mutants and the files that they change.
//! It promises that who changes a line that a patch stands on hears of it now, and not in half a day's run.

#[path = "../mutants/patch.rs"]
mod patch;

use super::source::{Complaints, root};
use std::collections::BTreeMap;

/// A proof that was tried with fewer may have been lucky.
const EACH_MIN: usize = 5;

#[test]
fn every_seeded_bug_can_be_put_in_and_every_suite_has_five() {
    let mut complaints = Complaints::default();
    let mut suites: BTreeMap<String, usize> = BTreeMap::new();
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    for (name, mutant) in patch::all(root()).expect("the folder of seeded bugs") {
        let path = format!("tests/mutants/{name}.patch");
        match mutant.and_then(|mutant| mutant.apply(root()).map(|files| (mutant, files))) {
            Err(why) => complaints.file(&path, format_args!("write it anew: {why}")),
            Ok((mutant, files)) => {
                for (file, text) in files {
                    let same = std::fs::read_to_string(root().join(&file)).is_ok_and(|now| now == text);
                    // A bug in a test says nothing about the test.
                    if same || !file.contains("src/") || file.contains("tests") {
                        complaints.file(&path, format_args!("{file}: change a line of the product"));
                    }
                }
                if let Some(other) = said.insert(mutant.words, name.clone()) {
                    complaints.file(&path, format_args!("this bug is {other}, too"));
                }
            }
        }
        let suite = name.split('/').next().unwrap_or_default();
        *suites.entry(suite.to_owned()).or_default() += 1;
    }
    for (suite, bugs) in suites.iter().filter(|(_, bugs)| **bugs < EACH_MIN) {
        complaints.file(
            &format!("tests/mutants/{suite}"),
            format_args!("{bugs} seeded bugs: a suite has {EACH_MIN} or more"),
        );
    }
    assert!(!suites.is_empty(), "there are seeded bugs");
    complaints.end();
}

#[test]
fn the_tests_of_every_seeded_bug_are_there() {
    let mut complaints = Complaints::default();
    for (name, mutant) in patch::all(root()).expect("the folder of seeded bugs") {
        let Ok(mutant) = mutant else { continue };
        let place = |test: &str| ["tests", "detectors/tests"].map(|folder| root().join(folder).join(test));
        let program = mutant.red.iter().skip_while(|word| *word != "--test").nth(1);
        let is_there = |test: &String| {
            place(test).iter().any(|path| path.with_extension("rs").exists() || path.join("main.rs").exists())
        };
        if program.is_some_and(|test| !is_there(test)) {
            complaints.file(
                &format!("tests/mutants/{name}.patch"),
                format_args!("there is no test program as in {:?}", mutant.red),
            );
        }
    }
    complaints.end();
}
