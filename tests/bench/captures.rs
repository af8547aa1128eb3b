//! The captures that are measured: generated once, kept in the target folder, used again.
//! They are given a folder and a size and give files with the counts that must be found in them.
//! They promise to be made anew when their size or the generator's version does not fit, and by a process of their own:
//! what a process used at its peak, its children begin with, and the programs that are measured shall not.

mod http2;
mod messages;
mod tls13;

use crate::say;
use heelguard::demo::{Load, Totals};
use http2::Http2;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tls13::Tls13;

/// To be raised when the generator makes other traffic.
const VERSION: u64 = 4;

/// Arguments of the process that makes a capture, and of the one that makes traffic of so many identities.
const MAKE: &str = "--make";
pub(crate) const IDENTITIES: &str = "--identities";
const QUICK: &str = "quick";
const WHOLE: &str = "whole";
const IDENTITIES_SEED: u64 = 20_261_122;
/// Bytes written to the sensor at once.
const CHUNK_BYTES: usize = 1 << 20;
/// Streams of HTTP/2 that are open at one time.
const TOGETHER: u64 = 6;
const RESETS_TOGETHER: u64 = 50;

/// What kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mixed,
    Tiny,
    Downloads,
    Elephant,
    Idle,
    Http2,
    Tls13,
    Resets,
    IdleHttp2,
    IdleTls13,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::Mixed,
        Self::Tiny,
        Self::Downloads,
        Self::Elephant,
        Self::Idle,
        Self::Http2,
        Self::Tls13,
        Self::Resets,
        Self::IdleHttp2,
        Self::IdleTls13,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Tiny => "tiny",
            Self::Downloads => "downloads",
            Self::Elephant => "elephant",
            Self::Idle => "idle",
            Self::Http2 => "http2",
            Self::Tls13 => "tls13",
            Self::Resets => "resets",
            Self::IdleHttp2 => "idle-http2",
            Self::IdleTls13 => "idle-tls13",
        }
    }

    /// Whether there is a key log beside it.
    pub(crate) fn is_sealed(self) -> bool {
        matches!(self, Self::Tls13 | Self::IdleTls13)
    }

    /// Whether all its connections are open at one time.
    pub(crate) fn is_idle(self) -> bool {
        matches!(self, Self::Idle | Self::IdleHttp2 | Self::IdleTls13)
    }

    /// The traffic, whose secrets go to `keys` if there are any.
    fn load(self, quick: bool, keys: impl Write + Send + 'static) -> Load {
        const SEED: u64 = 20_261_109;
        let part = if quick { 10 } else { 1 };
        let bytes = 1_150_000_000 / part;
        match self {
            Self::Mixed => Load::mixed(bytes, SEED),
            Self::Tiny => Load::tiny(650_000 / part, SEED),
            Self::Downloads => Load::downloads(bytes, SEED),
            Self::Elephant => Load::elephant(bytes, SEED),
            Self::Idle => Load::idle(1_000_000 / part, SEED),
            Self::Http2 => {
                Load::mixed_together(bytes / 2, SEED, TOGETHER).carried_by(Box::new(Http2::answered()))
            }
            Self::Tls13 => Load::mixed(bytes / 2, SEED).carried_by(Box::new(Tls13::new(keys))),
            Self::Resets => {
                Load::burst(1_000_000 / part, RESETS_TOGETHER, SEED).carried_by(Box::new(Http2::reset()))
            }
            Self::IdleHttp2 => Load::idle(100_000 / part, SEED).carried_by(Box::new(Http2::answered())),
            Self::IdleTls13 => Load::idle(100_000 / part, SEED).carried_by(Box::new(Tls13::new(keys))),
        }
    }
}

/// What is in a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub packets: u64,
    /// Bytes of frames.
    pub bytes: u64,
    pub transactions: u64,
    pub connections: u64,
    /// Bytes of its messages, as HTTP/1 writes them.
    pub content: u64,
}

/// A capture that is ready.
pub(crate) struct Capture {
    pub kind: Kind,
    pub path: PathBuf,
    pub truth: Truth,
}

impl Capture {
    /// The key log beside it, where there is one.
    pub(crate) fn keys(&self) -> Option<PathBuf> {
        self.kind.is_sealed().then(|| self.path.with_extension("keys"))
    }
}

/// The capture from an earlier run, or a new one.
pub(crate) fn ready(folder: &Path, kind: Kind, quick: bool) -> Result<Capture, String> {
    let size = if quick { "-quick" } else { "" };
    let path = folder.join(format!("{}{size}.pcap", kind.name()));
    let notes = path.with_extension("truth");
    if let Some(truth) = known(&path, &notes) {
        return Ok(Capture { kind, path, truth });
    }
    let size = if quick { QUICK } else { WHOLE };
    by_another_process(&[MAKE, kind.name(), size, &path.to_string_lossy()])?
        .wait()
        .map_err(|error| error.to_string())?;
    let truth = known(&path, &notes).ok_or_else(|| format!("{}: could not be made", path.display()))?;
    Ok(Capture { kind, path, truth })
}

/// This program once more, to make traffic.
pub(crate) fn by_another_process(arguments: &[&str]) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let started = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn();
    started.map_err(|error| format!("{}: {error}", arguments.join(" ")))
}

/// What the other process does, if these are its arguments: a capture in a file, or traffic on standard output.
pub(crate) fn make_as_asked(arguments: &[String]) -> Option<Result<(), String>> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        [MAKE, name, size, path] => {
            let kind = *Kind::ALL.iter().find(|kind| kind.name() == name)?;
            make(Path::new(path), kind, size == QUICK)
        }
        [IDENTITIES, identities, transactions] => {
            let (identities, transactions) = (identities.parse().ok()?, transactions.parse().ok()?);
            let mut pipe = BufWriter::with_capacity(CHUNK_BYTES, io::stdout().lock());
            // A sensor that stopped reading says so by its status.
            let _ = Load::identities(identities, transactions, IDENTITIES_SEED)
                .write_pcap(&mut pipe)
                .and_then(|()| pipe.flush());
            Ok(())
        }
        _ => return None,
    };
    Some(done.map_err(|error| format!("{}: {error}", words.join(" "))))
}

/// What an earlier run noted, if the file is as long as that says.
fn known(path: &Path, notes: &Path) -> Option<Truth> {
    let text = std::fs::read_to_string(notes).ok()?;
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let &[VERSION, packets, bytes, transactions, connections, content] = numbers.as_slice() else {
        return None;
    };
    let length = 24 + 16 * packets + bytes;
    let truth = Truth { packets, bytes, transactions, connections, content };
    (std::fs::metadata(path).ok()?.len() == length).then_some(truth)
}

fn make(path: &Path, kind: Kind, quick: bool) -> io::Result<()> {
    let mut load = if kind.is_sealed() {
        kind.load(quick, BufWriter::new(File::create(path.with_extension("keys"))?))
    } else {
        kind.load(quick, io::sink())
    };
    let mut out = Watched { inner: BufWriter::new(File::create(path)?), written: 0, told: 0, kind };
    load.write_pcap(&mut out)?;
    out.flush()?;
    let (totals, content) = (load.totals().clone(), load.content_bytes());
    // With it the last lines of the key log are written.
    drop(load);
    say(&format!("{}: {} transactions in {} packets", kind.name(), totals.transactions, totals.packets));
    let Totals { packets, bytes, transactions, connections, .. } = totals;
    let noted = format!("{VERSION} {packets} {bytes} {transactions} {connections} {content}\n");
    std::fs::write(path.with_extension("truth"), noted)
}

/// A file that says how long it has become.
struct Watched {
    inner: BufWriter<File>,
    written: u64,
    told: u64,
    kind: Kind,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.written += count as u64;
        if self.written - self.told >= 200_000_000 {
            self.told = self.written;
            say(&format!("making the {} capture: {} MB", self.kind.name(), self.written / 1_000_000));
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
