//! Capture files from outside: bytes made here go in, packets and words come out.
#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod corpus;
mod damage;
mod formats;
mod make;
mod secrets;
mod timeline;

use heelguard::capture::CaptureError;
use heelguard::capture::replay::Timeline;
use heelguard_detectors::anomaly::Anomaly;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Everything that reading some files gave, as lines.
pub(crate) struct Reading {
    /// `seconds link data`, and errors as `! …`.
    pub(crate) lines: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) files: u64,
    pub(crate) truncated_files: u64,
    pub(crate) clock_anomalies: u64,
}

pub(crate) fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

pub(crate) fn read(paths: &[PathBuf]) -> Result<Reading, CaptureError> {
    let mut timeline = Timeline::open(paths)?;
    let mut lines = Vec::new();
    loop {
        match timeline.next() {
            Ok(Some(packet)) => {
                let data = String::from_utf8_lossy(packet.data);
                lines.push(format!("{} {} {data}", packet.time.as_nanos() as f64 / 1e9, packet.link.0));
            }
            Ok(None) => break,
            Err(error) => lines.push(format!("! {error}")),
        }
    }
    let progress = timeline.progress();
    assert!(progress.bytes_total.is_none_or(|total| progress.bytes_read <= total));
    Ok(Reading {
        lines,
        warnings: timeline.warnings().collect(),
        files: timeline.counters().files,
        truncated_files: timeline.counters().truncated_files,
        clock_anomalies: timeline.anomalies().get(Anomaly::ClockAnomaly),
    })
}

pub(crate) fn read_bytes(bytes: &[u8]) -> Result<Reading, CaptureError> {
    let dir = TempDir::new().unwrap();
    read(&[write(dir.path(), "x", bytes)])
}

/// The packets of a file that is whole.
pub(crate) fn check(bytes: &[u8], expected: &[&str]) {
    let reading = read_bytes(bytes).unwrap();
    assert_eq!(reading.lines, expected);
    assert_eq!((reading.files, reading.truncated_files), (1, 0));
    assert!(reading.warnings.is_empty(), "{:?}", reading.warnings);
}
