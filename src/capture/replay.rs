//! Capture files as one timeline.
//! It is given paths and gives packets in order of time, files that overlap merged, each file's clock made monotone.
//! It promises that every file is known to be a capture before the first packet is given,
//! and that only files whose turn it is are held open.

use super::clock::Clock;
use super::reader::{Cut, Fault, Reader, Record, name_of};
use super::source::is_stdin;
use super::{CaptureError, Offload, Packet};
use crate::metrics::{AnomalyCounters, CaptureCounters};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;
use std::path::PathBuf;

/// Capture files, merged.
pub struct Timeline {
    files: Vec<File>,
    /// Files that wait for their turn, by the time of their next packet, then in the order given.
    waiting: BinaryHeap<Reverse<(EventTime, usize)>>,
    /// The file whose packet was given last.
    current: Option<usize>,
    bytes_read_of_finished: u64,
    bytes_total: Option<u64>,
    counters: CaptureCounters,
    anomalies: AnomalyCounters,
    warnings: Vec<String>,
    listener: Option<SecretsListener>,
}

/// Who wants to know TLS secrets: is given pieces of key-log text, and the time up to which packets came before them.
pub type SecretsListener = Box<dyn FnMut(&[u8], EventTime) + Send>;

/// How far the reading is, in bytes as they are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes in all; unknown when a pipe is among the files.
    pub bytes_total: Option<u64>,
}

/// One file: asleep (`reader` is none), awake, or finished (asleep and in no queue).
struct File {
    path: PathBuf,
    reader: Option<Reader>,
    /// The first outcome of a pipe, which was read to learn its time and cannot be read again.
    peeked: Option<Result<Option<Record>, Fault>>,
    /// The packet to be given next, or given last.
    head: Option<(EventTime, Record)>,
    /// Its format has secrets blocks.
    is_pcapng: bool,
    /// It can be read only once, and its secrets as they come.
    is_pipe: bool,
    clock: Clock,
    packets: u64,
}

impl Timeline {
    /// Opens every file (`-` is standard input) and checks that it is a capture.
    pub fn open(paths: &[PathBuf]) -> Result<Self, CaptureError> {
        let mut timeline = Self {
            files: Vec::with_capacity(paths.len()),
            waiting: BinaryHeap::with_capacity(paths.len()),
            current: None,
            bytes_read_of_finished: 0,
            bytes_total: Some(0),
            counters: CaptureCounters::default(),
            anomalies: AnomalyCounters::default(),
            warnings: Vec::new(),
            listener: None,
        };
        for path in paths {
            let mut reader = Reader::open(path)?;
            reader.keep_secrets();
            let first = reader.next();
            // A file with nothing in it, or nothing that can be read, comes first and says so.
            let time = match &first {
                Ok(Some(record)) => EventTime::from_nanos(record.nanos),
                Ok(None) | Err(_) => EventTime::ZERO,
            };
            let regular =
                if is_stdin(path) { None } else { fs::metadata(path).ok().filter(fs::Metadata::is_file) };
            timeline.bytes_total =
                timeline.bytes_total.zip(regular.as_ref()).map(|(total, metadata)| total + metadata.len());
            let asleep = regular.is_some();
            timeline.waiting.push(Reverse((time, timeline.files.len())));
            timeline.files.push(File {
                path: path.clone(),
                is_pcapng: reader.is_pcapng(),
                is_pipe: !asleep,
                reader: (!asleep).then_some(reader),
                peeked: (!asleep).then_some(first),
                head: None,
                clock: Clock::default(),
                packets: 0,
            });
        }
        Ok(timeline)
    }

    /// Hands TLS secrets of secrets blocks on: at once those of files, wherever they stand in them, and of pipes those
    /// that have come; later ones of pipes when they come.
    pub fn tell_secrets(&mut self, mut listener: SecretsListener) {
        for file in self.files.iter_mut().filter(|file| file.is_pcapng) {
            match &mut file.reader {
                Some(pipe) => hand_over(pipe, EventTime::ZERO, &mut listener),
                None => file.tell_all_secrets(&mut listener),
            }
        }
        self.listener = Some(listener);
    }

    /// Whether secrets may come while packets are read.
    pub fn may_bring_secrets(&self) -> bool {
        self.files.iter().any(|file| file.is_pcapng && file.is_pipe)
    }

    /// The next packet of all files; `None` when all have ended.
    /// After an error the file it names is given up, and the next call goes on with the others.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend its buffer")]
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        let Some(index) = self.turn()? else { return Ok(None) };
        let Some(file) = self.files.get(index) else { return Ok(None) };
        let (Some(reader), Some((time, record))) = (&file.reader, &file.head) else { return Ok(None) };
        let data = reader.bytes(record);
        self.counters.bytes += data.len() as u64;
        Ok(Some(Packet {
            time: *time,
            link: record.link,
            data,
            original_len: record.original_len,
            offload: Offload::default(),
        }))
    }

    /// How far the reading is.
    pub fn progress(&self) -> Progress {
        let of_open = self.files.iter().filter_map(|file| file.reader.as_ref()).map(Reader::bytes_read);
        Progress {
            bytes_read: self.bytes_read_of_finished + of_open.sum::<u64>(),
            bytes_total: self.bytes_total,
        }
    }

    /// Files and bytes so far.
    pub fn counters(&self) -> &CaptureCounters {
        &self.counters
    }

    /// Clock anomalies so far.
    pub fn anomalies(&self) -> &AnomalyCounters {
        &self.anomalies
    }

    /// Takes what an operator should read: one line for each file that ends early.
    pub fn warnings(&mut self) -> std::vec::Drain<'_, String> {
        self.warnings.drain(..)
    }

    /// Moves on by one packet and says whose it is.
    #[inline]
    fn turn(&mut self) -> Result<Option<usize>, CaptureError> {
        if let Some(index) = self.current.take()
            && let Some(time) = self.advance(index)?
        {
            // Usually the same file goes on: one comparison, no queue.
            if self.waiting.peek().is_none_or(|Reverse(next)| (time, index) <= *next) {
                self.current = Some(index);
                return Ok(self.current);
            }
            self.waiting.push(Reverse((time, index)));
        }
        while let Some(Reverse((_, index))) = self.waiting.pop() {
            let begun = self.files.get(index).is_some_and(|file| file.head.is_some());
            if begun || self.advance(index)?.is_some() {
                self.current = Some(index);
                return Ok(self.current);
            }
        }
        Ok(None)
    }

    /// Reads a file's next packet; `None` at its end.
    #[inline]
    fn advance(&mut self, index: usize) -> Result<Option<EventTime>, CaptureError> {
        let Some(file) = self.files.get_mut(index) else { return Ok(None) };
        let record = match file.next() {
            Ok(Some(record)) => record,
            Ok(None) => return self.finish(index, None),
            Err(error) => return self.finish(index, Some(error)),
        };
        file.packets += 1;
        if file.is_pipe
            && let (Some(pipe), Some(listener)) = (&mut file.reader, &mut self.listener)
        {
            let since = file.head.as_ref().map_or(EventTime::ZERO, |(time, _)| *time);
            hand_over(pipe, since, listener);
        }
        let stamp = file.clock.stamp(record.nanos);
        if stamp.anomalous {
            self.anomalies.count(Anomaly::ClockAnomaly);
        }
        file.head = Some((stamp.time, record));
        Ok(Some(stamp.time))
    }

    /// Closes a file that gives no more packets. One that ends early is worth a warning and no error.
    #[cold]
    fn finish(&mut self, index: usize, stop: Option<Stop>) -> Result<Option<EventTime>, CaptureError> {
        let Some(file) = self.files.get_mut(index) else { return Ok(None) };
        let name = name_of(&file.path);
        let (offset, bytes_read, packing) =
            file.reader.take().map_or((0, 0, None), |r| (r.offset(), r.bytes_read(), r.packing()));
        self.bytes_read_of_finished += bytes_read;
        let fault = match stop {
            None => {
                self.counters.files += 1;
                return Ok(None);
            }
            Some(Stop::NotOpened(error)) => return Err(error),
            Some(Stop::Fault(fault)) => fault,
        };
        let damaged =
            |what| CaptureError::Damaged { file: name.clone(), packet_no: file.packets + 1, offset, what };
        match (fault, packing) {
            (Fault::Cut(cut), _) => {
                self.counters.files += 1;
                self.counters.truncated_files += 1;
                self.warnings.push(format!("{name}: {}", cut_in_words(cut, file.packets)));
                Ok(None)
            }
            (Fault::Damage(what), _) => Err(damaged(what)),
            // The system's errors have numbers, the decoders' have none.
            (Fault::Io(error), Some(packing)) if error.raw_os_error().is_none() => {
                Err(damaged(format!("broken {packing} stream ({error})")))
            }
            (Fault::Io(source), _) => Err(CaptureError::Io { file: name, source }),
        }
    }
}

/// Hands on what secrets blocks said lately.
#[inline]
fn hand_over(reader: &mut Reader, since: EventTime, listener: &mut SecretsListener) {
    if let Some(secrets) = reader.take_secrets() {
        secrets.pieces.iter().for_each(|piece| listener(piece, since));
    }
}

/// Why a file gives no more packets before its end.
enum Stop {
    NotOpened(CaptureError),
    Fault(Fault),
}

impl File {
    /// Reads a file through for its secrets alone. What is wrong with it is said when its packets are read.
    fn tell_all_secrets(&self, listener: &mut SecretsListener) {
        let Ok(mut reader) = Reader::open(&self.path) else { return };
        reader.keep_secrets();
        let mut goes_on = true;
        while goes_on {
            goes_on = matches!(reader.next(), Ok(Some(_)));
            hand_over(&mut reader, EventTime::ZERO, listener);
        }
    }

    #[inline]
    fn next(&mut self) -> Result<Option<Record>, Stop> {
        if let Some(outcome) = self.peeked.take() {
            return outcome.map_err(Stop::Fault);
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            asleep @ None => asleep.insert(Reader::open(&self.path).map_err(Stop::NotOpened)?),
        };
        reader.next().map_err(Stop::Fault)
    }
}

fn cut_in_words(cut: Cut, packets: u64) -> String {
    let place = match cut {
        Cut::Header => "in the middle of its header".to_owned(),
        Cut::Packet => format!("in the middle of packet {}", packets + 1),
        Cut::Block => "in the middle of a block".to_owned(),
        Cut::Stream => "before its compressed stream does".to_owned(),
    };
    let plural = if packets == 1 { "" } else { "s" };
    format!("ends {place}; {packets} packet{plural} read")
}
