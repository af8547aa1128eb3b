//! Where memory is handled by hand: in one file of the sensor, and nowhere without its reason.
//! It reads the source as text and looks for the keyword, outside comments.
//! It promises that a second such file cannot come in unseen.

use super::source::{Complaints, Source, rust};

/// The keyword, in pieces, so that this file does not complain about itself.
const KEYWORD: &str = concat!("un", "safe");
/// The one file of the sensor that has it: a ring shared with the kernel, and its socket options.
const HOME: &str = "src/capture/live/sys.rs";

#[test]
fn one_file_of_the_sensor_handles_memory_by_hand() {
    let mut complaints = Complaints::default();
    let mut at_home = 0;
    for source in rust().iter().filter(|source| is_sensor(&source.path)) {
        for line in lines_with(source) {
            if source.path == HOME {
                at_home += 1;
            } else {
                complaints.line(
                    &source.path,
                    line,
                    format_args!("`{KEYWORD}` belongs into {HOME}, if anywhere"),
                );
            }
        }
    }
    assert!(at_home > 0, "the check has gone blind: {HOME} is without it");
    complaints.end();
}

#[test]
fn each_block_stands_under_the_reason_why_it_is_sound() {
    let mut complaints = Complaints::default();
    let looked_at = |source: &&Source| is_sensor(&source.path) || source.path.starts_with("tests/");
    for source in rust().iter().filter(looked_at) {
        for line in lines_with(source) {
            if !has_reason(&source.text, line) {
                complaints.line(&source.path, line, "say above it, after `// SAFETY:`, why it is sound");
            }
        }
    }
    complaints.end();
}

fn is_sensor(path: &str) -> bool {
    path.starts_with("src/") || path.starts_with("detectors/src/")
}

/// The lines, from 1, that have the keyword as a word of code.
fn lines_with(source: &Source) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let has = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        code.match_indices(KEYWORD)
            .any(|(at, _)| !code[..at].ends_with(is_word) && !code[at + KEYWORD.len()..].starts_with(is_word))
    };
    source.text.lines().enumerate().filter(|(_, line)| has(line)).map(|(at, _)| at + 1).collect()
}

/// Whether the comment above the statement that `line` is in gives a reason.
fn has_reason(text: &str, line: usize) -> bool {
    let above: Vec<&str> = text.lines().take(line - 1).map(str::trim).collect();
    let is_comment = |line: &&&str| line.starts_with("//");
    let goes_on =
        |line: &&&str| !line.starts_with("//") && !line.ends_with([';', '{', '}']) && !line.is_empty();
    let comment = above.iter().rev().skip_while(goes_on).take_while(is_comment);
    comment.into_iter().any(|line| line.starts_with("// SAFETY: "))
}

#[test]
fn a_reason_is_found_above_its_statement_and_not_above_another() {
    let at = |text: &str| has_reason(text, text.lines().count());
    assert!(at("// SAFETY: sound.\nlet a = b {"));
    assert!(at("// SAFETY: sound\n// in two lines.\nlet a =\n    b {"));
    assert!(!at("// Sound.\nlet a = b {"));
    assert!(!at("// SAFETY: sound.\nlet a = b;\nlet c = d {"));
    assert!(!at("let c = d {"));
}
