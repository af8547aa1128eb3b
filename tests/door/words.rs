//! Hostile words of the traffic in what a person looks at beside the page: the terminal, the log, and tables to take away.
//! Names, hosts, paths and agents hold what moves a cursor, paints, turns text around, begins a line or a formula.
//! They promise that each comes out as words, on the line it belongs to.

use crate::running::Running;
use crate::support::conversation::pcap;
use crate::visit::get;

/// In JSON and headers alike: escape, both spellings of CSI, a bell, a title, bidi, something invisible.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}moc\u{2066}\u{200b}";

/// Whether a terminal would do anything with it but write it down.
fn is_obeyed(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

#[test]
fn no_word_of_traffic_is_obeyed_by_a_terminal_or_a_spreadsheet() {
    let folder = tempfile::tempdir().unwrap();
    let traffic = include_str!("../cases/mfa-three-wrong-codes/traffic.txt");
    let in_json = serde_json::to_string(&format!("=cmd|calc {HOSTILE}\r\nforged line")).unwrap();
    let hostile = traffic
        .replace("alice@example.com", in_json.trim_matches('"'))
        .replace("Host: api.example.com", &format!("Host: {HOSTILE}.example\nUser-Agent: {HOSTILE}"));
    assert_ne!(traffic, hostile);
    let capture = pcap(&hostile);
    let running = Running::start(folder.path(), &["--format", "text", "--transactions", "tx"], &capture);
    let table = get(running.address, "/alerts.csv", "").body;
    let lists =
        [get(running.address, "/alerts.jsonl", "").body, get(running.address, "/endpoints.csv", "").body];
    assert!(running.end().success());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let (said, shown, records) = (read("said"), read("out"), read("tx"));
    for (what, text) in [
        ("the log", &said),
        ("the alerts", &shown),
        ("records", &records),
        ("table", &table),
        ("list", &lists[0]),
        ("endpoints", &lists[1]),
    ] {
        let obeyed: Vec<&str> = text.lines().filter(|line| line.contains(is_obeyed)).take(3).collect();
        assert!(obeyed.is_empty(), "{what}: {obeyed:?}");
        assert!(!text.lines().any(|line| line.starts_with("forged line")), "{what}: {text}");
    }
    assert!(shown.contains("cmd|calc") && table.contains("cmd|calc"), "the name is told: {shown} {table}");
    for line in records.lines().chain(lists[0].lines()) {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    let formula = |table: &String| table.contains("\"=") || table.contains(",=");
    assert!(!formula(&table) && !formula(&lists[1]), "{table}");
}
