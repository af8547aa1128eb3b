//! `docs/commands.md`: every command with its help, as the program prints it.
//! It is given nothing but the program.
//! It promises a page that is never behind the command line: `UPDATE_EXPECT=1` renews it.

use expect_test::expect_file;
use std::fmt::Write as _;
use std::process::Command;

const OPENING: &str = "\
# Commands

<!-- Written from the program's own help: UPDATE_EXPECT=1 cargo test --test book -->

Every command has its help: `heelguard --help`, `heelguard replay --help`. The same is in the man page
(`heelguard man`) and in completions for bash, elvish, fish, powershell and zsh (`heelguard completions bash`).

| exit code | means |
|---|---|
| 0 | done |
| 1 | failed while running; the message names the file, interface or peer, and the cause |
| 2 | wrong usage or configuration; the message names the key, the line and what is allowed |
| 4 | `replay --fail-on`: an alert of that severity, or a worse one, was raised |
| 77 | the system does not allow what is needed: packets may not be captured, or a lock that `[hardening]` insists on cannot be closed; the message says how to get it |

Standard output carries records only; progress, warnings and logs go to standard error.
";

fn help(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
    let output = command.args(arguments).arg("--help").env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_page_of_commands_is_fresh() {
    let all = help(&[]);
    let list = all.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = list
        .lines()
        .filter(|line| line.starts_with("  ") && !line[2..].starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    let mut page = OPENING.to_owned();
    for name in names {
        let _ = writeln!(page, "\n## {name}\n\n```text\n{}\n```", help(&[name]).trim_end());
    }
    let page: String = page.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    expect_file!["../../docs/commands.md"].assert_eq(&page);
}
