//! A report: where second factors have holes, what keys can do, what lies open, what was raised, and how well it was seen,
//! for somebody who was not there. It is given a ledger or a database and a period.
//! It promises one file without a script or anything from elsewhere, the same content as page, Markdown and JSON, and the
//! same bytes for the same traffic.

mod alerts;
mod coverage;
mod database;
mod exposures;
mod findings;
mod ledger;
mod limits;
mod markdown;
mod model;
mod page;
mod passports;
mod range;
mod visibility;
mod whole;
mod words;

#[cfg(test)]
mod tests;

pub use database::{asked, of_database};
pub use ledger::{Sight, Told, of_ledger};
pub use model::{Kind, Report, SCHEMA, Source};
pub use range::{Range, moment};

use crate::metrics::Counters;
use crate::sinks::escape;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One page that needs nothing else.
    Html,
    /// Markdown, as GitHub and most wikis read it.
    Markdown,
    /// `heelguard.report/1`.
    Json,
}

impl Report {
    /// The whole file.
    pub fn write(&self, form: Form) -> String {
        match form {
            Form::Html => page::page(self),
            Form::Markdown => markdown::markdown(self),
            Form::Json => {
                let mut line = Vec::new();
                // Writing to memory cannot fail, and no map in a report has keys that are no words.
                let _ = escape::write_json_line(&mut line, self);
                String::from_utf8_lossy(&line).into_owned()
            }
        }
    }
}

impl Sight {
    /// As these counters tell.
    pub fn of(counters: &Counters) -> Self {
        Self(visibility::visibility(counters))
    }

    /// The state of a sensor has no counters.
    pub fn of_state() -> Self {
        Self(visibility::unknown(
            "How well the sensor saw is not kept with its state.",
            "Look at the page of the running sensor, or at its metrics.",
        ))
    }
}
