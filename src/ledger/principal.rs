//! One principal: when, from where, with what and for what it acts, and the steps of its logins.
//! It is given its transactions.
//! It promises the last `STEPS_MAX` steps, and of the rest counts.

use super::endpoint::Proofs;
use super::lanes::{Lanes, Tagged};
use super::rhythm::{Beat, Rhythm};
use super::visited::{Route, Visited};
use heelguard_detectors::identity::{
    Country, Credential as Presented, CredentialKind, Factor, Fingerprint, Principal as Who, PrincipalKind,
    PrincipalSource,
};
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{
    Activity, Device, LoginOutcome, MfaEvent, MfaOutcome, Outcome, Transaction,
};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// Steps that are kept of one principal.
pub const STEPS_MAX: usize = 64;
/// Countries, systems, addresses, devices, credentials and routes that are kept of one.
const COUNTRIES_MAX: usize = 8;
const SYSTEMS_MAX: usize = 8;
const ADDRESSES_MAX: usize = 12;
const DEVICES_MAX: usize = 8;
const CREDENTIALS_MAX: usize = 12;
const ROUTES_MAX: usize = 24;

/// What happened on the way in, or to what lets one in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A password.
    Login(LoginOutcome),
    /// A second factor.
    Mfa(MfaEvent, Factor, MfaOutcome),
    /// Anything else that is more than use.
    Other(Activity, Outcome),
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct Stepped {
    /// When it ended.
    pub time: EventTime,
    /// What it was.
    pub step: Step,
    /// The answer.
    pub status: Option<u16>,
    /// From where.
    pub ip: IpAddr,
    /// From which country.
    pub country: Option<Country>,
}

/// What was presented, without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// The scheme.
    pub kind: CredentialKind,
    /// What it is by its look.
    pub class: &'static str,
}

/// A principal.
#[derive(Clone, Debug)]
pub struct Principal {
    /// What kind of actor.
    pub kind: PrincipalKind,
    /// Its name.
    pub id: Arc<str>,
    /// How it was known last.
    pub source: PrincipalSource,
    /// All calls.
    pub calls: u64,
    /// Those that went well.
    pub success: u64,
    /// Those that were refused.
    pub denied: u64,
    /// When it was met first.
    pub first: EventTime,
    /// When it was met last.
    pub last: EventTime,
    /// Whether the account is known to have a second factor.
    pub has_mfa: bool,
    /// Successes by what was proved.
    pub proofs: Proofs,
    /// When.
    pub rhythm: Rhythm,
    /// The last steps, the oldest first.
    pub steps: VecDeque<Stepped>,
    /// Steps before them.
    pub earlier_steps: u64,
    /// From which countries.
    pub countries: Lanes<Country>,
    /// From which autonomous systems.
    pub systems: Lanes<u32>,
    /// From which networks.
    pub addresses: Lanes<IpAddr>,
    /// On which devices.
    pub devices: Lanes<Device>,
    /// With what.
    pub credentials: Lanes<Held>,
    /// For what.
    pub routes: Lanes<Visited>,
}

saved!(Principal {
    kind,
    id,
    source,
    calls,
    success,
    denied,
    first,
    last,
    has_mfa,
    proofs,
    rhythm,
    steps,
    earlier_steps,
    countries,
    systems,
    addresses,
    devices,
    credentials,
    routes
});
saved!(Stepped { time, step, status, ip, country });
saved!(Held { fingerprint, kind, class });

impl Saved for Step {
    fn save(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Login(outcome) => (0_u8, outcome).save(out),
            Self::Mfa(event, factor, outcome) => (1_u8, event, factor, outcome).save(out),
            Self::Other(activity, outcome) => (2_u8, activity, outcome).save(out),
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        match u8::load(from)? {
            0 => Ok(Self::Login(Saved::load(from)?)),
            1 => Saved::load(from).map(|(event, factor, outcome)| Self::Mfa(event, factor, outcome)),
            2 => Saved::load(from).map(|(activity, outcome)| Self::Other(activity, outcome)),
            _ => Err(Damaged),
        }
    }
}

impl Tagged for Held {
    fn tag(&self) -> u8 {
        let [first, ..] = self.fingerprint.0;
        first
    }
}

impl Principal {
    /// One that did nothing yet.
    pub fn new(who: &Who, time: EventTime) -> Self {
        Self {
            kind: who.kind,
            id: Arc::clone(&who.id),
            source: who.source,
            calls: 0,
            success: 0,
            denied: 0,
            first: time,
            last: time,
            has_mfa: false,
            proofs: Proofs::default(),
            rhythm: Rhythm::default(),
            steps: VecDeque::new(),
            earlier_steps: 0,
            countries: Lanes::default(),
            systems: Lanes::default(),
            addresses: Lanes::default(),
            devices: Lanes::default(),
            credentials: Lanes::default(),
            routes: Lanes::default(),
        }
    }

    /// What it takes, its names left out.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let lanes = [self.countries.heap_bytes(), self.systems.heap_bytes(), self.addresses.heap_bytes()];
        let more = [self.devices.heap_bytes(), self.credentials.heap_bytes(), self.routes.heap_bytes()];
        let times = self.rhythm.heap_bytes() + self.steps.capacity() * size_of::<Stepped>();
        size_of::<Self>() + lanes.into_iter().chain(more).sum::<usize>() + times
    }

    /// As alerts name it: `user:alice@example.com`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind, self.id)
    }

    pub(super) fn note<'a>(
        &mut self,
        tx: &Transaction,
        route: Route<'_>,
        credentials: impl Iterator<Item = &'a Presented>,
    ) {
        let is_denied = tx.outcome == Outcome::Denied;
        let beat = self.rhythm.note(tx.end, is_denied);
        if beat.doubled > 0 {
            self.halve(beat);
        }
        let now = (tx.end, beat);
        self.source = tx.principal.source;
        self.calls += 1;
        self.denied += u64::from(is_denied);
        self.has_mfa |= tx.proof.account_has_mfa;
        self.first = self.first.min(tx.time);
        self.last = self.last.max(tx.end);
        if tx.succeeded() {
            self.success += 1;
            if let Some(count) = self.proofs.get_mut(tx.proof.level as usize) {
                *count += 1;
            }
        }
        if let Some(country) = tx.client.country {
            self.countries.note(COUNTRIES_MAX, now, country.tag(), |known| *known == country, || country);
        }
        if let Some(system) = tx.client.asn {
            self.systems.note(SYSTEMS_MAX, now, system.tag(), |known| *known == system, || system);
        }
        let address = tx.client.network();
        self.addresses.note(ADDRESSES_MAX, now, address.tag(), |known| *known == address, || address);
        if let Some(device) = tx.device {
            self.devices.note(DEVICES_MAX, now, device.tag(), |known| *known == device, || device);
        }
        for &Presented { fingerprint, kind, class, .. } in credentials {
            let held = Held { fingerprint, kind, class };
            let is_it = |known: &Held| known.fingerprint == fingerprint;
            self.credentials.note(CREDENTIALS_MAX, now, held.tag(), is_it, || held);
        }
        if let Some(route) = route {
            let visited = self.routes.note(
                ROUTES_MAX,
                now,
                route.0 as u8,
                |known| known.key == route.0,
                || Visited::new(route),
            );
            visited.note(tx, route.1, None);
        }
        if let Some(step) = step_of(tx) {
            self.keep(Stepped {
                time: tx.end,
                step,
                status: tx.status(),
                ip: tx.client.ip,
                country: tx.client.country,
            });
        }
    }

    fn keep(&mut self, stepped: Stepped) {
        if self.steps.len() >= STEPS_MAX {
            self.steps.pop_front();
            self.earlier_steps += 1;
        }
        self.steps.push_back(stepped);
    }

    fn halve(&mut self, beat: Beat) {
        self.countries.halve(beat);
        self.systems.halve(beat);
        self.addresses.halve(beat);
        self.devices.halve(beat);
        self.credentials.halve(beat);
        self.routes.halve(beat);
    }
}

/// What a transaction is on the way in, if it is more than use.
fn step_of(tx: &Transaction) -> Option<Step> {
    match (&tx.mfa, &tx.login, tx.activity) {
        (Some(mfa), ..) => Some(Step::Mfa(mfa.event, mfa.factor, mfa.outcome)),
        (None, Some(login), _) => Some(Step::Login(login.outcome)),
        (None, None, Activity::Use) => None,
        (None, None, activity) => Some(Step::Other(activity, tx.outcome)),
    }
}
