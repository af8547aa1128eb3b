//! Episodes: a detector, a subject and a span of time become one alert that opens, grows and closes.
//! It is given crossings and tells only what is new: the first, a higher severity, ten times as many, five more minutes.
//! It promises that findings = open + update + suppressed, that ids never depend on the run, and a cap on alerts a minute.

use crate::alert::{Alert, AlertId, Severity, Status, Subject};
use crate::detector::{About, Crossing, Doubts, Finding, Grouping, Rule};
use crate::facts::Facts;
use crate::hash::StableHasher;
use crate::health::Losses;
use crate::marks::Marks;
use crate::rules::sensor_self_check::RULE as SENSOR;
use crate::suppress::Silence;
use crate::time::EventTime;
use ahash::RandomState;
use loudest::Loudest;
use room::Room;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

mod kept;
mod loudest;
mod room;

/// A subject quiet for this long is a new episode when it comes back, unless its window is longer.
const QUIET_MIN: Duration = Duration::from_mins(10);
/// An episode that grows is told again after this long.
const UPDATE_EVERY: Duration = Duration::from_mins(5);
/// The span the cap on alerts is counted in.
const CAP_WITHIN: Duration = Duration::from_mins(1);

/// What was raised and what became of it; findings = open + update + suppressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertCounters {
    /// Crossings raised by rules.
    pub findings: u64,
    /// Episodes opened.
    pub open: u64,
    /// Growth told.
    pub update: u64,
    /// Episodes closed.
    pub closed: u64,
    /// Crossings with nothing new to tell, beyond the cap, or silenced by the operator.
    pub suppressed: u64,
}

/// What the runtime knows about one rule beside the rule itself.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) rule: &'static Rule,
    /// The operator's own severity for everything this rule says.
    pub(crate) severity: Option<Severity>,
    pub(crate) silences: Vec<Silence>,
    /// What a transaction must show for the rule to be asked.
    pub(crate) needs: Facts,
}

/// Where a detector puts what it finds while it looks at one transaction.
pub struct Findings<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) episodes: &'a mut Episodes,
    pub(crate) now: EventTime,
    pub(crate) alerts: &'a mut Vec<Alert>,
    pub(crate) marks: &'a Marks,
}

impl Findings<'_> {
    /// What the sensor saw and lost.
    pub(crate) fn losses(&self) -> &Losses {
        &self.episodes.losses
    }

    /// The sensor's name.
    pub(crate) fn sensor(&self) -> Arc<str> {
        self.episodes.sensor.clone()
    }

    /// Raises a crossing; `tell` is asked only if the episode has something new to say.
    pub fn raise(&mut self, crossing: &Crossing<'_>, tell: impl FnOnce() -> Finding) {
        self.episodes.raise(self.desk, crossing, self.now, tell, self.alerts);
    }
}

/// All open episodes. Their number is bounded by the cap: at most that many open a minute, and each quiet one closes.
#[derive(Debug)]
pub(crate) struct Episodes {
    tenant: Arc<str>,
    sensor: Arc<str>,
    /// What the sensor did not see, for the visibility of alerts.
    pub(crate) losses: Losses,
    open: HashMap<u128, Episode, RandomState>,
    /// When an episode may close, then its order and key; the true deadline may have moved on since.
    deadlines: BinaryHeap<Reverse<(EventTime, u64, u128)>>,
    /// For alerts within `CAP_WITHIN`.
    room: Room,
    /// Who was cut off since the cap was reached.
    capped: Loudest,
    opened: u64,
    counters: AlertCounters,
    /// Every finding since it was last taken, for whoever asked to be told.
    heard: Option<Vec<Heard>>,
    /// Findings silenced by each entry of `[[suppress]]`.
    silenced: Vec<u64>,
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Opened an episode.
    Open,
    /// Told growth.
    Update,
    /// Had nothing new to tell.
    Nothing,
    /// Came beyond the cap.
    Capped,
    /// Silenced by this entry of `[[suppress]]`.
    Silenced(usize),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("opened an alert"),
            Self::Update => f.write_str("told as growth"),
            Self::Nothing => f.write_str("not told: nothing new"),
            Self::Capped => f.write_str("not told: beyond the cap on alerts a minute"),
            Self::Silenced(entry) => write!(f, "not told: silenced by entry {} of [[suppress]]", entry + 1),
        }
    }
}

/// A finding and what became of it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) rule: &'static str,
    pub(crate) subject: Subject,
    pub(crate) severity: Severity,
    pub(crate) outcome: Outcome,
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of {} severity about {}: {}", self.severity, self.subject.value, self.outcome)
    }
}

#[derive(Debug)]
struct Episode {
    /// The state last told, with count and end kept up to date.
    alert: Alert,
    told_at: EventTime,
    /// The count that makes it ten times as many.
    next_count: u64,
    quiet: Duration,
}

impl Episodes {
    pub(crate) fn new(tenant: Arc<str>, sensor: Arc<str>, per_minute_max: usize) -> Self {
        Self {
            tenant,
            sensor,
            losses: Losses::default(),
            open: HashMap::with_hasher(RandomState::new()),
            deadlines: BinaryHeap::new(),
            room: Room::new(per_minute_max),
            capped: Loudest::default(),
            opened: 0,
            counters: AlertCounters::default(),
            heard: None,
            silenced: Vec::new(),
        }
    }

    /// From now on findings are kept for `take_heard`.
    pub(crate) fn listen(&mut self) {
        self.heard = Some(Vec::new());
    }

    /// What was found since the last call.
    pub(crate) fn take_heard(&mut self) -> Vec<Heard> {
        self.heard.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Findings silenced by this entry of `[[suppress]]`.
    pub(crate) fn silenced_by(&self, entry: usize) -> u64 {
        self.silenced.get(entry).copied().unwrap_or(0)
    }

    /// Counts on from where others stand.
    pub(crate) fn count_on(&mut self, others: &Self) {
        (self.counters, self.opened) = (others.counters, others.opened);
    }

    pub(crate) fn counters(&self) -> AlertCounters {
        self.counters
    }

    pub(crate) fn raise(
        &mut self,
        desk: &Desk,
        crossing: &Crossing<'_>,
        now: EventTime,
        tell: impl FnOnce() -> Finding,
        alerts: &mut Vec<Alert>,
    ) {
        let severity = desk.severity.unwrap_or(crossing.severity);
        let crossing = &Crossing { severity, ..*crossing };
        let silence = desk.silences.iter().find(|silence| silence.covers(&crossing.about, now));
        let outcome = if let Some(silence) = silence {
            self.silenced.resize(self.silenced.len().max(silence.entry + 1), 0);
            self.silenced[silence.entry] += 1;
            Outcome::Silenced(silence.entry)
        } else {
            let has_room = self.room.is_left(desk.rule, crossing.severity, now);
            self.note(desk.rule, crossing, now, has_room, tell, alerts)
        };
        self.count(outcome);
        match outcome {
            Outcome::Open | Outcome::Update => self.room.take(desk.rule, now),
            Outcome::Capped => self.tell_cap(desk.rule, crossing.about.subject(), now, alerts),
            Outcome::Nothing | Outcome::Silenced(_) => {}
        }
        if let Some(heard) = &mut self.heard {
            let subject = crossing.about.subject();
            heard.push(Heard { rule: desk.rule.name, subject, severity, outcome });
        }
    }

    /// Closes every episode that has been quiet for its time before `now`, in the order of their ends.
    pub(crate) fn expire(&mut self, now: EventTime, alerts: &mut Vec<Alert>) {
        while let Some(&Reverse((deadline, order, key))) = self.deadlines.peek() {
            if deadline >= now {
                return;
            }
            self.deadlines.pop();
            let Some(episode) = self.open.get(&key) else { continue };
            let due = episode.deadline();
            if due < now {
                // It may have moved past others that are due as well; they go first.
                if due > deadline {
                    self.deadlines.push(Reverse((due, order, key)));
                } else {
                    self.close(key, due, alerts);
                }
            } else {
                self.deadlines.push(Reverse((due, order, key)));
            }
        }
    }

    /// Closes every episode, in the order they were opened.
    pub(crate) fn finish(&mut self, now: EventTime, alerts: &mut Vec<Alert>) {
        let mut rest: Vec<(u64, u128)> = std::mem::take(&mut self.deadlines)
            .into_iter()
            .map(|Reverse((_, order, key))| (order, key))
            .collect();
        rest.sort_unstable();
        for (_, key) in rest {
            let end = self.open.get(&key).map_or(now, |episode| now.max(episode.alert.last_seen));
            self.close(key, end, alerts);
        }
    }

    /// Finds the crossing's episode and decides what is new about it.
    fn note(
        &mut self,
        rule: &'static Rule,
        crossing: &Crossing<'_>,
        now: EventTime,
        has_room: bool,
        tell: impl FnOnce() -> Finding,
        alerts: &mut Vec<Alert>,
    ) -> Outcome {
        let subject = crossing.about.to_string();
        let key = self.hash(rule, crossing, &subject, Time::Key);
        let losses = &self.losses;
        let tell = || {
            let finding = tell();
            let lost_bp = losses.since(crossing.first).lost_bp();
            Finding { doubts: Doubts { lost_bp, ..finding.doubts }, ..finding }
        };
        let Some(episode) = self.open.get_mut(&key) else {
            if !has_room {
                return Outcome::Capped;
            }
            let id = self.hash(rule, crossing, &subject, Time::Id);
            let alert = opened(rule, crossing, AlertId(as_uuid(id)), now, tell());
            let quiet = crossing.window.unwrap_or_default().max(QUIET_MIN);
            let episode = Episode {
                told_at: now,
                next_count: alert.count.saturating_mul(10),
                quiet,
                alert: alert.clone(),
            };
            self.deadlines.push(Reverse((episode.deadline(), self.opened, key)));
            self.open.insert(key, episode);
            self.opened += 1;
            alerts.push(alert);
            return Outcome::Open;
        };
        let known = &mut episode.alert;
        known.count = known.count.saturating_add(crossing.fresh);
        known.last_seen = known.last_seen.max(now);
        let worse = crossing.severity > known.severity;
        let more = known.count >= episode.next_count;
        let later = now.since(episode.told_at) >= UPDATE_EVERY && crossing.fresh > 0;
        if !(worse || more || later) {
            return Outcome::Nothing;
        }
        if !has_room {
            return Outcome::Capped;
        }
        while known.count >= episode.next_count {
            episode.next_count = episode.next_count.saturating_mul(10).max(1);
            if episode.next_count == u64::MAX {
                break;
            }
        }
        update(known, crossing.severity, now, tell());
        episode.told_at = now;
        alerts.push(known.clone());
        Outcome::Update
    }

    fn close(&mut self, key: u128, end: EventTime, alerts: &mut Vec<Alert>) {
        if let Some(Episode { mut alert, .. }) = self.open.remove(&key) {
            alert.status = Status::Closed;
            alert.rev += 1;
            alert.time = end;
            self.counters.closed += 1;
            alerts.push(alert);
        }
    }

    fn count(&mut self, outcome: Outcome) {
        self.counters.findings += 1;
        match outcome {
            Outcome::Open => self.counters.open += 1,
            Outcome::Update => self.counters.update += 1,
            Outcome::Nothing | Outcome::Capped | Outcome::Silenced(_) => self.counters.suppressed += 1,
        }
    }

    /// Says once an episode that the cap was reached, and by whom.
    fn tell_cap(&mut self, rule: &Rule, subject: Subject, now: EventTime, alerts: &mut Vec<Alert>) {
        let sensor = self.sensor.clone();
        let crossing = Crossing {
            about: About::Sensor { name: &sensor, part: "alert limit" },
            severity: Severity::High,
            first: now,
            fresh: 1,
            window: Some(CAP_WITHIN),
        };
        let key = self.hash(&SENSOR, &crossing, &crossing.about.to_string(), Time::Key);
        if !self.open.contains_key(&key) {
            self.capped = Loudest::default();
        }
        self.capped.add(rule, subject);
        let per_minute_max = self.room.per_minute_max;
        let capped = std::mem::take(&mut self.capped);
        let outcome =
            self.note(&SENSOR, &crossing, now, true, || cap_finding(per_minute_max, &capped), alerts);
        self.capped = capped;
        if outcome != Outcome::Nothing {
            self.count(outcome);
        }
    }

    fn hash(&self, rule: &Rule, crossing: &Crossing<'_>, subject: &str, time: Time) -> u128 {
        let first = crossing.first.as_secs();
        let time = match (time, rule.grouping) {
            (_, Grouping::Event) => first,
            (Time::Key, Grouping::Span) => 0,
            (Time::Id, Grouping::Span) => first / 60 * 60,
        };
        StableHasher::of_parts(&[
            self.tenant.as_bytes(),
            rule.name.as_bytes(),
            crossing.about.scope().name().as_bytes(),
            subject.as_bytes(),
            &time.to_le_bytes(),
        ])
    }
}

impl Episode {
    fn deadline(&self) -> EventTime {
        self.alert.last_seen.after(self.quiet)
    }
}

/// Which time goes into a hash: that of an open episode's key, or that of its id.
#[derive(Clone, Copy)]
enum Time {
    Key,
    Id,
}

/// Sets version 8 (custom) and the variant of RFC 9562.
fn as_uuid(hash: u128) -> u128 {
    let versioned = hash & !(0xf << 76) | 0x8 << 76;
    versioned & !(0x3 << 62) | 0x2 << 62
}

fn opened(
    rule: &'static Rule,
    crossing: &Crossing<'_>,
    id: AlertId,
    now: EventTime,
    finding: Finding,
) -> Alert {
    Alert {
        id,
        rev: 1,
        status: Status::Open,
        rule: rule.id,
        detector: rule.name,
        title: rule.title,
        severity: crossing.severity,
        confidence: finding.doubts.confidence(),
        message: finding.message,
        time: now,
        first_seen: crossing.first,
        last_seen: now,
        count: finding.count,
        threshold: finding.threshold,
        window: crossing.window,
        subject: crossing.about.subject(),
        principal: finding.principal,
        client: finding.client,
        credential: finding.credential,
        endpoint: finding.endpoint,
        evidence: finding.evidence,
        facts: finding.facts,
        response: rule.response,
        mitre: rule.mitre,
        owasp: rule.owasp,
        visibility: finding.doubts.visibility(),
    }
}

/// The episode's new state: what the rule says now, with the episode's own id, start and count.
fn update(alert: &mut Alert, severity: Severity, now: EventTime, finding: Finding) {
    alert.rev += 1;
    alert.status = Status::Update;
    alert.severity = alert.severity.max(severity);
    alert.confidence = finding.doubts.confidence();
    alert.message = finding.message;
    if alert.count > finding.count {
        let first = alert.first_seen.to_string();
        let to_the_second = first.get(..19).unwrap_or(&first);
        // Writing to a string cannot fail.
        let _ = write!(alert.message, "; {} in all since {to_the_second}Z", alert.count);
    }
    alert.time = now;
    alert.principal = finding.principal;
    alert.client = finding.client;
    alert.credential = finding.credential;
    alert.endpoint = finding.endpoint;
    alert.evidence = finding.evidence;
    alert.facts = finding.facts;
    alert.visibility = finding.doubts.visibility();
}

fn cap_finding(per_minute_max: usize, capped: &Loudest) -> Finding {
    let loudest = capped.rule();
    Finding {
        message: format!(
            "alerts beyond the limit of {per_minute_max} in 60 s, slight ones beyond half of it, are only counted; most by {loudest}"
        ),
        count: 1,
        threshold: per_minute_max as u64,
        principal: None,
        client: None,
        credential: None,
        endpoint: None,
        evidence: Vec::new(),
        facts: capped.facts(),
        doubts: Doubts::default(),
    }
}
