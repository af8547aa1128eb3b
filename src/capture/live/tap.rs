//! What one shard hears, whichever way packets come.
//! It is given rings or libpcap's handles and gives packets, moments of silence, and the end.
//! It promises times that never go back, and the end only when everything taken was given.

use super::libpcap::Handles;
#[cfg(target_os = "linux")]
use super::rings::Rings;
use crate::capture::{CaptureError, Next};
use crate::metrics::Counters;

/// One shard's ears.
pub struct Tap(Ears);

enum Ears {
    #[cfg(target_os = "linux")]
    Rings(Box<Rings>),
    Handles(Box<Handles>),
}

impl Tap {
    #[cfg(target_os = "linux")]
    pub(super) fn of_rings(rings: Rings) -> Self {
        Self(Ears::Rings(Box::new(rings)))
    }

    pub(super) fn of_handles(handles: Handles) -> Self {
        Self(Ears::Handles(Box::new(handles)))
    }

    /// What comes next. It waits for a moment, and says so when nothing comes.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend its buffer")]
    pub fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        match &mut self.0 {
            #[cfg(target_os = "linux")]
            Ears::Rings(rings) => Ok(rings.next()),
            Ears::Handles(handles) => Ok(handles.next()),
        }
    }

    /// What was counted up to now.
    pub fn counters(&self) -> Counters {
        match &self.0 {
            #[cfg(target_os = "linux")]
            Ears::Rings(rings) => rings.counters(),
            Ears::Handles(handles) => handles.counters(),
        }
    }

    /// Takes what an operator should know.
    pub fn warnings(&mut self) -> Vec<String> {
        match &mut self.0 {
            #[cfg(target_os = "linux")]
            Ears::Rings(rings) => rings.warnings(),
            Ears::Handles(handles) => handles.warnings(),
        }
    }
}
