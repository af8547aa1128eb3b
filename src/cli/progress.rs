//! How far a run is, on a terminal.
//! It is given the pipeline's progress and draws one line on stderr.
//! It promises to draw nothing when stderr is no terminal, and to step aside while records are printed.

use crate::pipeline;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal as _};

/// Redraws a second at most: the run is busy with other things.
const REDRAWS_PER_SECOND: u8 = 8;

/// Where something has an end that is known.
const OF_A_WHOLE: &str = "{bar:24} {bytes} of {total_bytes}  {bytes_per_sec}  {msg}";
/// Where traffic comes until somebody ends it.
const WITHOUT_END: &str = "{spinner} {elapsed_precise}  {msg}";

#[derive(Clone)]
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// A bar when stderr is a terminal.
    pub(super) fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::no_length();
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND));
        let progress = Self(Some(bar));
        progress.drawn_as(OF_A_WHOLE);
        progress
    }

    /// There is no end to draw a bar to.
    pub(super) fn is_without_end(&self) {
        self.drawn_as(WITHOUT_END);
    }

    fn drawn_as(&self, template: &str) {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        if let Some(bar) = &self.0 {
            bar.set_style(style);
        }
    }

    pub(super) fn show(&self, progress: &pipeline::Progress) {
        let Some(bar) = &self.0 else { return };
        if let Some(reading) = progress.reading {
            if let Some(total) = reading.bytes_total {
                bar.set_length(total);
            }
            bar.set_position(reading.bytes_read);
        } else {
            bar.tick();
        }
        bar.set_message(format!("{} transactions, {} alerts", progress.transactions, progress.alerts));
    }

    /// Runs `print` with the bar out of the way.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar off the terminal.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
