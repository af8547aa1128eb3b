//! The views: what a run has seen, each as one page.
//! Each is given the run and what was asked for, and gives a page, or nothing where there is none.
//! They promise a heading, captions, and words where there is nothing to show yet.

mod about;
pub(super) mod alert;
pub(super) mod alerts;
mod blind;
pub(super) mod coverage;
pub(super) mod endpoint;
pub(super) mod endpoints;
mod episodes;
pub(super) mod filter;
mod gaps;
pub(super) mod key;
pub(super) mod keys;
pub(super) mod openapi;
mod parts;
pub(super) mod principal;
pub(super) mod principals;
pub(super) mod rules;
pub(super) mod sensor;
pub(super) mod stats;
pub(super) mod words;

use super::Moment;
use super::ask::Pairs;
use super::notes::Notes;
use crate::ledger::Ledger;
use crate::markup::{outcome, svg};
use crate::openapi::Survey;

/// What a view looks at.
pub(super) struct Sight<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) survey: &'a Survey,
    pub(super) notes: &'a Notes,
    /// Counters and the like, as they are now.
    pub(super) moment: &'a Moment,
    /// What stands behind the question mark.
    pub(super) asked: &'a Pairs,
    /// Where it was seen.
    pub(super) source: &'a str,
}
