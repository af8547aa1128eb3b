//! What the pages tell people to type: commands, and configuration to copy.
//! It is given each fenced block and each quoted command.
//! It promises that the program takes every option that is shown, and reads every key.

use super::{Page, pages};
use std::process::Command;

/// Words that stand for what the reader puts there, and are no value of an option.
const PLACEHOLDERS: &[&str] = &["SHELL", "FORM", "…", "..."];

/// The commands of a line that are ours: behind `sudo`, a prompt or a pipe, up to what the shell takes for itself.
fn commands(line: &str) -> Vec<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let mut found = vec![Vec::new()];
    let mut word = String::new();
    let mut quote = None;
    for letter in line.chars().chain([' ']) {
        #[expect(clippy::match_same_arms, reason = "within quotes every letter is one, and is asked first")]
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), letter) => word.push(letter),
            (None, '\'' | '"') => quote = Some(letter),
            (None, '#') if word.is_empty() => break,
            (None, '|' | ';' | '&') => {
                let word = std::mem::take(&mut word);
                found.last_mut().unwrap().extend(Some(word).filter(|word| !word.is_empty()));
                found.push(Vec::new());
            }
            (None, letter) if letter.is_whitespace() => {
                let word = std::mem::take(&mut word);
                found.last_mut().unwrap().extend(Some(word).filter(|word| !word.is_empty()));
            }
            (None, letter) => word.push(letter),
        }
    }
    if !word.is_empty() {
        found.last_mut().unwrap().push(word);
    }
    found.into_iter().filter_map(ours).collect()
}

/// The arguments, if this is a command of ours.
fn ours(words: Vec<String>) -> Option<Vec<String>> {
    let mut words = words.into_iter().skip_while(|word| word == "sudo").peekable();
    let program = words.next()?;
    if program != "heelguard" && !program.ends_with("/heelguard") {
        return None;
    }
    Some(words.take_while(|word| !word.starts_with(['>', '<']) && word != "2>&1" && word != "2>").collect())
}

/// Every command of a page, with its line.
fn shown(page: &Page) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for block in page.blocks().iter().filter(|block| ["", "sh", "bash", "console"].contains(&block.language))
    {
        let joined = block.text.replace("\\\n", " ");
        for (number, line) in joined.lines().enumerate() {
            found.extend(commands(line).into_iter().map(|words| (block.line + number + 1, words)));
        }
    }
    for (number, line) in page.prose() {
        for quoted in line.split('`').skip(1).step_by(2) {
            found.extend(commands(quoted).into_iter().map(|words| (number, words)));
        }
    }
    found
}

#[test]
fn every_command_is_taken() {
    let mut wrong = Vec::new();
    let mut asked = std::collections::BTreeSet::new();
    for page in pages() {
        for (line, words) in shown(&page) {
            let is_sketch =
                words.is_empty() || words.iter().any(|word| PLACEHOLDERS.contains(&word.as_str()));
            if is_sketch || !asked.insert(words.clone()) {
                continue;
            }
            // Everything in front of it is read first; then help ends the run before it begins.
            let output =
                Command::new(env!("CARGO_BIN_EXE_heelguard")).args(&words).arg("--help").output().unwrap();
            if !output.status.success() {
                let said =
                    String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned();
                wrong.push(format!("{}:{line}: heelguard {}\n    {said}", page.path, words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "commands that the program does not take:\n{}", wrong.join("\n"));
    assert!(asked.len() > 40, "only {} commands: the check has gone blind", asked.len());
}

#[test]
fn every_configuration_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let mut read = 0;
    for page in pages() {
        // Presets have a form of their own, and tests of their own.
        let blocks = page.blocks();
        for block in blocks.iter().filter(|block| block.language == "toml" && page.path != "docs/presets.md")
        {
            let file = folder.path().join("shown.toml");
            std::fs::write(&file, block.text).unwrap();
            // A file that only the reader has is no fault of the page.
            match heelguard::config::load(Some(&file), &[]).map_err(|error| error.to_string()) {
                Err(error) if !error.contains("No such file") => {
                    panic!("{}:{}: {error}", page.path, block.line)
                }
                _ => read += 1,
            }
        }
    }
    assert!(read >= 8, "only {read} blocks: the check has gone blind");
}

#[test]
fn commands_are_found_where_they_stand() {
    let line = "$ ssh gw tcpdump -w - | sudo heelguard replay --set 'a.b=c d' - > x  # why";
    assert_eq!(commands(line), [["replay", "--set", "a.b=c d", "-"].map(str::to_owned).to_vec()]);
    assert_eq!(commands("heelguard: warning: nothing"), Vec::<Vec<String>>::new());
    assert_eq!(commands("target/release/heelguard man").len(), 1);
}
