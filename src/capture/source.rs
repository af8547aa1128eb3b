//! A file, a FIFO or standard input as plain bytes.
//! It is given a path, recognises gzip and zstd by their first bytes and unpacks them on the way.
//! It promises bounded memory, and it counts the bytes as they are on disk.

use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read, Stdin};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The largest zstd window, as a power of two: 128 MiB, what the zstd tool itself accepts unasked.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Packed bytes are read in pieces of this size.
const PACKED_BUFFER_BYTES: usize = 256 * 1024;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A skippable zstd frame begins with 0x50..=0x5f and these; parallel zstd writes one first.
const ZSTD_SKIPPABLE_MAGIC: [u8; 3] = [0x2a, 0x4d, 0x18];

/// The unpacked bytes of one capture file.
pub(super) struct Source {
    stream: Stream,
}

enum Stream {
    Plain(Sniffed),
    /// All members of the file, one after the other.
    Gzip(Box<MultiGzDecoder<BufReader<Sniffed>>>),
    /// All frames of the file, one after the other.
    Zstd(Box<zstd::Decoder<'static, BufReader<Sniffed>>>),
}

/// The first bytes, read to recognise the packing, and then the rest.
type Sniffed = Chain<Cursor<Vec<u8>>, Tap>;

/// The file itself, with a count of what was taken from it.
struct Tap {
    input: Input,
    bytes_read: u64,
}

enum Input {
    File(File),
    Stdin(Stdin),
}

impl Source {
    /// Opens `path` (`-` is standard input) and looks at its first bytes.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let input = if is_stdin(path) { Input::Stdin(io::stdin()) } else { Input::File(File::open(path)?) };
        let mut tap = Tap { input, bytes_read: 0 };
        let mut magic = Vec::with_capacity(ZSTD_MAGIC.len());
        (&mut tap).take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
        let packing = Packing::of(&magic);
        let sniffed = Cursor::new(magic).chain(tap);
        let stream = match packing {
            None => Stream::Plain(sniffed),
            Some(Packing::Gzip) => Stream::Gzip(Box::new(MultiGzDecoder::new(buffered(sniffed)))),
            Some(Packing::Zstd) => {
                let mut decoder = zstd::Decoder::with_buffer(buffered(sniffed))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Stream::Zstd(Box::new(decoder))
            }
        };
        Ok(Self { stream })
    }

    /// Bytes taken from the file so far, as they are on disk.
    pub(super) fn bytes_read(&self) -> u64 {
        let sniffed = match &self.stream {
            Stream::Plain(sniffed) => sniffed,
            Stream::Gzip(decoder) => decoder.get_ref().get_ref(),
            Stream::Zstd(decoder) => decoder.get_ref().get_ref(),
        };
        sniffed.get_ref().1.bytes_read
    }

    /// The name of the packing, if the file is packed.
    pub(super) fn packing(&self) -> Option<&'static str> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Gzip(_) => Some("gzip"),
            Stream::Zstd(_) => Some("zstd"),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(sniffed) => sniffed.read(buffer),
            Stream::Gzip(decoder) => decoder.read(buffer),
            Stream::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.input {
            Input::File(file) => file.read(buffer),
            Input::Stdin(stdin) => read_pipe(stdin, buffer),
        }?;
        self.bytes_read += count as u64;
        Ok(count)
    }
}

/// Whether the process is to end: standard input then gives no more.
static INPUT_ENDED: AtomicBool = AtomicBool::new(false);

/// Whoever waits for standard input waits no longer: it has ended.
pub fn end_input() {
    INPUT_ENDED.store(true, Ordering::Relaxed);
}

/// Reads standard input past its own buffer, and looks now and then whether the process is to end: a pipe may be
/// silent for hours.
#[cfg(unix)]
fn read_pipe(stdin: &Stdin, buffer: &mut [u8]) -> io::Result<usize> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    while !INPUT_ENDED.load(Ordering::Relaxed) {
        let mut asked = [PollFd::new(stdin, PollFlags::IN)];
        match poll(&mut asked, Some(&LOOK_EVERY)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(rustix::io::read(stdin, buffer)?),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(0)
}

#[cfg(not(unix))]
fn read_pipe(mut stdin: &Stdin, buffer: &mut [u8]) -> io::Result<usize> {
    stdin.read(buffer)
}

/// Whether `path` names standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            _ if magic.starts_with(&GZIP_MAGIC) => Some(Self::Gzip),
            _ if magic == ZSTD_MAGIC => Some(Self::Zstd),
            [0x50..=0x5f, rest @ ..] if rest == ZSTD_SKIPPABLE_MAGIC => Some(Self::Zstd),
            _ => None,
        }
    }
}

fn buffered(sniffed: Sniffed) -> BufReader<Sniffed> {
    BufReader::with_capacity(PACKED_BUFFER_BYTES, sniffed)
}
