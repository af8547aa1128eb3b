//! What unlabelled routes are for, judged from what callers did next.
//! It is given transactions in order and looks at names of fields, fingerprints and times only.
//! It promises that a proposal rests on at least `SIGHTINGS_MIN` exchanges and that few speak against it.

use super::proposal::{Proposal, Step};
use super::recent::Recent;
use heelguard_detectors::identity::{CredentialKind, Fingerprint};
use heelguard_detectors::label::{Clue, Hints};
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Activity, Endpoint, LoginOutcome, Transaction};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Fewer exchanges are chance.
const SIGHTINGS_MIN: u64 = 3;
/// One exchange in this many may speak against.
const AGAINST_ONE_IN: u64 = 5;
/// Unlabelled routes that are followed; further ones are counted.
const ROUTES_MAX: usize = 5_000;
/// A second factor is proved soon after the first.
const LOGIN_LASTS: Duration = Duration::from_mins(2);
/// Names that are kept of one field.
const NAMES_MAX: usize = 4;

/// What is known of every unlabelled route that changes something.
#[derive(Default)]
pub(super) struct Evidence {
    routes: BTreeMap<Endpoint, [Case; Step::ALL.len()]>,
    /// When a client last logged in.
    logins: Recent<(IpAddr, [u32; 4]), EventTime>,
    /// What an unlabelled route handed out to somebody who was known already.
    handed_out: Recent<Fingerprint, Endpoint>,
    /// The last call of a session, if it was one that may have ended it.
    last_calls: Recent<Fingerprint, Endpoint>,
    left_out: u64,
}

/// What speaks for one reading of a route, and what against.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    sightings: u64,
    against: u64,
    /// Names of the telling field, with how often each was met.
    names: BTreeMap<Arc<str>, u64>,
}

saved!(Case { sightings, against, names });

impl Saved for Evidence {
    fn save(&self, out: &mut Vec<u8>) {
        self.routes.len().save(out);
        for (endpoint, cases) in &self.routes {
            endpoint.save(out);
            for case in cases {
                case.save(out);
            }
        }
        self.logins.save(out);
        self.handed_out.save(out);
        self.last_calls.save(out);
        self.left_out.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let mut routes = BTreeMap::new();
        for _ in 0..usize::load(from)? {
            let endpoint = Endpoint::load(from)?;
            let mut cases = <[Case; Step::ALL.len()]>::default();
            for case in &mut cases {
                *case = Case::load(from)?;
            }
            routes.insert(endpoint, cases);
        }
        Ok(Self {
            routes,
            logins: Saved::load(from)?,
            handed_out: Saved::load(from)?,
            last_calls: Saved::load(from)?,
            left_out: Saved::load(from)?,
        })
    }
}

impl Case {
    fn holds(&self) -> bool {
        self.sightings >= SIGHTINGS_MIN && self.against * AGAINST_ONE_IN <= self.sightings
    }

    fn add(&mut self, speaks_for: bool) {
        *(if speaks_for { &mut self.sightings } else { &mut self.against }) += 1;
    }

    fn name(&mut self, name: Option<&Arc<str>>) {
        let Some(name) = name else { return };
        if self.names.len() < NAMES_MAX || self.names.contains_key(name) {
            *self.names.entry(name.clone()).or_default() += 1;
        }
    }
}

impl Evidence {
    pub(super) fn observe(&mut self, tx: &Transaction, endpoint: &Endpoint) {
        self.follow_up(tx, endpoint);
        let Some(request) = &tx.request else { return };
        let answered = tx.status().is_some_and(|status| (200..400).contains(&status));
        let logged_in = tx
            .login
            .as_ref()
            .is_some_and(|l| matches!(l.outcome, LoginOutcome::Success | LoginOutcome::SecondFactor));
        let client = (tx.client.network(), tx.device.map_or([0; 4], |device| device.traits));
        if let (Some(hints), true) = (&request.hints, answered) {
            self.read(tx, endpoint, hints, logged_in, client);
        }
        if logged_in {
            self.logins.keep(client, tx.end);
        }
    }

    /// What a successful call on an unlabelled route says about the route.
    fn read(
        &mut self,
        tx: &Transaction,
        endpoint: &Endpoint,
        hints: &Hints,
        logged_in: bool,
        client: (IpAddr, [u32; 4]),
    ) {
        let since_login = self.logins.get(client).map(|&login| tx.end.since(login));
        let hands_out = hints.has(Clue::HandsOut);
        let login = logged_in || hints.has(Clue::PasswordField) && hands_out;
        let attempt = hints.has(Clue::CodeField)
            && hands_out
            && !login
            && since_login.is_some_and(|passed| passed <= LOGIN_LASTS);
        let enrolment = hints.has(Clue::ShowsOtpSecret);
        if login {
            self.logins.keep(client, tx.end);
        }
        let Some(cases) = self.cases(endpoint) else { return };
        let [of_login, of_attempt, of_enrolment, ..] = cases;
        for (case, holds, name) in [
            (of_login, login, &hints.password_field),
            (of_attempt, attempt, &hints.code_field),
            (of_enrolment, enrolment, &None),
        ] {
            case.add(holds);
            if holds {
                case.name(name.as_ref());
            }
        }
        if hands_out && !login && !attempt && !tx.credentials.is_empty() {
            for fingerprint in &hints.issued {
                self.handed_out.keep(*fingerprint, endpoint.clone());
            }
        }
        if tx.activity == Activity::Use && !hands_out {
            for credential in tx.credentials.iter().filter(|c| names_session(c.kind)) {
                self.last_calls.keep(credential.fingerprint, endpoint.clone());
            }
        }
    }

    /// What this use of a credential says about the route that handed it out, or that was called with it before.
    fn follow_up(&mut self, tx: &Transaction, endpoint: &Endpoint) {
        for credential in &tx.credentials {
            let fingerprint = credential.fingerprint;
            if tx.succeeded()
                && credential.kind == CredentialKind::ApiKey
                && self.handed_out.get(fingerprint).is_some_and(|from| from != endpoint)
                && let Some(from) = self.handed_out.take(fingerprint)
            {
                self.tell(&from, Step::KeyIssue, true);
            }
            let refused = tx.status() == Some(401);
            if (refused || tx.succeeded())
                && let Some(before) = self.last_calls.take(fingerprint)
            {
                self.tell(&before, Step::Logout, refused);
            }
        }
    }

    fn tell(&mut self, endpoint: &Endpoint, step: Step, speaks_for: bool) {
        if let Some(case) = self.cases(endpoint).and_then(|cases| cases.get_mut(step as usize)) {
            case.add(speaks_for);
        }
    }

    fn cases(&mut self, endpoint: &Endpoint) -> Option<&mut [Case; Step::ALL.len()]> {
        if !self.routes.contains_key(endpoint) {
            if self.routes.len() >= ROUTES_MAX {
                self.left_out += 1;
                return None;
            }
            self.routes.insert(endpoint.clone(), <[Case; Step::ALL.len()]>::default());
        }
        self.routes.get_mut(endpoint)
    }

    /// Exchanges on routes beyond the limit.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What may be written into the configuration, in the order of the endpoints.
    pub(super) fn proposals(&self) -> impl Iterator<Item = Proposal<'_>> {
        self.routes.iter().flat_map(|(endpoint, cases)| {
            Step::ALL.iter().zip(cases).filter(|(_, case)| case.holds()).map(move |(&step, case)| {
                let field = case.names.iter().max_by_key(|&(_, &count)| count).map(|(name, _)| &**name);
                let of = case.sightings + case.against;
                Proposal { endpoint, step, sightings: case.sightings, of, field }
            })
        })
    }
}

fn names_session(kind: CredentialKind) -> bool {
    matches!(kind, CredentialKind::Session | CredentialKind::BearerJwt | CredentialKind::BearerOpaque)
}
