//! Voices that are listened for, and when each of them is overdue.
//! It is told each time one is heard and how far its clock has come, and gives those that should have spoken.
//! It promises a bounded table, one place in the order of dues for each voice, and so many looks at a time.

use super::super::silence::Silence;
use crate::identity::Fingerprint;
use crate::keyed::Keyed;
use crate::saved::{Damaged, Saved, saved};
use crate::shown::{Entry, Shown};
use crate::slice::Slice;
use crate::time::EventTime;
use crate::transaction::Endpoint;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How long a voice is remembered that is not heard.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Voices that are looked at in one go.
const LOOKS_MAX: usize = 1_000;
/// Voices that one call of `expire` may forget.
const EXPIRED_AT_ONCE: usize = 16;

/// Who is listened for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Voice {
    /// Any traffic at all.
    Mirror,
    /// A static key, accepted.
    Key(Fingerprint),
    /// Checks of second factors.
    Factor(Endpoint),
}

impl Saved for Voice {
    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::Mirror => out.push(0),
            Self::Key(fingerprint) => {
                out.push(1);
                fingerprint.save(out);
            }
            Self::Factor(endpoint) => {
                out.push(2);
                endpoint.save(out);
            }
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        match u8::load(from)? {
            0 => Ok(Self::Mirror),
            1 => Fingerprint::load(from).map(Self::Key),
            2 => Endpoint::load(from).map(Self::Factor),
            _ => Err(Damaged),
        }
    }

    fn shown(&self) -> Shown {
        match self {
            Self::Mirror => Shown::word("mirror"),
            Self::Key(fingerprint) => fingerprint.shown(),
            Self::Factor(endpoint) => endpoint.shown(),
        }
    }
}

/// What makes a silence unusual.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) times: u32,
    pub(super) known: u32,
    pub(super) uses: u32,
    pub(super) least_s: u32,
}

/// One voice.
#[derive(Debug, Default)]
struct Heard {
    name: Option<Arc<str>>,
    silence: Silence,
    last: EventTime,
    /// Whether it has its place in the order of dues.
    is_due: bool,
}

saved!(Heard { name, silence, last, is_due });

/// A voice that should have spoken.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) voice: Voice,
    pub(super) name: Arc<str>,
    /// When it was last heard.
    pub(super) since: EventTime,
    pub(super) silent_s: u64,
    pub(super) usual_s: u64,
}

/// The voices of one clock.
#[derive(Debug)]
pub(super) struct Listening {
    limits: Limits,
    /// Seconds so far in which a voice could have been heard.
    clock: u64,
    voices: Keyed<Voice, Heard>,
    /// When to look at each voice that is known well enough; it may have spoken since.
    due: BTreeSet<(u64, Voice)>,
}

impl Limits {
    /// The silence beyond which somebody is missed, and the longest usual one; nothing while too little is known.
    fn of(&self, silence: &Silence) -> Option<(u64, u64)> {
        let usual = silence.usual(self.known, u64::from(self.uses))?;
        Some((usual.saturating_mul(u64::from(self.times)).max(u64::from(self.least_s)), usual))
    }
}

impl Listening {
    pub(super) fn new(limits: Limits, voices_max: usize) -> Self {
        Self { limits, clock: 0, voices: Keyed::new(voices_max, KEPT), due: BTreeSet::new() }
    }

    /// How many seconds there were so far; gives those that are new.
    pub(super) fn tell_time(&mut self, clock: u64) -> u64 {
        let fresh = clock.saturating_sub(self.clock);
        self.clock = clock;
        fresh
    }

    /// Hears a voice.
    pub(super) fn hear(&mut self, voice: Voice, at: EventTime, name: impl FnOnce() -> Arc<str>) {
        let heard = self.voices.entry(&voice, at);
        heard.name.get_or_insert_with(name);
        heard.last = at;
        heard.silence.go_on(self.clock);
        heard.silence.end(at);
        if !heard.is_due
            && let Some((limit, _)) = self.limits.of(&heard.silence)
        {
            heard.is_due = true;
            self.due.insert((self.clock.saturating_add(limit), voice));
        }
    }

    /// Those that are silent for too long now, each once.
    pub(super) fn gone(&mut self, now: EventTime) -> Vec<Gone> {
        let mut gone = Vec::new();
        for _ in 0..LOOKS_MAX {
            if self.due.first().is_none_or(|(due, _)| *due >= self.clock) {
                break;
            }
            let Some((_, voice)) = self.due.pop_first() else { break };
            let Some(heard) = self.voices.get(&voice, now) else { continue };
            heard.is_due = false;
            let (_, silent_s) = heard.silence.go_on(self.clock);
            let Some((limit, usual_s)) = self.limits.of(&heard.silence) else { continue };
            if let Some(left) = limit.checked_sub(silent_s) {
                heard.is_due = true;
                self.due.insert((self.clock.saturating_add(left), voice));
                continue;
            }
            let name = heard.name.clone().unwrap_or_else(|| "".into());
            gone.push(Gone { voice, name, since: heard.last, silent_s, usual_s });
        }
        gone
    }

    pub(super) fn expire(&mut self, now: EventTime) {
        self.voices.expire(now, EXPIRED_AT_ONCE);
    }

    pub(super) fn evicted(&self) -> u64 {
        self.voices.evicted()
    }

    pub(super) fn len(&self) -> usize {
        self.voices.len()
    }

    pub(super) fn shed(&mut self, keys: usize) {
        self.voices.shed(keys);
    }

    pub(super) fn touched(&self, table: &'static str, at: EventTime) -> Vec<Entry> {
        self.voices.touched(table, at)
    }

    pub(super) fn save(&self, slice: &mut Slice<'_>) {
        slice.whole(|out| self.clock.save(out));
        slice.table(|place, out, full_at| self.voices.save(place, out, full_at));
        slice.whole(|out| self.due.save(out));
    }

    pub(super) fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        self.clock = Saved::load(from)?;
        self.voices.load(from)?;
        self.due = Saved::load(from)?;
        Ok(())
    }
}
