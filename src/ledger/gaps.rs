//! Holes in the cover of second factors: where something is granted with less than others prove there, or than the
//! account could.
//! It is given the ledger's rows and looks at endpoints on which a success had a second factor, or that are privileged.
//! It promises that routes which only programs use, and routes that are open to everybody, are no holes, and an order
//! by what the route can do and how many can do it.
//!
//! Where somebody proved a second factor, an endpoint has a hole for each way (`Way`) in which something was granted:
//! - `api_key`, `basic`: any success by a credential of that kind, by itself. Beside a session it only names the program.
//! - `anonymous`: successes without any credential, if they are at most one in `PUBLIC_ONE_IN`. More of them make a
//!   public route, where there is nothing to walk around.
//! - `password`: successes of sessions that were given for a password alone, if the account has a second factor, or if
//!   `ASKS_PCT` of at least `ACCOUNTS_MIN` accounts prove one here, so that the route seems to ask for it. Where a second
//!   factor is each account's choice, a session without one walks around nothing.
//!
//! Where nobody proved one, there is nobody to compare with but the account itself: on an endpoint that administers
//! users, roles, keys or factors, or exports, what was granted without the factor that its account has is a hole.

use super::coverage::{is_used, of_level, successes};
use super::credential::Credential;
use super::endpoint::Endpoint;
use super::principal::Principal;
use super::visited::{Visited, Way};
use super::{Rows, is_lasting};
use heelguard_detectors::identity::{Fingerprint, PrincipalKind, ProofLevel};
use heelguard_detectors::label::Labels;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A route with more than one anonymous success in this many is public.
const PUBLIC_ONE_IN: u64 = 20;
/// The share of accounts with a second factor from which on a route seems to ask for one.
const ASKS_PCT: u64 = 90;
/// Fewer accounts say little about what a route asks for.
const ACCOUNTS_MIN: u64 = 10;

/// How much harm can be done on an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// It reads.
    Reads,
    /// It changes something.
    Changes,
    /// Its answers hold personal or secret data.
    Personal,
    /// It pays, exports, or changes passwords, factors, roles or keys.
    Sensitive,
    /// It administers users, roles, keys or factors, or exports.
    Privileged,
}

impl Weight {
    /// Its name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Changes => "changes",
            Self::Personal => "personal",
            Self::Sensitive => "sensitive",
            Self::Privileged => "privileged",
        }
    }

    /// How heavy it is to be let in here.
    pub fn at(endpoint: &Endpoint) -> Self {
        let weight = Self::of(&endpoint.method, endpoint.labels);
        if endpoint.sensitive().next().is_some() { weight.max(Self::Personal) } else { weight }
    }

    /// How heavy it is to be let in to a route of these labels by this method.
    pub fn of(method: &str, labels: Labels) -> Self {
        if labels.any(Labels::PRIVILEGED) {
            Self::Privileged
        } else if labels.any(Labels::SENSITIVE) {
            Self::Sensitive
        } else if writes(method) {
            Self::Changes
        } else {
            Self::Reads
        }
    }
}

/// Whether a method changes something (RFC 9110, section 9.2.1).
pub fn writes(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "QUERY")
}

/// One hole.
#[derive(Clone, Debug)]
pub struct Gap {
    /// Where.
    pub endpoint: Arc<Endpoint>,
    /// How something was granted there.
    pub way: Way,
    /// What it can do.
    pub weight: Weight,
    /// Successes by this way; where nobody proved a second factor, those for accounts that have one.
    pub granted: u64,
    /// Successes in this way for accounts that have a second factor.
    pub around: u64,
    /// Keys, sessions or addresses that were granted something in this way; at least, where the tables are full.
    pub callers: u64,
    /// Accounts, programs and the like behind them.
    pub owners: u64,
    /// The credentials, by successes, the most first. Addresses are in no list.
    pub by: Vec<(Fingerprint, u64)>,
    /// Successes with a second factor.
    pub mfa: u64,
    /// Sessions and tokens that had one.
    pub sessions: u64,
    /// Accounts that proved one.
    pub accounts: u64,
}

impl Gap {
    /// The evidence in one sentence.
    pub fn evidence(&self) -> String {
        let Self { granted, callers, mfa, sessions, accounts, .. } = *self;
        let who = match self.way {
            Way::Anonymous => counted(callers, "address", "addresses"),
            Way::Key => counted(callers, "key", "keys"),
            Way::Basic => {
                counted(callers, "password sent with every request", "passwords sent with every request")
            }
            Way::Password => {
                counted(callers, "session without a second factor", "sessions without a second factor")
            }
        };
        let granted = counted(granted, "success", "successes");
        if mfa == 0 {
            let whose = if self.owners > 1 { "accounts that have" } else { "an account that has" };
            return format!("{granted} by {who} for {whose} a second factor; nobody proved one here");
        }
        let mut text = format!(
            "{granted} by {who}, beside {mfa} with a second factor by {} of {}",
            counted(sessions, "session", "sessions"),
            counted(accounts, "account", "accounts"),
        );
        if self.around > 0 && self.way != Way::Anonymous {
            text.push_str(&format!("; {} for an account that has one", self.around));
        }
        text
    }

    /// What to do, in one sentence.
    pub const fn advice(&self) -> &'static str {
        match (self.way, self.weight) {
            (Way::Key, Weight::Privileged) => {
                "Take this route away from static keys, and let the program come with a short-lived token of its own."
            }
            (Way::Key, _) => {
                "Grant the key only what its program needs here, pin its addresses, or replace it by short-lived tokens."
            }
            (Way::Basic, _) => {
                "Refuse passwords that come with every request here; give out a token after the second factor."
            }
            (Way::Password, _) => {
                "Ask for the second factor before this route is granted to any session, not at the login page alone."
            }
            (Way::Anonymous, _) => {
                "Demand a session here as the other callers show one, or declare the route public."
            }
        }
    }
}

/// `1 key`, `12 keys`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What is known of one endpoint on which there may be a hole.
struct Guarded<'a> {
    endpoint: &'a Arc<Endpoint>,
    /// Successes with a second factor.
    mfa: u64,
    sessions: u64,
    accounts: u64,
    /// Accounts that were granted something without, and never with one.
    bare_accounts: u64,
    /// By way, in the order of the list.
    ways: [Callers<'a>; Way::ALL.len()],
}

/// Who was granted something in one way.
#[derive(Default)]
struct Callers<'a> {
    by: Vec<(Fingerprint, u64)>,
    around: u64,
    owners: BTreeSet<(PrincipalKind, &'a str)>,
    addresses: u64,
}

/// Every hole, the gravest first.
pub fn gaps(rows: &Rows) -> Vec<Gap> {
    let mut guarded: BTreeMap<(&str, &str, &str), Guarded<'_>> = rows
        .endpoints
        .iter()
        .filter(|endpoint| is_used(endpoint))
        .map(|endpoint| ((&*endpoint.host, &*endpoint.route, &*endpoint.method), Guarded::new(endpoint)))
        .filter(|(_, at)| at.mfa > 0 || at.endpoint.labels.any(Labels::PRIVILEGED))
        .collect();
    for principal in &rows.principals {
        for lane in principal.routes.iter().filter(|lane| lane.name.success > 0) {
            if let Some(at) = guarded.get_mut(&lane.name.names()) {
                at.principal(principal, &lane.name);
            }
        }
    }
    for credential in &rows.credentials {
        for lane in credential.routes.iter().filter(|lane| lane.name.success > 0) {
            if let Some(at) = guarded.get_mut(&lane.name.names()) {
                at.credential(credential, &lane.name);
            }
        }
    }
    let mut gaps: Vec<Gap> = guarded.into_values().flat_map(Guarded::gaps).collect();
    gaps.sort_by(|a, b| order(a).cmp(&order(b)));
    gaps
}

/// What can be done, by how many, how often; then by name.
fn order(gap: &Gap) -> impl Ord + '_ {
    let Endpoint { host, route, method, .. } = &*gap.endpoint;
    (Reverse((gap.weight, gap.callers + gap.owners, gap.granted, gap.way)), host, route, method)
}

impl<'a> Guarded<'a> {
    fn new(endpoint: &'a Arc<Endpoint>) -> Self {
        let mfa = of_level(&endpoint.proofs, ProofLevel::Mfa);
        Self { endpoint, mfa, sessions: 0, accounts: 0, bare_accounts: 0, ways: Default::default() }
    }

    fn principal(&mut self, who: &'a Principal, at: &Visited) {
        match who.kind {
            PrincipalKind::Anonymous => {
                let [.., anonymous] = &mut self.ways;
                anonymous.addresses += 1;
            }
            _ if at.mfa > 0 => self.accounts += 1,
            PrincipalKind::User => self.bare_accounts += 1,
            _ => {}
        }
    }

    fn credential(&mut self, credential: &'a Credential, at: &Visited) {
        self.sessions += u64::from(at.mfa > 0 && !is_lasting(credential.kind));
        let Some(way) = Way::usual(credential.kind) else { return };
        let around = at.around.min(at.alone);
        // Where nobody proves a second factor, a program's own key is how it should be.
        let granted = if self.mfa > 0 { at.alone } else { around };
        if granted == 0 {
            return;
        }
        let Some(callers) = self.ways.get_mut(way as usize) else { return };
        callers.by.push((credential.fingerprint, granted));
        callers.around += around;
        callers.owners.extend(credential.owner().map(|(kind, id)| (*kind, &**id)));
    }

    fn gaps(self) -> Vec<Gap> {
        let Self { endpoint, mfa, sessions, accounts, bare_accounts, ways } = self;
        let proofs = &endpoint.proofs;
        let asks = accounts >= ACCOUNTS_MIN && accounts * 100 >= (accounts + bare_accounts) * ASKS_PCT;
        let mut gaps = Vec::new();
        let by = |way: Way| -> u64 {
            ways.get(way as usize).map_or(0, |callers| callers.by.iter().map(|by| by.1).sum())
        };
        let basic = by(Way::Basic);
        // Keys that were given for a password prove no more than that.
        let keys = of_level(proofs, ProofLevel::ApiKey).max(by(Way::Key));
        let others = basic + keys - of_level(proofs, ProofLevel::ApiKey);
        for (way, mut callers) in Way::ALL.into_iter().zip(ways) {
            callers.by.sort_by_key(|&(fingerprint, count)| (Reverse(count), fingerprint));
            let granted = match way {
                _ if mfa == 0 => callers.around,
                Way::Anonymous => of_level(proofs, ProofLevel::None),
                Way::Key => keys,
                Way::Basic => basic,
                Way::Password => of_level(proofs, ProofLevel::Password).saturating_sub(others),
            };
            let is_hole = match way {
                Way::Anonymous => granted * PUBLIC_ONE_IN <= successes(proofs),
                Way::Key | Way::Basic => true,
                Way::Password => asks || callers.around > 0,
            };
            if granted == 0 || !is_hole {
                continue;
            }
            gaps.push(Gap {
                endpoint: Arc::clone(endpoint),
                way,
                weight: Weight::at(endpoint),
                granted,
                around: callers.around,
                callers: callers.by.len() as u64 + callers.addresses,
                owners: callers.owners.len() as u64,
                by: callers.by,
                mfa,
                sessions,
                accounts,
            });
        }
        gaps
    }
}
