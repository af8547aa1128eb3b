//! A source that ends when somebody wishes it to.
//! It is given a source and the wish, and looks at the wish before each packet.
//! It promises that what was read until then is worked on to its end.

use super::signals::Stop;
use crate::capture::replay::Progress;
use crate::capture::{CaptureError, Next};
use crate::metrics::Counters;
use crate::pipeline::Source;

pub(super) struct Stopping<'a> {
    pub(super) source: &'a mut dyn Source,
    pub(super) stop: Stop,
}

impl Source for Stopping<'_> {
    fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        if self.stop.is_asked() { Ok(Next::End) } else { self.source.next() }
    }

    fn progress(&self) -> Progress {
        self.source.progress()
    }

    fn counters(&self) -> Counters {
        self.source.counters()
    }

    fn warnings(&mut self) -> Vec<String> {
        let mut warnings = self.source.warnings();
        if self.stop.is_asked() {
            warnings.push("told to end: what comes behind this in the input was not read".to_owned());
        }
        warnings
    }
}
