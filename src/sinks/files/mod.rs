//! Records as lines in files that turn over by size and age: for log shippers, and for those who want files.
//! It is given batches by the spool and appends whole lines to a file a kind.
//! It promises that a line is there as a whole or not at all, that a file that was moved away is opened anew (so that
//! logrotate works, with or without a SIGHUP), and that alerts are on disk before they count as delivered.

mod config;
mod file;

pub use config::Config;

use super::destination::{Delivered, Destination, Limits, Refused, Trouble};
use super::form::Form;
use super::record::Labels;
use super::spool::{Batch, Kind, Lane};
use file::LineFile;
use std::time::Duration;

/// The destination of a lane. Files are created with the first record.
pub fn open(
    config: &Config,
    name: &str,
    labels: &Labels,
    lane: Lane,
) -> Result<Box<dyn Destination>, String> {
    let files = Kind::ALL
        .iter()
        .filter(|kind| kind.lane() == lane && !config.path(**kind).as_os_str().is_empty())
        .map(|kind| Lines {
            kind: *kind,
            file: LineFile::new(config.path(*kind), config.turning(), lane == Lane::Alerts),
            waiting: Vec::new(),
            written: false,
        })
        .collect();
    Ok(Box::new(Files {
        name: name.to_owned(),
        form: config.form,
        labels: labels.clone(),
        files,
        batch: String::new(),
        refused: Vec::new(),
    }))
}

struct Files {
    name: String,
    form: Form,
    labels: Labels,
    files: Vec<Lines>,
    /// The batch that the waiting lines are of.
    batch: String,
    refused: Vec<Refused>,
}

/// One kind's file, and its lines of the present batch.
struct Lines {
    kind: Kind,
    file: LineFile,
    waiting: Vec<u8>,
    written: bool,
}

impl Destination for Files {
    fn limits(&self) -> Limits {
        Limits { records_max: 10_000, bytes_max: 4 << 20, linger: Duration::from_millis(200), fixed: false }
    }

    fn prepare(&mut self) -> Result<(), Trouble> {
        let name = &self.name;
        for Lines { kind, file, .. } in &mut self.files {
            file.open().map_err(|error| trouble(name, *kind, file, &error))?;
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), Trouble> {
        let name = &self.name;
        let mut files = self.files.iter();
        files.try_for_each(|Lines { kind, file, .. }| {
            file.look().map_err(|error| trouble(name, *kind, file, &error))
        })
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, Trouble> {
        if self.batch != batch.name() {
            self.compose(batch);
        }
        let name = &self.name;
        for Lines { kind, file, waiting, written } in &mut self.files {
            if !*written {
                file.write(waiting).map_err(|error| trouble(name, *kind, file, &error))?;
                *written = true;
            }
        }
        Ok(Delivered { refused: std::mem::take(&mut self.refused) })
    }
}

impl Files {
    /// The lines of a batch, by kind.
    fn compose(&mut self, batch: &Batch) {
        self.batch = batch.name();
        self.refused.clear();
        for lines in &mut self.files {
            lines.waiting.clear();
            lines.written = false;
        }
        for (index, record) in batch.records().enumerate() {
            let Some(lines) = self.files.iter_mut().find(|lines| lines.kind == record.kind) else { continue };
            let whole = lines.waiting.len();
            match self.form.write(record.kind, record.body, &self.labels, &mut lines.waiting) {
                Ok(()) => lines.waiting.push(b'\n'),
                Err(error) => {
                    lines.waiting.truncate(whole);
                    self.refused.push(Refused { index, reason: error.to_string() });
                }
            }
        }
    }
}

fn trouble(sink: &str, kind: Kind, file: &LineFile, error: &std::io::Error) -> Trouble {
    Trouble::new(format!(
        "sinks.{sink}.{}: cannot write {}: {error}; what is raised waits in the spool",
        Config::key(kind),
        file.path().display()
    ))
}

#[cfg(test)]
mod tests;
