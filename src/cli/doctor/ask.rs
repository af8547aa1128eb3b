//! Programs of the system that know more: asked, waited for, and never trusted to end.
//! It is given a name and arguments and gives what was printed.
//! It promises an answer within three seconds, and to look where administrators' programs are.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Folders that a user's search path often leaves out.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// What became of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It printed this and said that all is well.
    Said(String),
    /// It does not know, or may not tell.
    Failed,
    /// There is no such program here.
    Missing,
}

/// Runs a program to its end.
pub(super) fn ask(program: &str, arguments: &[&str]) -> Answer {
    let Some(path) = find(program) else { return Answer::Missing };
    let mut command = Command::new(path);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return Answer::Failed };
    if !ends(&mut child) {
        let _ = child.kill();
        let _ = child.wait();
        return Answer::Failed;
    }
    match child.wait_with_output() {
        Ok(output) if output.status.success() => {
            Answer::Said(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        _ => Answer::Failed,
    }
}

/// What these programs print fits into a pipe: they do not wait for us to read it.
fn ends(child: &mut Child) -> bool {
    let began = Instant::now();
    while began.elapsed() < WITHIN {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(LOOK_EVERY),
            Ok(Some(_)) => return true,
            Err(_) => return false,
        }
    }
    false
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.chain(FOLDERS.map(PathBuf::from)).map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_something_or_fails_or_is_not_there() {
        assert_eq!(ask("sh", &["-c", "echo $LC_ALL"]), Answer::Said("C\n".to_owned()));
        assert_eq!(ask("sh", &["-c", "echo half; exit 3"]), Answer::Failed);
        assert_eq!(ask("a-program-that-nobody-has", &[]), Answer::Missing);
    }

    #[test]
    fn one_that_does_not_end_is_not_waited_for() {
        let began = Instant::now();
        assert_eq!(ask("sh", &["-c", "exec sleep 60"]), Answer::Failed);
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
