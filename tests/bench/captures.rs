//! The captures that are measured: generated once, kept in the target folder, used again.
//! They are given a folder and a size and give files with the counts that must be found in them.
//! They promise to be made anew when their size or the generator's version does not fit, and by a process of their own:
//! what a process used at its peak, its children begin with, and the programs that are measured shall not.

use crate::say;
use heelguard::demo::Load;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// To be raised when the generator makes other traffic.
const VERSION: u64 = 2;

/// Arguments of the process that makes a capture, and of the one that makes traffic of so many identities.
const MAKE: &str = "--make";
pub(crate) const IDENTITIES: &str = "--identities";
const QUICK: &str = "quick";
const WHOLE: &str = "whole";
const IDENTITIES_SEED: u64 = 20_261_122;
/// Bytes written to the sensor at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mixed,
    Tiny,
    Downloads,
    Elephant,
    Idle,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[Self::Mixed, Self::Tiny, Self::Downloads, Self::Elephant, Self::Idle];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Tiny => "tiny",
            Self::Downloads => "downloads",
            Self::Elephant => "elephant",
            Self::Idle => "idle",
        }
    }

    fn load(self, quick: bool) -> Load {
        let part = if quick { 10 } else { 1 };
        match self {
            Self::Mixed => Load::mixed(1_150_000_000 / part, 20_261_109),
            Self::Tiny => Load::tiny(650_000 / part, 20_261_109),
            Self::Downloads => Load::downloads(1_150_000_000 / part, 20_261_109),
            Self::Elephant => Load::elephant(1_150_000_000 / part, 20_261_109),
            Self::Idle => Load::idle(1_000_000 / part, 20_261_109),
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
}

/// A capture that is ready.
pub(crate) struct Capture {
    pub kind: Kind,
    pub path: PathBuf,
    pub truth: Truth,
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
    let &[VERSION, packets, bytes, transactions, connections] = numbers.as_slice() else { return None };
    let length = 24 + 16 * packets + bytes;
    let truth = Truth { packets, bytes, transactions, connections };
    (std::fs::metadata(path).ok()?.len() == length).then_some(truth)
}

fn make(path: &Path, kind: Kind, quick: bool) -> io::Result<()> {
    let mut load = kind.load(quick);
    let mut out = Watched { inner: BufWriter::new(File::create(path)?), written: 0, told: 0, kind };
    load.write_pcap(&mut out)?;
    out.flush()?;
    let totals = load.totals();
    say(&format!("{}: {} transactions in {} packets", kind.name(), totals.transactions, totals.packets));
    let (packets, bytes) = (totals.packets, totals.bytes);
    let noted = format!("{VERSION} {packets} {bytes} {} {}\n", totals.transactions, totals.connections);
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
