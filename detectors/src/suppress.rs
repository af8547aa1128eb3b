//! What the operator does not want to hear: rules and subjects, each with a reason and perhaps an end.
//! It is given what was written in the configuration and answers for one finding at a time.
//! It promises that what it silences is counted, never lost without a trace.

use crate::detector::{About, Rule};
use crate::time::EventTime;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One suppression, an entry of `[[suppress]]`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// The rule, by id or name; every rule when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The subject's value as alerts show it; a `*` stands for anything, nothing included. Every subject when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The moment it ends, RFC 3339 in UTC (`2026-12-31T00:00:00Z`); never when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why.
    pub reason: String,
}

/// A suppression as understood.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    /// Which entry of the configuration.
    pub(crate) entry: usize,
    subject: Option<String>,
    until: EventTime,
}

impl Suppression {
    /// Whether this entry speaks of `rule`.
    pub(crate) fn names(&self, rule: &Rule) -> bool {
        self.rule.as_deref().is_none_or(|named| named == rule.name || named == rule.id)
    }

    /// Whether its end has come.
    pub(crate) fn has_ended(&self, now: EventTime) -> bool {
        self.until.as_deref().and_then(EventTime::parse).is_some_and(|until| now >= until)
    }

    /// The entry as understood, by its place in the configuration; an end that is no time and a missing reason are
    /// refused in words.
    pub(crate) fn understand(&self, entry: usize) -> Result<Silence, String> {
        if self.reason.trim().is_empty() {
            return Err(format!("suppress.reason: {self} has none; say why, for whoever reads it next year"));
        }
        let blank = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        if blank(&self.rule) && blank(&self.subject) {
            return Err(String::from(
                "suppress.rule: an entry names neither a rule nor a subject, so it would silence everything; name one",
            ));
        }
        let until = match &self.until {
            None => EventTime::MAX,
            Some(text) => EventTime::parse(text).ok_or_else(|| {
                format!("suppress.until: `{text}` is not a time in UTC such as 2026-12-31T00:00:00Z")
            })?,
        };
        Ok(Silence { entry, subject: self.subject.clone(), until })
    }
}

/// The entry without its reason, as warnings name it.
impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.rule.as_deref().unwrap_or("every rule");
        let subject = self.subject.as_deref().unwrap_or("every subject");
        write!(f, "[[suppress]] of {rule} for {subject}")
    }
}

impl Silence {
    /// Whether a finding about this subject is silenced now.
    pub(crate) fn covers(&self, about: &About<'_>, now: EventTime) -> bool {
        now < self.until && self.subject.as_deref().is_none_or(|wanted| fits(wanted, &about.to_string()))
    }
}

/// Whether a text is of this pattern. What stands between two `*` is looked for from the left, once: no pattern makes
/// it try again.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn silence(subject: Option<&str>, until: Option<&str>) -> Silence {
        let entry = Suppression {
            rule: Some("MFA-01".into()),
            subject: subject.map(Into::into),
            until: until.map(Into::into),
            reason: "load test".into(),
        };
        entry.understand(0).unwrap()
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text) in [
            ("*", ""),
            ("user:*", "user:ann"),
            ("*@load.example", "user:ann@load.example"),
            ("user:*@load.example", "user:@load.example"),
            ("POST * /login", "POST api.example.com /login"),
            ("a*b*c", "abbc"),
            ("a*b*b", "abb"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("user:*", "key:ann"),
            ("user:*@load.example", "user:ann@example"),
            ("ab*ba", "aba"),
            ("a*b*b", "ab"),
            ("POST * /login", "POST api.example.com /login (cleartext)"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn by_subject_and_time() {
        let about = About::Client(IpAddr::from([203, 0, 113, 7]));
        let now = EventTime::from_secs(1_800_000_000);
        assert!(silence(None, None).covers(&about, now));
        assert!(silence(Some("203.0.113.7"), None).covers(&about, now));
        assert!(silence(Some("203.0.113.*"), None).covers(&about, now));
        assert!(!silence(Some("203.0.113.70"), None).covers(&about, now));
        assert!(silence(None, Some("2027-01-15T08:00:01Z")).covers(&about, now));
        assert!(!silence(None, Some("2027-01-15T08:00:00Z")).covers(&about, now));
    }

    #[test]
    fn an_end_that_is_no_time_is_refused() {
        let entry = |rule: Option<&str>, subject: Option<&str>| {
            let until = Some("tomorrow".into());
            Suppression {
                rule: rule.map(Into::into),
                subject: subject.map(Into::into),
                until,
                reason: "x".into(),
            }
        };
        assert_eq!(
            entry(Some("MFA-01"), None).understand(0).unwrap_err(),
            "suppress.until: `tomorrow` is not a time in UTC such as 2026-12-31T00:00:00Z"
        );
        for everything in [entry(None, None), entry(None, Some(" "))] {
            let refusal = everything.understand(0).unwrap_err();
            assert!(refusal.contains("neither a rule nor a subject"), "{refusal}");
        }
    }
}
