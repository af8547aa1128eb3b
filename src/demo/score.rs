//! What a sensor said, compared with what is in the traffic.
//! It is given labels and alerts and says which attacks were caught, which missed, and what was invented.
//! It promises that a state of an episode counts once, and that an alert nobody can explain is shown.

use super::labels::Label;
use heelguard_detectors::alert::{Alert, AlertId, Severity};
use heelguard_detectors::time::EventTime;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

/// An alert may lie so far from its label: windows round, labels do not.
const SLACK: Duration = Duration::from_mins(1);

/// What became of one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The attack was reported.
    Caught,
    /// The attack was not reported.
    Missed,
    /// The innocent was left alone.
    LeftAlone,
    /// The innocent was reported; the alert's message.
    Accused(String),
}

/// Labels with their verdicts, and alerts that fit no label.
#[derive(Clone, Debug)]
pub struct Score {
    /// Every label, in the order of time.
    pub lines: Vec<(Label, Verdict)>,
    /// Alerts that no label explains, in the order of time: detector, severity and message.
    pub invented: Vec<(EventTime, &'static str, Severity, String)>,
}

impl Score {
    /// Attacks that were reported.
    pub fn caught(&self) -> usize {
        self.count(|verdict| *verdict == Verdict::Caught)
    }

    /// Attacks that were not.
    pub fn missed(&self) -> usize {
        self.count(|verdict| *verdict == Verdict::Missed)
    }

    /// Innocents that were left alone.
    pub fn left_alone(&self) -> usize {
        self.count(|verdict| *verdict == Verdict::LeftAlone)
    }

    /// Innocents that were reported.
    pub fn accused(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Accused(_)))
    }

    /// Whether everything was said that should be, and nothing else.
    pub fn perfect(&self) -> bool {
        self.missed() == 0 && self.accused() == 0 && self.invented.is_empty()
    }

    fn count(&self, test: impl Fn(&Verdict) -> bool) -> usize {
        self.lines.iter().filter(|(_, verdict)| test(verdict)).count()
    }
}

/// An episode: its last state, with the whole span of all its states.
struct Episode<'a> {
    last: &'a Alert,
    from: EventTime,
    to: EventTime,
    /// Whether some label knows of it.
    explained: bool,
}

/// Compares what was said with what is known.
pub fn score(labels: &[Label], alerts: &[Alert]) -> Score {
    let mut episodes = episodes(alerts);
    let mut lines = Vec::with_capacity(labels.len());
    // Attacks first: what an attack explains is not held against an innocent.
    for label in labels.iter().filter(|label| !label.benign) {
        let mut verdict = Verdict::Missed;
        for episode in episodes.iter_mut().filter(|episode| touches(label, episode)) {
            let detector = episode.last.detector;
            if detector == label.detector {
                verdict = Verdict::Caught;
                episode.explained = true;
            } else if label.also.contains(&detector) {
                episode.explained = true;
            }
        }
        lines.push((label.clone(), verdict));
    }
    for label in labels.iter().filter(|label| label.benign) {
        let mut verdict = Verdict::LeftAlone;
        for episode in episodes.iter_mut().filter(|episode| !episode.explained && touches(label, episode)) {
            if episode.last.detector == label.detector {
                verdict = Verdict::Accused(episode.last.message.clone());
                episode.explained = true;
            }
        }
        lines.push((label.clone(), verdict));
    }
    lines.sort_by_key(|(label, _)| label.from);
    let invented = episodes
        .iter()
        .filter(|episode| !episode.explained)
        .map(|Episode { last, from, .. }| (*from, last.detector, last.severity, last.message.clone()))
        .collect();
    Score { lines, invented }
}

/// The score as people read it.
pub fn report(score: &Score) -> String {
    let mut text = String::new();
    let attacks = score.caught() + score.missed();
    let innocents = score.left_alone() + score.accused();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{} of {attacks} attacks caught, {} of {innocents} innocents left alone, {} alerts invented\n",
        score.caught(),
        score.left_alone(),
        score.accused() + score.invented.len(),
    );
    for (label, verdict) in &score.lines {
        let word = match verdict {
            Verdict::Caught => "caught",
            Verdict::Missed => "MISSED",
            Verdict::LeftAlone => "quiet",
            Verdict::Accused(_) => "ACCUSED",
        };
        let (time, subject) = (clock(label.from), label.subject());
        let _ = writeln!(text, "{word:<8} {time}  {:<22} {subject:<34} {}", label.detector, label.note);
        if let Verdict::Accused(message) = verdict {
            let _ = writeln!(text, "         {message}");
        }
    }
    for (time, detector, severity, message) in &score.invented {
        let _ = writeln!(text, "INVENTED {}  {detector:<22} {severity}: {message}", clock(*time));
    }
    text
}

/// The states of each episode as one, in the order of their first events.
fn episodes(alerts: &[Alert]) -> Vec<Episode<'_>> {
    let mut by_id: BTreeMap<AlertId, Episode<'_>> = BTreeMap::new();
    for alert in alerts {
        let episode = by_id.entry(alert.id).or_insert(Episode {
            last: alert,
            from: alert.first_seen,
            to: alert.last_seen,
            explained: false,
        });
        episode.from = episode.from.min(alert.first_seen);
        episode.to = episode.to.max(alert.last_seen);
        if alert.rev >= episode.last.rev {
            episode.last = alert;
        }
    }
    let mut episodes: Vec<_> = by_id.into_values().collect();
    episodes.sort_by_key(|episode| (episode.from, episode.last.id));
    episodes
}

/// Whether an episode is about the same someone or somewhere at the same time.
fn touches(label: &Label, episode: &Episode<'_>) -> bool {
    let in_time = episode.from <= label.to.after(SLACK) && episode.to >= label.from.before(SLACK);
    in_time
        && (same_principal(label, episode.last)
            || same_client(label, episode.last)
            || same_place(label, episode.last))
}

fn same_principal(label: &Label, alert: &Alert) -> bool {
    let subject = alert.subject.value.split_once(':').map_or(&*alert.subject.value, |(_, name)| name);
    let named = alert.principal.as_ref().map(|principal| &*principal.id);
    label.principals.iter().any(|name| name == subject || Some(name.as_str()) == named)
}

fn same_client(label: &Label, alert: &Alert) -> bool {
    let subject: Option<IpAddr> = alert.subject.value.parse().ok();
    let client = alert.client.as_ref().map(|client| client.ip);
    label.clients.iter().any(|address| Some(*address) == client || Some(*address) == subject)
}

/// An endpoint by host and route; a host alone when the label names no route.
fn same_place(label: &Label, alert: &Alert) -> bool {
    let Some((host, route)) = label.endpoint else { return false };
    let by_subject = alert.subject.value.contains(host) && alert.subject.value.contains(route);
    let by_endpoint = alert.endpoint.as_ref().is_some_and(|endpoint| {
        endpoint.host.starts_with(host) && (route.is_empty() || &*endpoint.route == route)
    });
    by_subject || by_endpoint
}

/// `10:42:17` of the day.
fn clock(time: EventTime) -> String {
    let secs = time.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60)
}

#[cfg(test)]
mod tests;
