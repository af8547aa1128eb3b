//! # Known-compromised key
//!
//! ## What it sees
//!
//! A credential that others are known to have: one on the operator's list, an example that documentation prints and
//! products ship with, or a key that the sensor itself saw being laid open.
//!
//! ## Why it matters
//!
//! A key in a public repository is tried within minutes. A default or an example that was never replaced is a key that
//! everybody has. A key that was given to somebody who showed nothing, and is then used from elsewhere, was taken.
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
//! A key that says what it is (`sk_live_…`) is laid open by an answer to a client outside that showed no credential, where
//! the client only read or the answer is an error, and by a `Referer` from outside whose sender did not show the key
//! itself. From then on its use is critical when it is accepted from a network that had not used it before (autonomous
//! system, else country, else /16 or /32), or from the very client that was given it; low when such a use is refused. That
//! its owner goes on to use it is told once, medium: nobody else has been seen with it, and it must be replaced all the
//! same. A key that says it is for tests is low and info. A key that is not used for 90 days is forgotten, with its leak.
//!
//! ## Benign look-alikes
//!
//! Tests that run against a mirrored network with a documented key (suppress its fingerprint with a reason and an end).
//! A compromised key that is refused was revoked, and somebody still has it: that is why it is told at all.
//! Keys that are public by design: those of maps, of visit counters, and names of keys (`google_api_key`, `AKIA…`). An
//! answer to a caller with a credential, of a route that is for keys, tokens and logins, or to what changes something (a
//! device that registers itself): there a key is handed out. Configuration that services read inside. Whoever sends a
//! `Referer` with the key in it had the key before, and counts as one that used it. Where no use was seen before the leak,
//! an owner looks like a stranger: confidence is low then.
//!
//! ## Tuning
//!
//! Keep `identity.compromised_keys` up to date from secret scanning: `heelguard fingerprint < keys.txt > keys.list` makes
//! the list, a line a key, and holds no key. A running sensor reads it anew with its configuration, on SIGHUP (`systemctl
//! reload heelguard`) and without a restart; a list that cannot be read changes nothing and is named in the log.
//! Facts: `why` (`reported`, `example`, `test`, `placeholder`, `laid_open`), `source`, `line` of the list, `accepted`; of a
//! key laid open `where`, `endpoint`, `at`, `by` (`owner`, `taker`, `stranger`).
//!
//! ## References
//!
//! MITRE ATT&CK T1552, T1078.004; OWASP API2:2023; CWE-798, CWE-200.

mod leak;

use super::keys;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample, tables,
};
use crate::identity::{Credential, Fingerprint, KnownKey, Notoriety, Stage};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Exposure, Transaction};
use leak::{Homes, Leak, User};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a key that says what it is is remembered without use.
const KEPT: Duration = Duration::from_hours(90 * 24);

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
    lane: Lane::Keys,
    order_free: false,
    mitre: &["T1552", "T1078.004"],
    owasp: &["API2:2023"],
    response: "revoke the key at once; look at everything it did since it was exposed",
};

/// What is known and was told of each key.
#[derive(Debug)]
pub struct State {
    again_after: Duration,
    keys: Keyed<Fingerprint, Key>,
}

#[derive(Debug, Default)]
struct Key {
    told: Told,
    /// Where it was accepted from, until it was laid open.
    homes: Homes,
    leak: Option<Box<Leak>>,
}

saved!(Key { told, homes, leak });

#[derive(Debug, Default)]
struct Told(Option<(EventTime, Severity)>);

saved!(Told { 0 });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        Self { again_after, keys: Keyed::new(limits.keys_per_table_max, KEPT.max(again_after)) }
    }

    fn observe_listed(
        &mut self,
        tx: &Transaction,
        credential: &Credential,
        known: KnownKey,
        findings: &mut Findings<'_>,
    ) {
        let is_accepted = is_accepted(tx, credential);
        let Some(severity) = severity(known.why, is_accepted) else { return };
        let told = &mut self.keys.entry(&credential.fingerprint, tx.end).told;
        if told.is_news(tx.end, severity, self.again_after) {
            raise(tx, credential, severity, findings, || finding(tx, credential, known, is_accepted));
        }
    }

    /// Learns where a key is used, and tells of its use once it was laid open.
    fn observe_use(&mut self, tx: &Transaction, credential: &Credential, findings: &mut Findings<'_>) {
        let (is_accepted, id) = (is_accepted(tx, credential), &credential.fingerprint);
        // A guess makes no key.
        let key = if is_accepted { Some(self.keys.entry(id, tx.end)) } else { self.keys.get(id, tx.end) };
        let Some(Key { told, homes, leak }) = key else { return };
        let Some(leak) = leak else {
            if is_accepted {
                homes.note(&tx.client);
            }
            return;
        };
        let user = leak.user(&tx.client, homes);
        let Some(severity) = severity_of_open(user, is_accepted, credential.stage) else { return };
        let is_known = user == User::Owner && told.0.is_some();
        if !is_known && told.is_news(tx.end, severity, self.again_after) {
            let learning = user == User::Stranger && homes.is_empty();
            raise(tx, credential, severity, findings, || {
                finding_of_open(tx, credential, leak, user, is_accepted, learning)
            });
        }
    }

    /// The first leak of a key counts.
    fn note_leak(&mut self, tx: &Transaction, fingerprint: Fingerprint, exposure: &Exposure) {
        let key = self.keys.entry(&fingerprint, tx.end);
        if key.leak.is_none() {
            key.leak = Leak::of(tx, exposure, &mut key.homes).map(Box::new);
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::KEY_AT_RISK
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        for credential in &tx.credentials {
            match credential.known {
                Some(known) => self.observe_listed(tx, credential, known, findings),
                None if keys::says_what_it_is(credential) => self.observe_use(tx, credential, findings),
                None => {}
            }
        }
        for (fingerprint, exposure) in leak::laid_open(tx) {
            self.note_leak(tx, fingerprint, exposure);
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

/// The same of a key that was laid open. `None` where its owner is refused: it was replaced.
fn severity_of_open(user: User, is_accepted: bool, stage: Option<Stage>) -> Option<Severity> {
    let opens_tests_alone = stage == Some(Stage::Test);
    match (user, is_accepted) {
        (User::Owner, false) => None,
        (User::Owner, true) if opens_tests_alone => Some(Severity::Info),
        (User::Owner, true) => Some(Severity::Medium),
        (User::Taker | User::Stranger, true) if !opens_tests_alone => Some(RULE.severity),
        (User::Taker | User::Stranger, _) => Some(Severity::Low),
    }
}

fn is_accepted(tx: &Transaction, credential: &Credential) -> bool {
    keys::is_accepted(tx) && keys::is_believed(tx, credential)
}

fn raise(
    tx: &Transaction,
    credential: &Credential,
    severity: Severity,
    findings: &mut Findings<'_>,
    finding: impl FnOnce() -> Finding,
) {
    let about = About::Credential { fingerprint: credential.fingerprint, part: "" };
    findings.raise(&Crossing { about, severity, first: tx.end, fresh: 1, window: None }, finding);
}

fn verb(is_accepted: bool) -> &'static str {
    if is_accepted { "accepted" } else { "tried" }
}

fn finding(tx: &Transaction, credential: &Credential, known: KnownKey, is_accepted: bool) -> Finding {
    let KnownKey { why, line, source } = known;
    let verb = verb(is_accepted);
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

fn finding_of_open(
    tx: &Transaction,
    credential: &Credential,
    leak: &Leak,
    user: User,
    is_accepted: bool,
    learning: bool,
) -> Finding {
    let verb = verb(is_accepted);
    let (by, who) = match user {
        User::Owner => ("owner", "as before; it is open and still works:"),
        User::Taker => ("taker", "which was given it:"),
        User::Stranger => ("stranger", "which had not used it before:"),
    };
    let message = format!("{} {verb} from {}, {who} {leak}", keys::Named(credential, tx), tx.client.ip);
    let found = Finding::of(tx, message, verb);
    Finding {
        credential: Some(credential.clone()),
        evidence: std::iter::once(leak.sample.evidence("laid open")).chain(found.evidence).collect(),
        facts: vec![
            ("why", Fact::Text("laid_open".into())),
            ("where", Fact::Text(leak.kind.name().into())),
            ("endpoint", Fact::Text(leak.endpoint.to_string().into())),
            ("at", Fact::Text(leak.at.to_string().into())),
            ("by", Fact::Text(by.into())),
            ("accepted", Fact::Flag(is_accepted)),
        ],
        doubts: Doubts { learning, ..Doubts::of([&Sample::of(tx), &leak.sample]) },
        ..found
    }
}

#[cfg(test)]
mod tests;
