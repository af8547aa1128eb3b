//! Whether what an alert tells of succeeded: the first thing that somebody wants to know.
//! It is given the alert, and looks at what its detector says, then at its evidence.
//! It promises no guess: where neither tells, it is not known.

use super::html::Html;
use heelguard_detectors::alert::{Alert, Evidence, Fact, Severity};

/// What the server made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Success {
    /// At least one request was granted.
    Succeeded,
    /// Everything that is known of was refused.
    Refused,
    /// Nothing tells.
    Unknown,
}

impl Success {
    /// By the detector's facts where it has such, else by the transactions that carry the alert.
    pub(crate) fn of(alert: &Alert) -> Self {
        for (name, fact) in &alert.facts {
            match (*name, fact) {
                ("accepted", Fact::Flag(true)) => return Self::Succeeded,
                ("accepted", Fact::Flag(false)) => return Self::Refused,
                ("hits", Fact::List(hits)) if !hits.is_empty() => return Self::Succeeded,
                _ => {}
            }
        }
        let answers: Vec<Self> = alert.evidence.iter().map(Self::of_answer).collect();
        if answers.contains(&Self::Succeeded) {
            Self::Succeeded
        } else if !answers.is_empty() && answers.iter().all(|answer| *answer == Self::Refused) {
            Self::Refused
        } else {
            Self::Unknown
        }
    }

    /// The note is the detector's own and counts for more than the status: there are servers that refuse with 200.
    fn of_answer(evidence: &Evidence) -> Self {
        let says = |word: &str| evidence.note.split(|c: char| !c.is_alphabetic()).any(|part| part == word);
        match evidence.status {
            _ if ["wrong", "refused", "failed", "locked", "denied"].iter().any(|word| says(word)) => {
                Self::Refused
            }
            _ if says("accepted") => Self::Succeeded,
            Some(200..300) => Self::Succeeded,
            Some(400..500) => Self::Refused,
            _ => Self::Unknown,
        }
    }

    /// In a word, for a list.
    pub(crate) fn word(self, html: &mut Html, severity: Severity) {
        html.raw(match self {
            // What is not bad may succeed, and draws no eye away from what is.
            Self::Succeeded if severity < Severity::High => "<span>succeeded</span>",
            Self::Succeeded => "<b class=\"succeeded\">succeeded</b>",
            Self::Refused => "<span class=\"refused\">refused</span>",
            Self::Unknown => "<span class=\"soft\">unknown</span>",
        });
    }

    /// In a sentence.
    pub(crate) fn sentence(self, html: &mut Html) {
        html.raw(match self {
            Self::Succeeded => {
                "<b class=\"succeeded\">Yes:</b> the server granted at least one of these requests."
            }
            Self::Refused => "<b class=\"refused\">No:</b> the server refused every one that is known of.",
            Self::Unknown => {
                "<b>Not known:</b> neither the answers nor the detector tell. Look at the evidence."
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::record::samples;

    #[test]
    fn what_is_known_is_told_and_nothing_is_guessed() {
        use Success::{Refused, Succeeded, Unknown};
        let of = |answers: &[(Option<u16>, &str)], facts: Vec<(&'static str, Fact)>| {
            let sample = samples::alert().evidence.remove(0);
            let evidence = answers
                .iter()
                .map(|(status, note)| Evidence {
                    status: *status,
                    note: (*note).to_owned(),
                    ..sample.clone()
                })
                .collect();
            Success::of(&Alert { evidence, facts, ..samples::alert() })
        };
        assert_eq!(of(&[(Some(401), "login refused"), (Some(200), "password accepted")], vec![]), Succeeded);
        assert_eq!(of(&[(Some(200), "read")], vec![]), Succeeded);
        assert_eq!(of(&[(Some(401), "wrong totp code")], vec![]), Refused);
        assert_eq!(of(&[(Some(200), "wrong code")], vec![]), Refused, "a server that refuses with 200");
        assert_eq!(of(&[(Some(401), "x"), (None, "x")], vec![]), Unknown);
        assert_eq!(of(&[(Some(502), "x")], vec![]), Unknown);
        assert_eq!(of(&[], vec![]), Unknown);
        assert_eq!(of(&[(Some(200), "x")], vec![("accepted", Fact::Flag(false))]), Refused);
        assert_eq!(of(&[(Some(401), "x")], vec![("accepted", Fact::Flag(true))]), Succeeded);
        assert_eq!(of(&[(Some(401), "x")], vec![("hits", Fact::List(vec!["ann".into()]))]), Succeeded);
        assert_eq!(of(&[(Some(401), "x")], vec![("hits", Fact::List(vec![]))]), Refused);
    }
}
