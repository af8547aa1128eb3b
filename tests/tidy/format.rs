//! Formatting, file by file.
//! `cargo fmt` follows `mod` lines and so passes over modules that a macro declares; this follows nothing.
//! It promises the same style everywhere, with the settings of `rustfmt.toml`.

use super::source::{Complaints, Source, root, rust};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[test]
fn every_file_is_formatted() {
    let sources = rust();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let mut complaints = Complaints::default();
    std::thread::scope(|scope| {
        let chunk = sources.len().div_ceil(workers);
        let running: Vec<_> = sources.chunks(chunk).map(|part| scope.spawn(|| unformatted(part))).collect();
        for (path, line) in running.into_iter().flat_map(|worker| worker.join().expect("a worker ends")) {
            complaints.line(&path, line, format_args!("not formatted: run `rustfmt --edition 2024 {path}`"));
        }
    });
    complaints.end();
}

/// Paths and first differing lines.
fn unformatted(sources: &[Source]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for source in sources {
        let formatted = rustfmt(source);
        if formatted != source.text {
            let same = formatted.lines().zip(source.text.lines()).take_while(|(a, b)| a == b).count();
            found.push((source.path.clone(), same + 1));
        }
    }
    found
}

/// The file's text as it should be. Through standard input rustfmt leaves other files alone.
fn rustfmt(source: &Source) -> String {
    let mut child = Command::new(program())
        .args(["--edition", "2024", "--emit", "stdout"])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("rustfmt starts; `make setup` installs it");
    let mut input = child.stdin.take().expect("standard input is piped");
    input.write_all(source.text.as_bytes()).expect("rustfmt reads its input");
    drop(input);
    let output = child.wait_with_output().expect("rustfmt ends");
    assert!(output.status.success(), "{}: {}", source.path, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("formatted source is text")
}

/// The rustfmt beside the cargo that runs the tests, so that no launcher has to look for it each time.
fn program() -> PathBuf {
    let beside = std::env::var_os("CARGO").map(|cargo| PathBuf::from(cargo).with_file_name("rustfmt"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| "rustfmt".into())
}
