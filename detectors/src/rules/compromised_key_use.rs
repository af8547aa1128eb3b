//! # Known-compromised key
//!
//! ## What it sees
//!
//! A credential that others are known to have: one on the operator's list, or an example that documentation prints and
//! products ship with.
//!
//! ## Why it matters
//!
//! A key in a public repository is tried within minutes. A default or an example that was never replaced is a key that
//! everybody has.
//!
//! ## How it decides
//!
//! The operator's list (`identity.compromised_keys`) holds fingerprints under the deployment's key, as `heelguard
//! fingerprint` prints them; the built-in list holds digests of documented examples, defaults and placeholders. Any use
//! is told: critical when it was accepted, low when it was refused or no answer was seen. A vendor's published test key is
//! low when accepted and info otherwise: there it works by design. A placeholder that did not work (`changeme`) is a slip
//! or a guess, and not told. A key beside somebody's session or token was not what
//! the server believed, and counts as not accepted. A key is told once in 24 hours, and again at once when it is worse.
//!
//! ## Benign look-alikes
//!
//! Tests that run against a mirrored network with a documented key (suppress its fingerprint with a reason and an end).
//! A compromised key that is refused was revoked, and somebody still has it: that is why it is told at all.
//!
//! ## Tuning
//!
//! Keep `identity.compromised_keys` up to date from secret scanning: `heelguard fingerprint < keys.txt`.
//! Facts: `why` (`reported`, `example`, `test`, `placeholder`), `source`, `line` of the list, `accepted`.
//!
//! ## References
//!
//! MITRE ATT&CK T1552, T1078.004; OWASP API2:2023; CWE-798.

use super::keys;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, tables,
};
use crate::identity::{Credential, Fingerprint, KnownKey, Notoriety};
use crate::keyed::Keyed;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How soon a key is told again (24 h: it should be dead by then).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { again_after_h: 24 }
    }
}

/// KEY-08.
pub static RULE: Rule = Rule {
    id: "KEY-08",
    name: "compromised_key_use",
    title: "Known-compromised key",
    severity: Severity::Critical,
    scope: Scope::Credential,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    mitre: &["T1552", "T1078.004"],
    owasp: &["API2:2023"],
    response: "revoke the key at once; look at everything it did since it was exposed",
};

/// What was told of each known key.
#[derive(Debug)]
pub struct State {
    again_after: Duration,
    keys: Keyed<Fingerprint, Told>,
}

#[derive(Debug, Default)]
struct Told(Option<(EventTime, Severity)>);

saved!(Told { 0 });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        Self { again_after, keys: Keyed::new(limits.keys_per_table_max, again_after) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::KNOWN_KEY
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        for credential in &tx.credentials {
            let Some(known) = credential.known else { continue };
            let is_accepted = keys::is_accepted(tx) && keys::is_believed(tx, credential);
            let Some(severity) = severity(known.why, is_accepted) else { continue };
            let told = self.keys.entry(&credential.fingerprint, tx.end);
            if !told.is_news(tx.end, severity, self.again_after) {
                continue;
            }
            let about = About::Credential { fingerprint: credential.fingerprint, part: "" };
            let crossing = Crossing { about, severity, first: tx.end, fresh: 1, window: None };
            findings.raise(&crossing, || finding(tx, credential, known, is_accepted));
        }
    }

    tables!(keys);
}

impl Told {
    fn is_news(&mut self, now: EventTime, severity: Severity, again_after: Duration) -> bool {
        let is_news = self.0.is_none_or(|(told, worst)| severity > worst || now.since(told) >= again_after);
        if is_news {
            self.0 = Some((now, severity));
        }
        is_news
    }
}

/// `None` for a placeholder that did not work: somebody's slip, or a guess.
fn severity(why: Notoriety, is_accepted: bool) -> Option<Severity> {
    match (why, is_accepted) {
        (Notoriety::Reported | Notoriety::Example | Notoriety::Placeholder, true) => Some(RULE.severity),
        (Notoriety::Reported | Notoriety::Example, false) | (Notoriety::Test, true) => Some(Severity::Low),
        (Notoriety::Test, false) => Some(Severity::Info),
        (Notoriety::Placeholder, false) => None,
    }
}

fn finding(tx: &Transaction, credential: &Credential, known: KnownKey, is_accepted: bool) -> Finding {
    let KnownKey { why, line, source } = known;
    let verb = if is_accepted { "accepted" } else { "tried" };
    let what = match why {
        Notoriety::Reported => format!("listed as compromised (line {line})"),
        Notoriety::Example => format!("an example that everybody can read ({source})"),
        Notoriety::Test => format!("a published test key ({source})"),
        Notoriety::Placeholder => "a placeholder of examples".to_string(),
    };
    let message = format!("{} {verb} from {}: {what}", keys::Named(credential, tx), tx.client.ip);
    Finding {
        credential: Some(credential.clone()),
        facts: vec![
            ("why", Fact::Text(why.name().into())),
            ("source", Fact::Text(source.into())),
            ("line", Fact::Count(u64::from(line))),
            ("accepted", Fact::Flag(is_accepted)),
        ],
        ..Finding::of(tx, message, verb)
    }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    #[test]
    fn refused_then_accepted_then_told_once_a_day() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 401 key=k1 known=reported
             10:00:01 203.0.113.7 -> use GET /me 401 key=k1 known=reported
             11:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported
             12:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported
             1d+10:59:59.999999999 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported
             1d+11:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported",
            expect![[r#"
                10:00:00.000 KEY-08 compromised_key_use low 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b tried from 203.0.113.7: listed as compromised (line 7)
                11:00:00.000 KEY-08 compromised_key_use critical 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted from 203.0.113.7: listed as compromised (line 7)
                11:00:00.000 KEY-08 compromised_key_use critical 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted from 203.0.113.7: listed as compromised (line 7)
            "#]],
        );
    }

    #[test]
    fn an_example_a_test_key_and_what_else_may_be_listed() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 key=example known=example
             10:00:01 203.0.113.7 -> use GET /me 403 key=test known=test
             10:00:02 203.0.113.7 -> use GET /me 200 key=test known=test
             10:00:03 203.0.113.7 -> use GET /me - key=other known=example
             10:00:03 203.0.113.7 -> use GET /me 401 key=changeme known=placeholder
             10:00:03 203.0.113.7 -> use GET /me 200 key=changeme known=placeholder
             10:00:04 203.0.113.7 -> token POST /token 200 service=robot secret=s1 known=reported
             10:00:05 203.0.113.7 -> use GET /me 200 user=ann session=s1 known=reported",
            expect![[r#"
                10:00:00.000 KEY-08 compromised_key_use critical 2cf10fd03f2be6c69ff2ee4d4bcd4a09: api_key 2cf10fd0 accepted from 203.0.113.7: an example that everybody can read (somewhere)
                10:00:01.000 KEY-08 compromised_key_use info 4a8fa83b9535f97b4bf553a0c0fd20dc: api_key 4a8fa83b tried from 203.0.113.7: a published test key (somewhere)
                10:00:02.000 KEY-08 compromised_key_use low 4a8fa83b9535f97b4bf553a0c0fd20dc: api_key 4a8fa83b accepted from 203.0.113.7: a published test key (somewhere)
                10:00:03.000 KEY-08 compromised_key_use low 557363b9c4a81d3e0aa8afe21236fdce: api_key 557363b9 tried from 203.0.113.7: an example that everybody can read (somewhere)
                10:00:03.000 KEY-08 compromised_key_use critical 4758aee139cedad0fa5012b97ff3141a: api_key 4758aee1 accepted from 203.0.113.7: a placeholder of examples
                10:00:04.000 KEY-08 compromised_key_use critical 2b818967e2e654b0bc6923b75bfde00d: client_secret 2b818967 of robot accepted from 203.0.113.7: listed as compromised (line 7)
                10:00:05.000 KEY-08 compromised_key_use critical 5a8a20dffa5a79e669ad22be83bbd9bf: session_cookie 5a8a20df of ann accepted from 203.0.113.7: listed as compromised (line 7)
            "#]],
        );
    }

    #[test]
    fn a_key_beside_a_session_was_not_what_was_believed() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 key=k1 known=example",
            expect![[r#"
                10:00:00.000 KEY-08 compromised_key_use low 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b tried from 203.0.113.7: an example that everybody can read (somewhere)
            "#]],
        );
    }

    #[test]
    fn a_key_that_nobody_knows() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
             10:00:01 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported repeat",
            expect![[""]],
        );
    }

    #[test]
    fn what_was_cut_lowers_confidence() {
        check_confidence(
            "10:00:00 203.0.113.7 -> use GET /me 200 key=k1 known=example gap",
            expect!["KEY-08 medium"],
        );
    }
}
