//! What somebody who has taken the sensor over would try, and what the sensor itself must still be able to do.
//! Each attempt is given a folder with `state`, `given` (to be read) and `elsewhere` in it as the place where it stands.
//! It promises to do no harm where it succeeds.
#![allow(unsafe_code, reason = "what no library offers is asked of the kernel itself")]

use std::fmt;
use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Answered with this error.
    Refused(i32),
    /// The kernel ended the process.
    Killed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Refused(error) => write!(f, "{error}"),
            Self::Killed => f.write_str("killed"),
        }
    }
}

impl Outcome {
    pub fn from_words(words: &str) -> Option<Self> {
        if words == "done" { Some(Self::Done) } else { words.parse().ok().map(Self::Refused) }
    }
}

/// One attempt.
pub struct Attempt {
    try_it: fn() -> io::Result<()>,
    pub expected: Outcome,
    /// Whether root without locks succeeds.
    pub works_without: bool,
}

impl Attempt {
    pub fn run(&self) -> Outcome {
        match (self.try_it)() {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Refused(error.raw_os_error().unwrap_or(i32::MAX)),
        }
    }
}

const EPERM: Outcome = Outcome::Refused(libc::EPERM);
const EACCES: Outcome = Outcome::Refused(libc::EACCES);
const ENOSYS: Outcome = Outcome::Refused(libc::ENOSYS);

const fn works(try_it: fn() -> io::Result<()>) -> Attempt {
    Attempt { try_it, expected: Outcome::Done, works_without: true }
}

const fn refused(expected: Outcome, try_it: fn() -> io::Result<()>) -> Attempt {
    Attempt { try_it, expected, works_without: true }
}

/// One that harms nobody because it is wrong otherwise, too.
const fn wrong_anyway(expected: Outcome, try_it: fn() -> io::Result<()>) -> Attempt {
    Attempt { try_it, expected, works_without: false }
}

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    // Ends the process.
    ("become another program", refused(Outcome::Killed, || Err(Command::new("/bin/true").exec()))),
    (
        "trace another",
        wrong_anyway(Outcome::Killed, || call(libc::SYS_ptrace, [libc::PTRACE_ATTACH.into(), 0, 0, 0, 0, 0])),
    ),
    ("mount", wrong_anyway(Outcome::Killed, || call(libc::SYS_mount, [0; 6]))),
    ("leave the namespace", refused(Outcome::Killed, || call(libc::SYS_unshare, [0; 6]))),
    ("load a module", wrong_anyway(Outcome::Killed, || call(libc::SYS_init_module, [0; 6]))),
    (
        "load a program into the kernel",
        wrong_anyway(Outcome::Killed, || call(libc::SYS_bpf, [-1, 0, 0, 0, 0, 0])),
    ),
    ("read another process", wrong_anyway(Outcome::Killed, || call(libc::SYS_process_vm_readv, [0; 6]))),
    // Is refused.
    ("start a program", refused(EPERM, || Command::new("/bin/true").status().map(drop))),
    ("be two processes", refused(EPERM, twin)),
    ("have code that was data", refused(EPERM, || map(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC))),
    ("have other code", refused(EPERM, || map(libc::PROT_READ | libc::PROT_EXEC))),
    ("wait for visitors", refused(EPERM, || TcpListener::bind("127.0.0.1:0").map(drop))),
    ("wait for datagrams", refused(EPERM, || UdpSocket::bind("127.0.0.1:0").map(drop))),
    ("ask the kernel about routes", refused(EPERM, || socket(libc::AF_NETLINK, libc::SOCK_RAW))),
    ("listen to an interface", refused(EPERM, || socket(libc::AF_PACKET, libc::SOCK_RAW))),
    ("type into the terminal", wrong_anyway(EPERM, || call(libc::SYS_ioctl, [0, 0x5412, 0, 0, 0, 0]))),
    ("signal another", refused(EPERM, || call(libc::SYS_kill, [1, 0, 0, 0, 0, 0]))),
    ("become another user", refused(EPERM, || call(libc::SYS_setuid, [0; 6]))),
    ("change who may read a file", refused(EPERM, || call(libc::SYS_umask, [0o77, 0, 0, 0, 0, 0]))),
    ("be dumped", refused(EPERM, || call(libc::SYS_prctl, [4, 1, 0, 0, 0, 0]))),
    ("raise a limit", wrong_anyway(EPERM, || call(libc::SYS_prlimit64, [0; 6]))),
    ("call what came after the list", wrong_anyway(ENOSYS, || call(libc::SYS_io_uring_setup, [0; 6]))),
    ("call what there never was", wrong_anyway(EPERM, || call(100_000, [0; 6]))),
    // Is refused by the list of folders.
    ("read what is private to root", refused(EACCES, || fs::read("/etc/shadow").map(drop))),
    ("read another folder", refused(EACCES, || fs::read("elsewhere/there").map(drop))),
    ("look into another folder", refused(EACCES, || fs::read_dir("elsewhere").map(drop))),
    ("write into another folder", refused(EACCES, || fs::write("elsewhere/new", "text"))),
    ("change a file elsewhere", refused(EACCES, || fs::write("elsewhere/there", "text"))),
    ("write where it is to read", refused(EACCES, || fs::write("given/new", "text"))),
    ("change what it is to read", refused(EACCES, || fs::write("given/there", "text"))),
    ("remove a file elsewhere", refused(EACCES, || fs::remove_file("elsewhere/there"))),
    ("move a file out", refused(EACCES, || fs::rename("state/there", "elsewhere/here"))),
    // The sensor's own work.
    ("keep state", works(keep_state)),
    ("read what is named", works(|| fs::read("given/there").map(drop))),
    ("read names of far sides", works(|| fs::read("/etc/hosts").map(drop))),
    ("read about itself", works(|| fs::read("/proc/self/status").map(drop))),
    ("start a thread with a name", works(thread)),
    ("reach a sink", works(reach)),
];

fn keep_state() -> io::Result<()> {
    fs::create_dir("state/spool")?;
    fs::write("state/spool/new", "text")?;
    fs::rename("state/spool/new", "state/new")?;
    fs::File::open("state/new")?.sync_all()?;
    fs::remove_file("state/new")
}

/// Whether a thread is there, with its name, and is locked like the one that made it.
fn thread() -> io::Result<()> {
    let look = || {
        let status = fs::read_to_string("/proc/thread-self/status")?;
        let is_named = status.starts_with("Name:\tnamed\n");
        let is_locked = status.contains("\nSeccomp:\t2\n") && status.contains("\nNoNewPrivs:\t1\n");
        let wants_locks = std::env::var_os(crate::LOCKS).is_some();
        if is_named && is_locked == wants_locks {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::EINVAL))
        }
    };
    std::thread::Builder::new().name("named".to_owned()).spawn(look)?.join().expect("it ends")
}

/// Another process with the same memory, which ends at once.
fn twin() -> io::Result<()> {
    // SAFETY: the parent goes on as it was, and the child touches nothing before it ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: nothing that would run at the end of a process runs.
        unsafe { libc::_exit(0) }
    }
    if child < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Nobody is at this port: that is found out, not forbidden.
fn reach() -> io::Result<()> {
    match TcpStream::connect("127.0.0.1:1") {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        other => other.map(drop),
    }
}

fn socket(family: i32, kind: i32) -> io::Result<()> {
    call(libc::SYS_socket, [family.into(), kind.into(), 0, 0, 0, 0])
}

fn map(protection: i32) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    call(libc::SYS_mmap, [0, 4096, protection.into(), flags.into(), -1, 0])
}

fn call(number: i64, arguments: [i64; 6]) -> io::Result<()> {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    // SAFETY: no argument is a pointer to anything of this process: they are zeros, numbers and flags. A new mapping is
    // nobody's.
    let answer = unsafe { libc::syscall(number, first, second, third, fourth, fifth, sixth) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
