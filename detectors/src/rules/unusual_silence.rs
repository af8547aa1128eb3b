//! # Unusual silence
//!
//! ## What it sees
//!
//! What usually speaks and does not: a program's key, an endpoint for second factors, the mirror as a whole.
//!
//! ## Why it matters
//!
//! A backup that no longer runs, a job that was stopped, a second factor that was switched off, a mirror port that was
//! given to somebody else: each makes a sensor quieter, and nobody reads an alert that is not raised.
//!
//! ## How it decides
//!
//! It remembers the longest silence of each day for 14 days, and tells when one lasts more than three times as long as
//! the longest of them: of a static key that was accepted, and of an endpoint where second factors are checked, in
//! seconds in which the sensor saw any traffic; of the mirror, in seconds in which the sensor ran. Nothing is told in
//! the first week, before 100 uses, before six hours of silence, or ten minutes of the mirror's. A time in which the
//! sensor was off is no silence. Nights and weekends are in what is usual. Of keys and endpoints that fall silent within
//! a day ten are told one by one and the rest in one alert. Severity is medium, low for a key; each silence is told once.
//!
//! ## Benign look-alikes
//!
//! A key that was replaced or a job that was retired (told once, then forgotten after a month), a release that moved an
//! endpoint, the first holiday of a year. A part of a mirror that is lost shows in its keys and endpoints.
//!
//! ## Tuning
//!
//! Raise `times` where jobs are started by hand. In a capture file time passes by packets: the mirror's own silence is
//! told where traffic is read while it happens.
//! Facts: `what` (`key`, `second_factor` or `mirror`), `silent_s`, `usual_s`.
//!
//! ## References
//!
//! MITRE ATT&CK T1562; OWASP API8:2023, API9:2023.

mod listening;

use super::keys::{self, Crowd, Telling};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Span,
};
use crate::health::Checkup;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::{Damaged, Saved};
use crate::shown::Entry;
use crate::slice::Slice;
use crate::time::EventTime;
use crate::transaction::{MfaOutcome, Transaction};
use listening::{Gone, Listening, Voice};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Check-ups come every ten seconds; of a longer pause between two so much was the sensor's own time at most.
const PAUSE_MAX_S: u64 = 60;
/// The span in which many silences are one.
const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Times the longest usual silence to exceed (3: a job that is started late is not yet gone).
    pub times: u32,
    /// Days whose silences must be known (7: nights and a weekend belong to what is usual).
    pub known: u32,
    /// Uses that must have been seen (100: else nobody would miss them).
    pub uses: u32,
    /// Silence of a key or endpoint that is never told (6 h: deployments and outages are shorter).
    pub least_s: u32,
    /// Silence of the mirror that is never told (600 s: somebody pulled a cable and put it back).
    pub mirror_least_s: u32,
    /// Silences of keys and endpoints told one by one in a day (10: more have one cause).
    pub together: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { times: 3, known: 7, uses: 100, least_s: 6 * 3_600, mirror_least_s: 600, together: 10 }
    }
}

/// POS-07.
pub static RULE: Rule = Rule {
    id: "POS-07",
    name: "unusual_silence",
    title: "Unusual silence",
    severity: Severity::Medium,
    scope: Scope::Service,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Tenant,
    order_free: false,
    mitre: &["T1562"],
    owasp: &["API8:2023", "API9:2023"],
    response: "find out whether it was meant to stop; look at the mirror port and at the key's program",
};

/// Who is listened for.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    /// Keys and endpoints, in seconds that saw traffic.
    voices: Listening,
    /// Everything, in seconds that the sensor ran.
    mirror: Listening,
    /// Seconds that the sensor ran, and until when they are counted.
    awake: u64,
    until: EventTime,
    crowd: Crowd,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let of = |least_s: u32, keys: usize| {
            let (times, known, uses) = (thresholds.times, thresholds.known, thresholds.uses);
            Listening::new(listening::Limits { times, known, uses, least_s }, keys)
        };
        Self {
            voices: of(thresholds.least_s, limits.keys_per_table_max),
            mirror: of(thresholds.mirror_least_s, 1),
            awake: 0,
            until: EventTime::ZERO,
            crowd: Crowd::default(),
            thresholds: thresholds.clone(),
        }
    }

    /// The mirror spoke if any second since the last look saw bytes.
    fn listen_to_mirror(&mut self, now: EventTime, watched: u64, findings: &mut Findings<'_>) {
        let has_spoken = self.voices.tell_time(watched) > 0;
        self.awake = self.awake.saturating_add(now.since(self.until).as_secs().min(PAUSE_MAX_S));
        self.until = now;
        self.mirror.tell_time(self.awake);
        if has_spoken {
            self.mirror.hear(Voice::Mirror, now, || "the mirror".into());
        }
        for gone in self.mirror.gone(now) {
            raise(&gone, None, &self.thresholds, findings);
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::KEY_OR_MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        self.voices.tell_time(findings.losses().watched());
        if keys::is_accepted(tx)
            && let Some(key) = keys::or_password_of(tx)
        {
            let name = || keys::Named(key, tx).to_string().into();
            self.voices.hear(Voice::Key(key.fingerprint), tx.end, name);
        }
        let is_checked = tx.mfa.is_some_and(|mfa| {
            matches!(mfa.outcome, MfaOutcome::Success | MfaOutcome::FailCode | MfaOutcome::Challenge)
        });
        if let Some(endpoint) = tx.endpoint().filter(|_| is_checked) {
            let name = || format!("{endpoint} of {}", endpoint.host).into();
            self.voices.hear(Voice::Factor(endpoint.clone()), tx.end, name);
        }
    }

    fn check_up(&mut self, checkup: &Checkup<'_>, findings: &mut Findings<'_>) {
        let watched = findings.losses().watched();
        self.listen_to_mirror(checkup.now, watched, findings);
        for gone in self.voices.gone(checkup.now) {
            let telling = self.crowd.joins(checkup.now, DAY, self.thresholds.together);
            raise(&gone, Some(telling), &self.thresholds, findings);
        }
    }

    fn advance(&mut self, now: EventTime) {
        self.voices.expire(now);
    }

    fn evicted(&self) -> u64 {
        self.voices.evicted()
    }

    fn keys(&self) -> usize {
        self.voices.len()
    }

    fn shed(&mut self, keys: usize) {
        self.voices.shed(keys);
    }

    fn evicted_by_table(&self) -> Vec<(&'static str, u64)> {
        vec![("voices", self.voices.evicted())]
    }

    fn touched(&self, at: EventTime) -> Vec<Entry> {
        self.voices.touched("voices", at)
    }

    fn save(&self, slice: &mut Slice<'_>) {
        self.voices.save(slice);
        self.mirror.save(slice);
        slice.whole(|out| {
            (self.awake, self.until).save(out);
            self.crowd.save(out);
        });
    }

    fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        self.voices.load(from)?;
        self.mirror.load(from)?;
        (self.awake, self.until) = Saved::load(from)?;
        self.crowd = Saved::load(from)?;
        Ok(())
    }
}

/// Tells of one silence; of those that have one cause, `telling` says how.
fn raise(gone: &Gone, telling: Option<Telling>, limits: &Thresholds, findings: &mut Findings<'_>) {
    let sensor = findings.sensor();
    let about = match (&gone.voice, telling) {
        (_, Some(Telling::Nothing)) => return,
        (_, Some(Telling::Crowd)) => About::Sensor { name: &sensor, part: "many voices" },
        (Voice::Mirror, _) => About::Sensor { name: &sensor, part: "mirror" },
        (Voice::Key(fingerprint), _) => About::Credential { fingerprint: *fingerprint, part: "silent" },
        (Voice::Factor(at), _) => {
            About::Endpoint { method: &at.method, host: &at.host, route: &at.route, part: "silent" }
        }
    };
    let is_one_key = matches!(gone.voice, Voice::Key(_)) && telling != Some(Telling::Crowd);
    let severity = if is_one_key { Severity::Low } else { RULE.severity };
    let crossing = Crossing { about, severity, first: gone.since, fresh: 1, window: None };
    findings.raise(&crossing, || finding(gone, telling, limits));
}

fn finding(gone: &Gone, telling: Option<Telling>, limits: &Thresholds) -> Finding {
    let Gone { voice, name, silent_s, usual_s, .. } = gone;
    let (silent, usual) = (Span(Duration::from_secs(*silent_s)), Span(Duration::from_secs(*usual_s)));
    let (what, time) = match voice {
        Voice::Key(_) => ("key", "of traffic"),
        Voice::Factor(_) => ("second_factor", "of traffic"),
        Voice::Mirror => ("mirror", "while the sensor ran"),
    };
    let many = if telling == Some(Telling::Crowd) {
        format!("more than {} keys and endpoints fell silent within a day, now ", limits.together)
    } else {
        String::new()
    };
    Finding {
        message: format!(
            "{many}{name}: nothing for {silent} {time}; its longest silence of two weeks was {usual} (limit {} times)",
            limits.times
        ),
        count: *silent_s,
        threshold: usual_s.saturating_mul(u64::from(limits.times)).saturating_add(1),
        principal: None,
        client: None,
        credential: None,
        endpoint: match voice {
            Voice::Factor(endpoint) => Some(endpoint.clone()),
            Voice::Key(_) | Voice::Mirror => None,
        },
        evidence: Vec::new(),
        facts: vec![
            ("what", Fact::Text(what.into())),
            ("silent_s", Fact::Count(*silent_s)),
            ("usual_s", Fact::Count(*usual_s)),
        ],
        doubts: Doubts::default(),
    }
}

#[cfg(test)]
mod tests;
