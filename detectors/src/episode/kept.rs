//! Open episodes as bytes: after a restart they grow and close under the ids they had.
//! What belongs to the rule (title, response, tags) is not kept; it is taken from the rule as it is now.
//! It promises that an episode of a rule that is no more is left out, and nothing else.

use super::{Episode, Episodes};
use crate::alert::{Alert, AlertId};
use crate::detector::Rule;
use crate::rules;
use crate::saved::{Damaged, Saved};
use crate::time::EventTime;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

impl Episodes {
    /// Appends what is open, in the order of opening, and what the cap remembers.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        let mut open: Vec<(u64, u128, &Episode)> = self
            .deadlines
            .iter()
            .filter_map(|Reverse((_, order, key))| Some((*order, *key, self.open.get(key)?)))
            .collect();
        open.sort_unstable_by_key(|&(order, ..)| order);
        open.len().save(out);
        for (order, key, episode) in open {
            (order, key).save(out);
            episode.save(out);
        }
        self.losses.save(out);
        self.room.times().save(out);
        self.capped.save(out);
        self.opened.save(out);
    }

    /// Takes back what was open.
    pub(crate) fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        for _ in 0..usize::load(from)? {
            let (order, key) = Saved::load(from)?;
            if let Some(episode) = Episode::load(from)? {
                self.deadlines.push(Reverse((episode.deadline(), order, key)));
                self.open.insert(key, episode);
            }
        }
        self.losses = Saved::load(from)?;
        self.room.remember(Saved::load(from)?);
        self.capped = Saved::load(from)?;
        self.opened = Saved::load(from)?;
        Ok(())
    }
}

impl Episode {
    fn save(&self, out: &mut Vec<u8>) {
        let alert = &self.alert;
        Arc::<str>::from(alert.detector).save(out);
        (alert.id.0, alert.rev, self.told_at, self.next_count).save(out);
        (self.quiet, alert.status, alert.severity, alert.confidence).save(out);
        (alert.time, alert.first_seen, alert.last_seen, alert.window).save(out);
        (alert.count, alert.threshold).save(out);
        alert.message.save(out);
        alert.subject.save(out);
        alert.principal.save(out);
        alert.client.save(out);
        alert.credential.save(out);
        alert.endpoint.save(out);
        alert.evidence.save(out);
        alert.facts.save(out);
        alert.visibility.save(out);
    }

    /// `None` where the rule is no more.
    fn load(from: &mut &[u8]) -> Result<Option<Self>, Damaged> {
        let name: Arc<str> = Saved::load(from)?;
        let (id, rev, told_at, next_count): (u128, u32, EventTime, u64) = Saved::load(from)?;
        let (quiet, status, severity, confidence) = Saved::load(from)?;
        let (time, first_seen, last_seen, window): (_, _, _, Option<Duration>) = Saved::load(from)?;
        let (count, threshold) = Saved::load(from)?;
        let known = rule(&name);
        let alert = Alert {
            id: AlertId(id),
            rev,
            status,
            rule: known.map_or("", |rule| rule.id),
            detector: known.map_or("", |rule| rule.name),
            title: known.map_or("", |rule| rule.title),
            severity,
            confidence,
            message: Saved::load(from)?,
            time,
            first_seen,
            last_seen,
            count,
            threshold,
            window,
            subject: Saved::load(from)?,
            principal: Saved::load(from)?,
            client: Saved::load(from)?,
            credential: Saved::load(from)?,
            endpoint: Saved::load(from)?,
            evidence: Saved::load(from)?,
            facts: Saved::load(from)?,
            response: known.map_or("", |rule| rule.response),
            mitre: known.map_or(&[], |rule| rule.mitre),
            owasp: known.map_or(&[], |rule| rule.owasp),
            visibility: Saved::load(from)?,
        };
        Ok(known.map(|_| Self { alert, told_at, next_count, quiet }))
    }
}

fn rule(name: &str) -> Option<&'static Rule> {
    rules::catalogue().iter().map(|entry| entry.rule).find(|rule| rule.name == name)
}
