//! What a program cost: processor time, memory at its peak, and time on the wall.
//! It is given a command, runs it to its end and asks the kernel.
//! It promises numbers of that one process alone.

#![allow(unsafe_code, reason = "the standard library does not tell what a child process used")]

use crate::table::Cost;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs the command; it must end with success.
pub(crate) fn by(mut command: Command) -> Result<Cost, String> {
    let begun = Instant::now();
    let child = command.spawn().map_err(|error| error.to_string())?;
    // What it was given as its input is its own from here on.
    drop(command);
    let pid = libc::pid_t::try_from(child.id()).map_err(|error| error.to_string())?;
    let (status, usage) = wait(pid)?;
    let wall = begun.elapsed();
    if !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 0 {
        return Err(format!("ended with status {status:#x}"));
    }
    Ok(Cost {
        // In user mode and in the kernel.
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        wall,
        peak_bytes: usage.ru_maxrss.unsigned_abs() * 1_024,
    })
}

fn wait(pid: libc::pid_t) -> Result<(i32, libc::rusage), String> {
    let mut status = 0;
    // SAFETY: `rusage` is plain numbers, for which all zeros is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live variables of the types that wait4 writes, and `pid` is a
        // child of this process that nobody else waits for.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if waited == pid {
            return Ok((status, usage));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error.to_string());
        }
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
}
