//! Records that a far side will never take, kept where a person can look at them.
//! It is given refused records with the reason and appends a line of JSON for each, in a file a sink. Of a frame of
//! sightings the line has the size alone: nobody reads one, and thousands of exchanges would push other letters out.
//! It promises a bounded folder: a full file takes the place of the one before, and nothing waits for it.

use super::destination::Refused;
use super::escape;
use super::spool::{Batch, Kind};
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of one file; there are two at most.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Where refused records of one sink go; nowhere when nothing is kept on disk.
#[derive(Clone, Debug, Default)]
pub(super) struct DeadLetters(Option<PathBuf>);

/// The beginning of a line; the record follows as it is.
#[derive(Serialize)]
struct Letter<'a> {
    sink: &'a str,
    reason: &'a str,
    schema: &'static str,
    id: String,
}

impl DeadLetters {
    /// `FOLDER/dead-letters/SINK.jsonl`.
    pub(super) fn of(folder: &Path, sink: &str) -> Self {
        Self(Some(folder.join("dead-letters").join(format!("{sink}.jsonl"))))
    }

    /// The file, to be named in messages.
    pub(super) fn place(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// Keeps refused records of a batch.
    pub(super) fn keep(&self, sink: &str, batch: &Batch, refused: &[Refused]) -> io::Result<()> {
        let Some(path) = self.0.as_deref().filter(|_| !refused.is_empty()) else { return Ok(()) };
        let mut lines = Vec::new();
        for Refused { index, reason } in refused {
            let Some(record) = batch.get(*index) else { continue };
            let id = format!("{:032x}", record.id);
            escape::write_json_line(&mut lines, &Letter { sink, reason, schema: record.kind.schema(), id })?;
            lines.truncate(lines.len().saturating_sub(b"}\n".len()));
            lines.extend_from_slice(b",\"record\":");
            if record.kind == Kind::Sightings {
                write!(lines, "{{\"bytes\":{}}}", record.body.len())?;
            } else {
                lines.extend_from_slice(record.body);
            }
            lines.extend_from_slice(b"}\n");
        }
        append(path, &lines)
    }
}

fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    if fs::metadata(path).is_ok_and(|file| file.len() + lines.len() as u64 > FILE_BYTES_MAX) {
        fs::rename(path, path.with_extension("jsonl.1"))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(path)?;
    file.write_all(lines)?;
    file.sync_data()?;
    // The name, too, must be there after a power loss.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::spool::{Lane, Record};

    #[test]
    fn a_letter_holds_the_record_and_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let letters = DeadLetters::of(folder.path(), "kafka");
        let mut batch = Batch::new(1, Lane::Alerts, 5);
        for (number, body) in [(5, &b"{\"n\":1}"[..]), (6, b"{\"n\":2}")] {
            batch.push(number, &Record { kind: Kind::Alert, raised_ms: 0, id: 0xab, key: 0, body });
        }
        let refused = [Refused { index: 1, reason: "too large".to_owned() }];
        letters.keep("kafka", &batch, &[]).unwrap();
        assert!(!letters.place().unwrap().exists());
        letters.keep("kafka", &batch, &refused).unwrap();
        letters.keep("kafka", &batch, &refused).unwrap();
        let text = fs::read_to_string(letters.place().unwrap()).unwrap();
        let line = "{\"sink\":\"kafka\",\"reason\":\"too large\",\"schema\":\"heelguard.alert/1\",\
            \"id\":\"000000000000000000000000000000ab\",\"record\":{\"n\":2}}\n";
        assert_eq!(text, line.repeat(2));
    }

    #[test]
    fn of_what_is_no_json_the_size_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let letters = DeadLetters::of(folder.path(), "kafka");
        let mut batch = Batch::new(1, Lane::Sightings, 0);
        let body = &b"\x01\0\xff\n\""[..];
        batch.push(0, &Record { kind: Kind::Sightings, raised_ms: 0, id: 0xab, key: 0, body });
        let refused = [Refused { index: 0, reason: "too large".to_owned() }];
        letters.keep("kafka", &batch, &refused).unwrap();
        let text = fs::read_to_string(letters.place().unwrap()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["schema"], "heelguard.sightings/1");
        assert_eq!(line["record"]["bytes"], body.len());
    }

    #[test]
    fn without_a_folder_nothing_is_written() {
        let mut batch = Batch::new(1, Lane::Alerts, 0);
        batch.push(0, &Record { kind: Kind::Alert, raised_ms: 0, id: 0, key: 0, body: b"{}" });
        let refused = [Refused { index: 0, reason: String::new() }];
        DeadLetters::default().keep("kafka", &batch, &refused).unwrap();
    }
}
