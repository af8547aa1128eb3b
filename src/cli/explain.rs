//! `replay --explain`: why there was an alert about somebody, or why there was none.
//! It is given the subject asked about and every transaction, and prints the rules' journal on stderr: stdout is for records.
//! It promises that a subject nobody ever saw is said to be that, with the nearest one that was seen.

use super::Failure;
use super::rules::find;
use crate::config::nearest;
use crate::sinks::escape::for_terminal;
use clap::Args;
use heelguard_detectors::explain::Watched;
use heelguard_detectors::identity::PrincipalKind;
use heelguard_detectors::shown::names;
use heelguard_detectors::transaction::Transaction;
use std::io::{self, Write as _};

/// What is to be explained.
#[derive(Args, Debug, Default)]
pub(super) struct ExplainArgs {
    /// Tell on stderr why this subject did or did not alert: `user:alice@example.com`, an address, a fingerprint
    #[arg(long, value_name = "SUBJECT")]
    explain: Option<String>,

    /// Explain one detector only, by name or id
    #[arg(long, value_name = "NAME", requires = "explain")]
    explain_rule: Option<String>,
}

impl ExplainArgs {
    /// The subject for the detectors, and whoever tells about it.
    pub(super) fn understand(self) -> Result<Option<(Watched, Explainer)>, Failure> {
        let Some(subject) = self.explain else { return Ok(None) };
        let rule = self.explain_rule.as_deref().map(find).transpose()?;
        let rule = rule.map(|entry| entry.rule.name.to_owned());
        let explainer = Explainer { subject: subject.clone(), was_seen: false, near: None };
        Ok(Some((Watched { subject, rule }, explainer)))
    }
}

/// Tells about one subject.
pub(super) struct Explainer {
    subject: String,
    was_seen: bool,
    /// The name that is most like the subject's so far.
    near: Option<String>,
}

impl Explainer {
    /// Looks whether it is seen here, or somebody of nearly its name.
    pub(super) fn look_at(&mut self, transaction: &Transaction) {
        if self.was_seen {
            return;
        }
        let names = names(transaction);
        self.was_seen = names.contains(&self.subject);
        let alike = |name: &&String| kind_of(name).0 == kind_of(&self.subject).0;
        let known = names.iter().chain(&self.near).filter(alike);
        let near = nearest(kind_of(&self.subject).1, known.clone().map(|name| kind_of(name).1));
        self.near = near.and_then(|near| known.clone().find(|name| kind_of(name).1 == near)).cloned();
    }

    /// Prints what the rules say.
    pub(super) fn print(lines: &[String]) {
        let mut stderr = io::stderr().lock();
        for line in lines {
            // Nobody may be reading; that is no reason to stop the run.
            let _ = writeln!(stderr, "{}", for_terminal(line));
        }
    }

    /// Says so where there was nothing to tell.
    pub(super) fn finish(self) {
        if !self.was_seen {
            let near = self.near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            Self::print(&[format!("{}: in no transaction{near}", self.subject)]);
        }
    }
}

/// `user:` and what follows: that two names are users' does not make them alike.
fn kind_of(name: &str) -> (Option<&str>, &str) {
    match name.split_once(':') {
        Some((kind, id)) if PrincipalKind::parse(kind).is_some() => (Some(kind), id),
        _ => (None, name),
    }
}
