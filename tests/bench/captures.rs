//! The captures that are measured: generated once, kept in the target folder, used again.
//! They are given a folder and a size and give files with the counts that must be found in them.
//! They promise to be made anew when their size or the generator's version does not fit.

use crate::say;
use heelguard::demo::Load;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// To be raised when the generator makes other traffic.
const VERSION: u64 = 1;

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
    let problem = |error: io::Error| format!("{}: {error}", path.display());
    let truth = make(&path, kind, quick).map_err(problem)?;
    let Truth { packets, bytes, transactions, connections } = truth;
    let text = format!("{VERSION} {packets} {bytes} {transactions} {connections}\n");
    std::fs::write(&notes, text).map_err(problem)?;
    Ok(Capture { kind, path, truth })
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

fn make(path: &Path, kind: Kind, quick: bool) -> io::Result<Truth> {
    let mut load = kind.load(quick);
    let mut out = Watched { inner: BufWriter::new(File::create(path)?), written: 0, told: 0, kind };
    load.write_pcap(&mut out)?;
    out.flush()?;
    let totals = load.totals();
    say(&format!("{}: {} transactions in {} packets", kind.name(), totals.transactions, totals.packets));
    Ok(Truth {
        packets: totals.packets,
        bytes: totals.bytes,
        transactions: totals.transactions,
        connections: totals.connections,
    })
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
